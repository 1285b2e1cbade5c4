/** What is made of certificates and keys: trees of authorities, leaves, places; and of hostile folders. */

import { beforeAll, describe, expect, test } from 'vitest'
import { createRoot } from '../../src/issuers/create-root.js'
import { issue } from '../../src/authority/issue.js'
import type { Issuer } from '../../src/authority/issuer.js'
import { prepare, prepareCross, prepareIntermediate } from '../../src/authority/prepare.js'
import { planAdoption, type Adoption } from '../../src/adoption/adopt.js'
import { materialsIn, type Material } from '../../src/adoption/materials.js'
import type { SurveyedAgent } from '../../src/adoption/survey-agents.js'
import { newSpec } from '../../src/cluster/new-spec.js'
import { parseSpec } from '../../src/cluster/parse.js'
import { hasErrors } from '../../src/diagnostics.js'
import { heldIssuer } from '../../src/issuers/held.js'
import type { KeyAlgorithm, PrivateKey } from '../../src/keys/algorithms.js'
import { generateKeySync } from '../../src/keys/generate.js'
import { pemEncode } from '../../src/keys/pem.js'
import { encodePrivateKey } from '../../src/keys/private-key.js'
import type { Certificate } from '../../src/x509/certificate.js'
import { encodeCertificate } from '../../src/x509/certificates.js'
import fs from 'node:fs'
import { fileURLToPath } from 'node:url'

const day = 86_400_000
const now = Date.UTC(2027, 0, 15)

interface Made {
  readonly certificate: Certificate
  readonly key: PrivateKey
  readonly issuer: Issuer
}

async function root(
  name: string,
  { key = generateKeySync('ecdsa-p256'), at = now - 10 * day, lifetime = 3650 * day } = {},
): Promise<Made> {
  const { certificate } = await createRoot(
    { subject: { commonName: name }, lifetime, key },
    { now: at },
  )
  return { certificate, key, issuer: heldIssuer({ certificate, key, name: 'a' }) }
}

async function intermediate(
  above: Made,
  name: string,
  regions = ['global'],
  { key = generateKeySync('ecdsa-p256'), at = now - 9 * day } = {},
): Promise<Made> {
  const subject = { commonName: name }
  const { certificate } = await issue(
    prepareIntermediate(
      { subject, lifetime: 1000 * day, publicKey: key.publicKey, regions },
      above.issuer,
      { now: at },
    ),
  )
  const issuer = heldIssuer({ certificate, key, name: 'b', above: [above.certificate] })
  return { certificate, key, issuer }
}

interface LeafOptions {
  readonly region?: string
  readonly names?: readonly string[]
  readonly ips?: readonly string[]
  readonly at?: number
  readonly lifetime?: number
  readonly key?: KeyAlgorithm | PrivateKey
}

async function leaf(
  { issuer }: Made,
  role: 'server' | 'client' | 'combined' | 'operator',
  options: LeafOptions = {},
): Promise<{ readonly certificate: Certificate; readonly key: PrivateKey }> {
  const { key: wanted = 'ecdsa-p256' } = options
  const key = typeof wanted === 'string' ? generateKeySync(wanted) : wanted
  const { region = 'global', names = [], ips = [], at = now - day, lifetime = 90 * day } = options
  const { certificate } = await issue(
    prepare({ role, region, publicKey: key.publicKey, lifetime, names, ips, uris: [] }, issuer, {
      now: at,
    }),
  )
  return { certificate, key }
}

const pem = (one: { readonly certificate: Certificate }): string =>
  encodeCertificate(one.certificate)
const keyPem = ({ key }: { readonly key: PrivateKey }): string => encodePrivateKey(key)
const both = (one: Parameters<typeof pem>[0] & Parameters<typeof keyPem>[0]): string =>
  pem(one) + keyPem(one)

function adopt(
  files: Readonly<Record<string, string | Uint8Array>>,
  agents: readonly SurveyedAgent[] = [],
): Adoption {
  return planAdoption({
    agents,
    files: Object.entries(files).map(([file, content]) => ({
      file,
      materials: materialsIn(file, typeof content === 'string' ? Buffer.from(content) : content),
    })),
    now,
  })
}

const template = fs.readFileSync(
  fileURLToPath(new URL('../../templates/cluster.yaml', import.meta.url)),
  'utf8',
)

/** The spec as text; it must be one. */
function specOf({ spec }: Adoption): string {
  const { text, diagnostics } = newSpec({ cluster: 'acme', ...spec }, template)
  expect(diagnostics.filter(({ severity }) => severity === 'error')).toEqual([])
  expect(hasErrors(parseSpec(text).diagnostics)).toBe(false)
  return text
}

function left({ leftOut }: Adoption): readonly string[] {
  return leftOut.map(({ place, code }) => `${place} ${code}`).sort()
}

const addresses = ({ identities }: Adoption): readonly string[] =>
  identities.map(({ address }) => address)

let ca: Made
let server: { readonly certificate: Certificate; readonly key: PrivateKey }
beforeAll(async () => {
  ca = await root('Old CA', { at: now - 200 * day })
  server = await leaf(ca, 'server', { names: ['s1.acme.test'] })
})

describe('authorities', () => {
  test('are told by signatures: of two with one subject the one that signed is adopted', async () => {
    const twin = await root('Old CA')
    const adoption = adopt({ 'a.pem': both(twin), 'b.pem': both(ca), 'c.pem': both(server) })
    expect(adoption.refused).toBeUndefined()
    expect(adoption.authorities.map(({ places }) => places[0])).toEqual(['b.pem (1 of 2)'])
    expect(left(adoption)).toEqual(['a.pem (1 of 2) adoption/signs-nothing'])
  })

  test('renewed with one key are one: the one that ends last is adopted', async () => {
    const renewed = await root('Old CA', { key: ca.key, at: now - day })
    const adoption = adopt({ 'old.pem': both(ca), 'new.pem': pem(renewed), 'c.pem': both(server) })
    expect(adoption.authorities).toHaveLength(1)
    expect(adoption.authorities[0]!.places).toEqual(['new.pem'])
    expect(left(adoption)).toEqual(['old.pem (1 of 2) adoption/replaced'])
  })

  test('two roots in one file, as in a rotation, are two generations; leaves of both stay', async () => {
    const next = await root('New CA', { at: now - 2 * day })
    const second = await leaf(next, 'server', { names: ['s2.acme.test'] })
    const adoption = adopt({
      'ca.pem': pem(ca) + pem(next),
      'k1.pem': keyPem(ca),
      'k2.pem': keyPem(next),
      's1.pem': both(server),
      's2.pem': both(second),
    })
    expect(adoption.authorities.map(({ address }) => address)).toEqual([
      'authority/agent/1',
      'authority/agent/2',
    ])
    expect([...addresses(adoption)].sort()).toEqual([
      'identity/server/global/s1',
      'identity/server/global/s2',
    ])
    const text = specOf(adoption)
    expect(text).toContain('signing: 2, trusted: [1, 2], rollout: ride-along')
  })

  test('two roots that nothing joins are refused: they may be two clusters', async () => {
    const next = await root('New CA')
    const second = await leaf(next, 'server', { names: ['s2.acme.test'] })
    const adoption = adopt({
      'a.pem': both(ca),
      'b.pem': both(next),
      s: both(server),
      t: both(second),
    })
    expect(adoption.refused?.message).toContain('several roots sign for agents')
    expect([adoption.authorities, adoption.identities]).toEqual([[], []])
  })

  test('a root that another root certified is joined with it, and keeps that certificate', async () => {
    const next = await root('New CA', { at: now - 2 * day })
    const second = await leaf(next, 'server', { names: ['s2.acme.test'] })
    const { certificate: cross } = await issue(
      prepareCross(next.certificate, ca.issuer, { now: now - day, intermediates: 0 }),
    )
    const adoption = adopt({
      'a.pem': both(ca),
      'b.pem': both(next),
      'x.pem': encodeCertificate(cross),
      's1.pem': both(server),
      's2.pem': both(second),
    })
    expect(adoption.refused).toBeUndefined()
    expect(adoption.authorities.map(({ crossed }) => [...crossed.keys()])).toEqual([[], [1]])
    expect(specOf(adoption)).toContain('crossed: true')
  })

  test('a root and an intermediate stand in the spec as what they are', async () => {
    const between = await intermediate(ca, 'Issuing CA')
    const own = await leaf(between, 'server', { ips: [], names: [] })
    const adoption = adopt({ 'ca.pem': pem(ca), 'i.pem': both(between), 's.pem': both(own) })
    expect(adoption.authorities.map(({ address, key }) => [address, key !== undefined])).toEqual([
      ['authority/agent/1', false],
      ['authority/issuing/1', true],
    ])
    const text = specOf(adoption)
    expect(text).toContain('issuing: { issuer: agent')
    expect(text).toContain('authority: issuing')
    expect(adoption.identities[0]!.issuer).toBe('authority/issuing/1')
  })

  test('an intermediate whose root is not there is trusted as it is', async () => {
    const between = await intermediate(ca, 'Issuing CA')
    const own = await leaf(between, 'server')
    const adoption = adopt({ 'i.pem': both(between), 's.pem': both(own) })
    expect(adoption.authorities.map(({ address }) => address)).toEqual(['authority/agent/1'])
    specOf(adoption)
  })

  test('one alone, without any leaf, is adopted with one node, which says that it is an example', () => {
    const adoption = adopt({ 'ca.pem': both(ca) })
    expect(adoption.authorities).toHaveLength(1)
    const text = specOf(adoption)
    expect(text).toMatch(/this node is an example: .*\n +s1: \{\}/)
    expect(adoption.spec.listed).toHaveLength(1)
    expect(text).not.toContain('clients:')
  })

  test.each(['client', 'operator'] as const)(
    'a region whose server is under an intermediate and whose %s is under the root is signed by the intermediate',
    async (role) => {
      const between = await intermediate(ca, 'Issuing CA', ['eu'])
      const files: Record<string, string> = {
        'ca.pem': both(ca),
        'i.pem': both(between),
        's.pem': both(await leaf(between, 'server', { region: 'eu' })),
      }
      for (const n of ['1', '2']) {
        files[`${n}.pem`] = both(
          await leaf(ca, role, {
            region: 'eu',
            ...(role === 'client' && { names: [`c${n}.acme.test`] }),
          }),
        )
      }
      const adoption = adopt(files)
      expect(adoption.identities).toHaveLength(3)
      expect(specOf(adoption)).toContain('authority: issuing')
    },
  )

  test('nor is an intermediate lost that signed for clients alone, beside servers under the root', async () => {
    const between = await intermediate(ca, 'Issuing CA')
    const adoption = adopt({
      'ca.pem': both(ca),
      'i.pem': both(between),
      's.pem': both(server),
      'c.pem': both(await leaf(between, 'client')),
    })
    expect(adoption.identities).toHaveLength(2)
    expect(specOf(adoption)).toContain('authority: issuing')
  })

  test('an intermediate that was renewed with its key is one: leaves of before and after stay', async () => {
    const between = await intermediate(ca, 'Issuing CA')
    const renewed = await intermediate(ca, 'Issuing CA', ['global'], {
      key: between.key,
      at: now - day,
    })
    const adoption = adopt({
      'ca.pem': both(ca),
      'old.pem': both(between),
      'new.pem': pem(renewed),
      's1.pem': both(await leaf(between, 'server')),
      's2.pem': both(await leaf(renewed, 'server')),
    })
    expect(adoption.authorities.map(({ address, places: [place] }) => [address, place])).toEqual([
      ['authority/agent/1', 'ca.pem (1 of 2)'],
      ['authority/issuing/1', 'new.pem'],
    ])
    expect(adoption.identities.map(({ issuer }) => issuer)).toEqual([
      'authority/issuing/1',
      'authority/issuing/1',
    ])
    specOf(adoption)
  })

  test.each([
    ['Issuing CA', 'Issuing CA'],
    ['Issuing CA 2026', 'Issuing CA 2027'],
  ])(
    'an intermediate that was renewed with another key (%s, %s) has two generations, and leaves of both stay',
    async (before, after) => {
      const old = await intermediate(ca, before)
      const next = await intermediate(ca, after, ['global'], { at: now - 2 * day })
      const adoption = adopt({
        'ca.pem': both(ca),
        'a.pem': both(next),
        'b.pem': both(old),
        's1.pem': both(await leaf(old, 'server')),
        's2.pem': both(await leaf(next, 'server')),
      })
      expect(adoption.authorities.map(({ address, places: [place] }) => [address, place])).toEqual([
        ['authority/agent/1', 'ca.pem (1 of 2)'],
        ['authority/issuing/1', 'b.pem (1 of 2)'],
        ['authority/issuing/2', 'a.pem (1 of 2)'],
      ])
      const issuers = adoption.identities.map(({ name, issuer }) => `${name} ${issuer}`)
      expect([...issuers].sort()).toEqual(['s1 authority/issuing/1', 's2 authority/issuing/2'])
      expect(left(adoption)).toEqual([])
      expect(specOf(adoption)).toMatch(
        /issuing: \{ issuer: agent, .*signing: 2, rollout: ride-along/,
      )
    },
  )

  test('intermediates of two regions stay two, also where their names differ in a number alone', async () => {
    const files: Record<string, string> = { 'ca.pem': both(ca) }
    for (const n of ['1', '2']) {
      const own = await intermediate(ca, `Issuing dc${n}`, [`dc${n}`])
      files[`i${n}.pem`] = both(own)
      files[`s${n}.pem`] = both(await leaf(own, 'server', { region: `dc${n}` }))
    }
    const adoption = adopt(files)
    expect(adoption.authorities.map(({ address }) => address).sort()).toEqual([
      'authority/agent/1',
      'authority/dc1/1',
      'authority/dc2/1',
    ])
    specOf(adoption)
  })

  test('of two intermediates in a region the one that signed for servers is adopted', async () => {
    const [a, b] = [await intermediate(ca, 'A CA'), await intermediate(ca, 'B CA')]
    const adoption = adopt({
      'ca.pem': both(ca),
      'a.pem': both(a),
      'b.pem': both(b),
      's.pem': both(await leaf(a, 'server')),
      'c.pem': both(await leaf(b, 'client')),
    })
    expect(addresses(adoption)).toEqual(['identity/server/global/shared'])
    expect(left(adoption)).toEqual([
      'b.pem (1 of 2) adoption/signs-nothing',
      'c.pem (1 of 2) adoption/authority',
    ])
    specOf(adoption)
  })

  test('that have expired are left out; nothing else there is an error', async () => {
    const dead = await root('Dead CA', { at: now - 100 * day, lifetime: 50 * day })
    const adoption = adopt({ 'ca.pem': both(dead) })
    expect(left(adoption)).toContain('ca.pem (1 of 2) adoption/expired')
    expect(adoption.refused?.message).toContain('no authority in it that lives')
  })
})

describe('certificates of agents', () => {
  test('that expired, have no key, no issuer or no role are left out, each with its reason', async () => {
    const stranger = await root('Another CA')
    const adoption = adopt({
      'ca.pem': both(ca),
      's1.pem': both(server),
      'dead.pem': both(await leaf(ca, 'client', { at: now - 100 * day, lifetime: 50 * day })),
      'keyless.pem': pem(await leaf(ca, 'client', { names: ['c2.acme.test'] })),
      'foreign.pem': both(await leaf(stranger, 'client')),
      'lonely.pem': keyPem({ key: generateKeySync('ecdsa-p256') }),
    })
    expect(addresses(adoption)).toEqual(['identity/server/global/s1'])
    expect(left(adoption)).toEqual([
      'dead.pem (1 of 2) adoption/expired',
      'foreign.pem (1 of 2) adoption/issuer',
      'keyless.pem adoption/key-missing',
      'lonely.pem adoption/key-unmatched',
    ])
  })

  test.each(['a..b', '.a', 'a-', 'GLOBAL'])(
    'of a region that a spec cannot have (%s) are left out, and the others are adopted',
    async (region) => {
      const { certificate: odd } = await leaf(ca, 'server', {
        region: 'xxxx',
        names: ['odd.acme.test'],
      })
      const renamed = {
        ...odd,
        subjectAltName: odd.subjectAltName!.map((one) =>
          one.type === 'dns' && one.value === 'server.xxxx.nomad'
            ? { ...one, value: `server.${region}.nomad` }
            : one,
        ),
        subject: ca.certificate.subject,
      }
      expect(renamed.subjectAltName).not.toEqual(odd.subjectAltName)
      const key = await leaf(ca, 'server', { names: ['s1.acme.test'] })
      const other = await leaf(ca, 'client', { names: ['c1.acme.test'] })
      const adoption = planAdoption({
        files: [
          { file: 'ca.pem', materials: materialsIn('ca.pem', Buffer.from(both(ca))) },
          { file: 's.pem', materials: materialsIn('s.pem', Buffer.from(both(key))) },
          { file: 'c.pem', materials: materialsIn('c.pem', Buffer.from(both(other))) },
          {
            file: 'odd.pem',
            materials: [
              {
                kind: 'certificate',
                place: 'odd.pem',
                certificate: { ...renamed, publicKey: key.certificate.publicKey },
              },
            ],
          },
        ],
        now,
      })
      expect(addresses(adoption)).toEqual([
        'identity/server/global/s1',
        'identity/client/global/c1',
      ])
      expect(left(adoption)).toEqual(['odd.pem adoption/region'])
      expect(adoption.leftOut[0]!.message).toMatch(/^its region /)
      specOf(adoption)
    },
  )

  test('without a key: the hint says what the next apply does', async () => {
    const keyless = pem(await leaf(ca, 'server', { ips: ['10.0.0.1'] }))
    const hint = (agents: readonly SurveyedAgent[]): string =>
      adopt({ 'ca.pem': both(ca), 'k.pem': keyless }, agents).leftOut[0]!.hint!
    expect(hint([])).toContain('else add its node to the spec')
    expect(hint(three)).toContain('else the next apply makes a new pair for its node')
  })

  test('of one host and one key: the newer one is adopted', async () => {
    const { key } = server
    const newer = await leaf(ca, 'server', { names: ['s1.acme.test'], at: now - day / 2, key })
    const adoption = adopt({ 'ca.pem': both(ca), 'a.pem': both(server), 'b.pem': both(newer) })
    expect(adoption.identities.map(({ places }) => places[0])).toEqual(['b.pem (1 of 2)'])
    expect(left(adoption)).toEqual(['a.pem (1 of 2) adoption/replaced'])
  })

  test('of one name and several keys stay, each with a question: all can be in use', async () => {
    const files: Record<string, string> = { 'ca.pem': both(ca) }
    for (const host of ['s1', 's2', 's3']) {
      files[`${host}.pem`] = both(await leaf(ca, 'server', { names: ['nomad.acme.test'] }))
    }
    const adoption = adopt(files)
    expect([...addresses(adoption)].sort()).toEqual([
      'identity/server/global/nomad',
      'identity/server/global/nomad-2',
      'identity/server/global/nomad-3',
    ])
    expect(left(adoption)).toEqual([])
    expect(specOf(adoption).match(/with another key: is it another host's\?/g)).toHaveLength(2)
  })

  test('that name no host are named by their path, and the question stays in the spec', async () => {
    const files: Record<string, string> = { 'ca.pem': both(ca) }
    for (const host of ['s1', 's2'])
      files[`hosts/${host}/server.pem`] = both(await leaf(ca, 'server'))
    const adoption = adopt(files)
    expect([...addresses(adoption)].sort()).toEqual([
      'identity/server/global/s1',
      'identity/server/global/s2',
    ])
    expect(specOf(adoption)).toContain('# which agent uses hosts/s1/server.pem')
  })

  test('have their names, addresses, keys and lifetimes in the spec as they are', async () => {
    const one = await leaf(ca, 'client', {
      region: 'eu-west',
      names: ['c1.acme.test'],
      ips: ['10.0.0.9'],
      key: 'ecdsa-p384',
      lifetime: 400 * day,
    })
    const text = specOf(adopt({ 'ca.pem': both(ca), 'a.pem': both(one), 'b.pem': both(server) }))
    expect(text).toMatch(
      /c1: \{ ips: \[10\.0\.0\.9\], names: \[c1\.acme\.test\], key: ecdsa-p384, lifetime: 400d \}|defaults: \{ key: ecdsa-p384, lifetime: 400d \}/,
    )
    expect(text).toContain('eu-west:')
  })
})

/** A server whose configuration says where it is, and calls its certificate server.pem. */
function agent(
  name: string,
  address: string | undefined,
  chain?: readonly Certificate[],
): SurveyedAgent {
  const config = `agents/${name}`
  const text = `name = "${name}"
region = "global"
server { enabled = true }
${address === undefined ? '' : `advertise { http = "${address}" rpc = "${address}" serf = "${address}" }`}
tls {
  http = true
  rpc = true
  ca_file = "/etc/nomad.d/ca.pem"
  cert_file = "/etc/nomad.d/server.pem"
  key_file = "/etc/nomad.d/server-key.pem"
  verify_server_hostname = true
  verify_https_client = true
}
`
  const file = { name: 'nomad.hcl', path: `${config}/nomad.hcl`, bytes: Buffer.from(text) }
  const inUse = chain && { path: '/etc/nomad.d/ca.pem', roots: [], chain }
  return { config, files: [file], inUse }
}

const three = [agent('s1', '10.0.0.1'), agent('s2', '10.0.0.2'), agent('s3', '10.0.0.3')] as const

describe('certificates of agents whose configurations are there', () => {
  test.each<readonly [string, LeafOptions]>([
    ['address and name', { ips: ['10.0.0.1'], names: ['s1.acme.test'] }],
    ['address', { ips: ['10.0.0.1'] }],
    ['name', { names: ['s1.acme.test'] }],
  ])('a file of the right name is not shared where it names one host by %s', async (_, options) => {
    const one = await leaf(ca, 'server', options)
    const adoption = adopt({ 'ca.pem': both(ca), 's1/server.pem': both(one) }, three)
    expect(addresses(adoption)).toEqual(['identity/server/global/s1'])
    const text = specOf(adoption)
    expect(text).toMatch(/server\.pem \(1 of 2\) is not taken for it: that names .*\n +s2: /)
    expect(text).not.toContain('shared')
  })

  test('nor where the file was read on this machine, which is one of the hosts', async () => {
    const one = await leaf(ca, 'server', { ips: ['10.0.0.1'] })
    const agents = ['1', '2'].map((n) => agent(`s${n}`, `10.0.0.${n}`, [one.certificate]))
    const adoption = adopt({ 'ca.pem': both(ca), 'a.pem': both(one) }, agents)
    expect(addresses(adoption)).toEqual(['identity/server/global/s1'])
  })

  test('one pair that names all of them, or none, is shared, and its split is written out', async () => {
    for (const options of [{}, { ips: ['10.0.0.1', '10.0.0.2', '10.0.0.3'] }]) {
      const one = await leaf(ca, 'server', options)
      const adoption = adopt({ 'ca.pem': both(ca), 'server.pem': both(one) }, three)
      expect(addresses(adoption)).toEqual(['identity/server/global/shared'])
      const text = specOf(adoption)
      expect(text).toContain('their configurations are not followed while it is shared')
      expect(text).toContain('#   s2: { ips: [10.0.0.2], config: agents/s2 }')
      // The lines of the comment in the place of `shared` are a spec.
      const split = text
        .replace(/^ +shared: .*\n/m, '')
        .replace(/^( +)# {3}(s[123]: .*)$/gm, '$1$2')
      expect(parseSpec(split).diagnostics).toEqual([])
      expect(parseSpec(split).spec?.regions[0]?.groups.map(({ shared }) => shared)).toEqual([
        false,
        false,
        false,
      ])
    }
  })

  test.each<readonly [string, (n: string) => LeafOptions, (n: string) => string]>([
    ['one name of a file', (n) => ({ ips: [`10.0.0.${n}`] }), (n) => `s${n}/server.pem`],
    ['other names of files', (n) => ({ ips: [`10.0.0.${n}`] }), (n) => `x${n}.pem`],
    ['names of hosts', (n) => ({ names: [`s${n}.acme.test`] }), (n) => `x${n}.pem`],
  ])('are matched by what they name: %s', async (_, options, file) => {
    const files: Record<string, string> = { 'ca.pem': both(ca) }
    for (const n of ['1', '2', '3']) files[file(n)] = both(await leaf(ca, 'server', options(n)))
    const adoption = adopt(files, three)
    expect([...addresses(adoption)].sort()).toEqual([
      'identity/server/global/s1',
      'identity/server/global/s2',
      'identity/server/global/s3',
    ])
    expect(adoption.spec.listed).toHaveLength(3)
    expect(specOf(adoption)).toContain('config: agents/s3')
  })

  test('an older one of the host is left out, and no second node stands for it', async () => {
    const old = await leaf(ca, 'server', { ips: ['10.0.0.1'], at: now - 20 * day })
    const used = await leaf(ca, 'server', { ips: ['10.0.0.1'] })
    const adoption = adopt({ 'ca.pem': both(ca), 'old.pem': both(old), 'new.pem': both(used) }, [
      agent('s1', '10.0.0.1', [used.certificate]),
    ])
    expect(adoption.spec.listed).toHaveLength(1)
    expect(adoption.identities.map(({ places }) => places[0])).toEqual(['new.pem (1 of 2)'])
    expect(left(adoption)).toEqual(['old.pem (1 of 2) adoption/replaced'])
    // What it uses is not here: the old one is not taken in its place.
    const keyless = adopt({ 'ca.pem': both(ca), 'old.pem': both(old) }, [
      agent('s1', '10.0.0.1', [used.certificate]),
    ])
    expect(addresses(keyless)).toEqual([])
    expect(keyless.spec.listed).toHaveLength(1)
  })
})

describe('what a file is follows from its content', () => {
  const kinds = (content: string | Uint8Array): readonly string[] =>
    materialsIn('f', typeof content === 'string' ? Buffer.from(content, 'latin1') : content).map(
      (one: Material) => (one.kind === 'left-out' ? one.code : one.kind),
    )

  test.each<readonly [string, () => string | Uint8Array, readonly string[]]>([
    ['several blocks', () => both(ca), ['certificate', 'key']],
    ['text around', () => `hello\n${pem(ca)}bye\n`, ['certificate']],
    [
      'a byte order mark and CRLF',
      () => `\xef\xbb\xbf${pem(ca).replaceAll('\n', '\r\n')}`,
      ['certificate'],
    ],
    ['DER', () => ca.certificate.der, ['certificate']],
    [
      'DER with bytes behind it',
      () => Buffer.concat([ca.certificate.der, Buffer.from('x')]),
      ['adoption/malformed'],
    ],
    [
      'a damaged block beside a whole one',
      () => `${pem(ca)}-----BEGIN CERTIFICATE-----\n%%%\n-----END CERTIFICATE-----\n`,
      ['certificate', 'adoption/malformed'],
    ],
    [
      'the output of cfssl',
      () => JSON.stringify({ cert: pem(ca), key: keyPem(ca), csr: '' }),
      ['certificate', 'key'],
    ],
    [
      'an answer of Vault',
      () =>
        JSON.stringify({
          data: { certificate: pem(server), ca_chain: [pem(ca)], private_key: keyPem(server) },
        }),
      ['certificate', 'certificate', 'key'],
    ],
    [
      'a configuration of cfssl',
      () => '{"signing":{"default":{"expiry":"1h"}}}',
      ['adoption/unused'],
    ],
    ['a request for cfssl', () => '{"CN":"x","hosts":[]}', ['adoption/unused']],
    ['JSON of something else', () => '[1,2]', ['adoption/unrelated']],
    ['nothing', () => '', ['adoption/unrelated']],
    ['binary', () => Buffer.from([0x30, 0x82, 0xff, 0xff, 1, 2, 3]), ['adoption/malformed']],
    [
      'an encrypted key',
      () => '-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAA=\n-----END ENCRYPTED PRIVATE KEY-----\n',
      ['locked'],
    ],
    [
      'an old encrypted key',
      () =>
        '-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nMAA=\n-----END RSA PRIVATE KEY-----\n',
      ['locked'],
    ],
    ['a revocation list', () => pemEncode('X509 CRL', Buffer.from([0x30, 0])), ['adoption/unused']],
    [
      'a key of OpenSSH',
      () => pemEncode('OPENSSH PRIVATE KEY', Buffer.from([1])),
      ['adoption/key'],
    ],
    ['a block of another kind', () => pemEncode('AGE FILE', Buffer.from([1])), ['adoption/unused']],
  ])('%s', (_name, content, expected) => {
    expect(kinds(content())).toEqual(expected)
  })

  test('a key whose public half is of another key is damaged, and is not told', () => {
    const other = generateKeySync('ecdsa-p256')
    const bytes = Buffer.from(ca.key.pkcs8)
    const point = Buffer.from(other.publicKey.spki).subarray(-64)
    point.copy(bytes, bytes.length - 64)
    const [material] = materialsIn('k', Buffer.from(pemEncode('PRIVATE KEY', bytes)))
    expect(material).toMatchObject({ kind: 'left-out', code: 'adoption/malformed' })
  })

  test('many authorities of one name and many leaves do not take long', async () => {
    const files: Record<string, string> = { 'ca.pem': both(ca), 's.pem': both(server) }
    const twins = await Promise.all(Array.from({ length: 60 }, () => root('Old CA')))
    twins.forEach((one, index) => (files[`t${index}.pem`] = pem(one)))
    const before = performance.now()
    const adoption = adopt(files)
    expect(performance.now() - before).toBeLessThan(5000)
    expect(addresses(adoption)).toEqual(['identity/server/global/s1'])
  })
})
