/** A second run of `adopt` over a folder that changed, and a store that is not there to be written. */

import fs from 'node:fs'
import path from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { issue } from '../../src/authority/issue.js'
import { prepare } from '../../src/authority/prepare.js'
import { createRoot } from '../../src/issuers/create-root.js'
import { heldIssuer } from '../../src/issuers/held.js'
import type { PrivateKey } from '../../src/keys/algorithms.js'
import { generateKeySync } from '../../src/keys/generate.js'
import { encodePrivateKey } from '../../src/keys/private-key.js'
import type { Certificate } from '../../src/x509/certificate.js'
import { encodeCertificate } from '../../src/x509/certificates.js'
import { stateOf } from '../adoption/folders.js'
import { cli, folder, now } from './cli.js'

const day = 86_400_000

interface Pair {
  readonly certificate: Certificate
  readonly key: PrivateKey
}

async function root(key = generateKeySync('ecdsa-p256'), at = now - 100 * day): Promise<Pair> {
  const { certificate } = await createRoot(
    { subject: { commonName: 'Old CA' }, lifetime: 3650 * day, key },
    { now: at },
  )
  return { certificate, key }
}

async function server(
  { certificate, key }: Pair,
  host: string | undefined,
  at = now - 9 * day,
  own = generateKeySync('ecdsa-p256'),
): Promise<Pair> {
  const asked = {
    role: 'server',
    region: 'global',
    names: host === undefined ? [] : [`${host}.acme.test`],
    ips: [],
    uris: [],
  }
  const made = await issue(
    prepare(
      { ...asked, role: 'server', publicKey: own.publicKey, lifetime: 200 * day },
      heldIssuer({ certificate, key, name: 'a' }),
      { now: at },
    ),
  )
  return { certificate: made.certificate, key: own }
}

async function person({ certificate, key }: Pair): Promise<Pair> {
  const own = generateKeySync('ecdsa-p256')
  const made = await issue(
    prepare(
      {
        ...{ role: 'operator', region: 'global', names: [], ips: [], uris: [] },
        ...{ publicKey: own.publicKey, lifetime: 200 * day },
      },
      heldIssuer({ certificate, key, name: 'a' }),
      { now: now - 9 * day },
    ),
  )
  return { certificate: made.certificate, key: own }
}

const pem = ({ certificate, key }: Pair): string =>
  encodeCertificate(certificate) + encodePrivateKey(key)

let ca: Pair
let s1: Pair
let s2: Pair
beforeAll(async () => {
  ca = await root()
  s1 = await server(ca, 's1')
  s2 = await server(ca, 's2')
})

const world = (): string =>
  folder({ 'old/ca.pem': pem(ca), 'old/s1.pem': pem(s1), 'old/s2.pem': pem(s2) })

interface Document {
  readonly authorities: readonly {
    readonly address: string
    readonly new: boolean
    readonly key: boolean
  }[]
  readonly identities: readonly {
    readonly address: string
    readonly generation: number
    readonly new: boolean
    readonly notes: readonly string[]
  }[]
  readonly leftOut: readonly { place: string; code: string; message: string; hint?: string }[]
}

async function again(cwd: string, at = now): Promise<Document> {
  const { status, stdout, stderr } = await cli(cwd, ['adopt', 'old', '--json'], { now: at })
  expect([status, stderr]).toEqual([0, stderr])
  return JSON.parse(stdout) as Document
}

const write = (cwd: string, file: string, text: string): void => {
  fs.writeFileSync(path.join(cwd, file), text)
}

const told = ({ leftOut }: Document): readonly string[] =>
  leftOut.map(({ place, code }) => `${place} ${code}`)
const ledger = (cwd: string): string => fs.readFileSync(path.join(cwd, 'pki/ledger.jsonl'), 'utf8')

/** Everything is as it should be, and another run finds nothing new. */
async function settled(cwd: string): Promise<void> {
  expect((await cli(cwd, ['plan'])).stdout).toBe('nothing to do\n')
  expect((await cli(cwd, ['verify'])).status).toBe(0)
  const before = stateOf(cwd)
  expect((await again(cwd)).identities.filter((one) => one.new)).toEqual([])
  expect(stateOf(cwd)).toEqual(before)
}

describe('a renewal by the old tool', () => {
  const generations = (cwd: string, address: string): readonly string[] =>
    fs
      .readdirSync(path.join(cwd, 'pki', address))
      .filter((name) => name !== 'current')
      .map((name) => name.split('-')[0]!)
      .sort()

  const keyOf = (pair: Pair): string => encodePrivateKey(pair.key)
  const certOf = (pair: Pair): string => encodeCertificate(pair.certificate)

  test.each<readonly [string, (cwd: string, at: number) => Promise<string>, readonly string[]]>([
    [
      'over the old file',
      async (cwd, at) => {
        write(cwd, 'old/s1.pem', pem(await server(ca, 's1', at)))
        return 'another key'
      },
      [],
    ],
    [
      'beside it, with its key',
      async (cwd, at) => {
        write(cwd, 'old/new.pem', pem(await server(ca, 's1', at, s1.key)))
        return 'the same key'
      },
      ['old/s1.pem (1 of 2) adoption/replaced'],
    ],
    [
      'beside it, with another key',
      async (cwd, at) => {
        write(cwd, 'old/new.pem', pem(await server(ca, 's1', at)))
        return 'another key'
      },
      ['old/s1.pem (1 of 2) adoption/replaced'],
    ],
    [
      'without its key, which only the store has now',
      async (cwd, at) => {
        write(cwd, 'old/s1.pem', certOf(await server(ca, 's1', at, s1.key)))
        return 'the same key'
      },
      [],
    ],
    [
      'with two that came since: the newest counts',
      async (cwd, at) => {
        write(cwd, 'old/a.pem', pem(await server(ca, 's1', at - day)))
        write(cwd, 'old/b.pem', pem(await server(ca, 's1', at)))
        return 'another key'
      },
      ['old/a.pem (1 of 2) adoption/replaced', 'old/s1.pem (1 of 2) adoption/replaced'],
    ],
  ])('%s is the next generation of its identity', async (_, renew, leftOut) => {
    const cwd = world()
    await cli(cwd, ['adopt', 'old'])
    const spec = fs.readFileSync(path.join(cwd, 'cluster.yaml'), 'utf8')
    const key = await renew(cwd, now - day)
    const dry = await cli(cwd, ['adopt', 'old', '--dry-run'])
    expect(dry.stdout).toContain('+ identity/server/global/s1  generation 2\n')
    expect(generations(cwd, 'identity/server/global/s1')).toEqual(['1'])
    const said = await again(cwd)
    expect([...told(said)].sort()).toEqual(leftOut)
    expect(said.identities.filter((one) => one.new)).toMatchObject([
      { address: 'identity/server/global/s1', generation: 2 },
    ])
    expect(said.identities.find((one) => one.new)!.notes[0]).toContain(key)
    expect(generations(cwd, 'identity/server/global/s1')).toEqual(['1', '2'])
    expect(ledger(cwd)).toMatch(
      /"event":"adopted","address":"identity\/server\/global\/s1".*"generation":2/,
    )
    expect(fs.readFileSync(path.join(cwd, 'cluster.yaml'), 'utf8')).toBe(spec)
    await settled(cwd)
  })

  test('that lies beside with another key says that it could be a different host', async () => {
    const cwd = world()
    await cli(cwd, ['adopt', 'old'])
    write(cwd, 'old/new.pem', pem(await server(ca, 's1', now - day)))
    const [note, question] = (await again(cwd)).identities.find((one) => one.new)!.notes
    expect(note).toContain('it is the generation after 1')
    expect(question).toContain('if it is a different host')
  })

  test('that names more than before brings the names into the spec', async () => {
    const cwd = world()
    await cli(cwd, ['adopt', 'old'])
    const spec = fs.readFileSync(path.join(cwd, 'cluster.yaml'), 'utf8')
    // A spec of before the names were known.
    write(cwd, 'cluster.yaml', spec.replace('s1: { names: [s1.acme.test] }', 's1: {}'))
    write(cwd, 'old/s1.pem', pem(await server(ca, 's1', now - day)))
    await again(cwd)
    expect(fs.readFileSync(path.join(cwd, 'cluster.yaml'), 'utf8')).toBe(spec)
    await settled(cwd)
  })

  test('that begins before what the store has is passed over, and says why', async () => {
    const cwd = world()
    await cli(cwd, ['adopt', 'old'])
    const before = stateOf(path.join(cwd, 'pki'))
    write(cwd, 'old/s1-older.pem', pem(await server(ca, 's1', now - 20 * day)))
    const said = await again(cwd)
    expect(told(said)).toEqual(['old/s1-older.pem (1 of 2) adoption/replaced'])
    expect(said.leftOut[0]!.message).toMatch(
      /^it begins \S+, and generation 1 of identity\/server\/global\/s1 begins later, /,
    )
    expect(stateOf(path.join(cwd, 'pki'))).toEqual(before)
  })

  test('of an identity that was renewed here is a question, and its hint answers it', async () => {
    const cwd = world()
    await cli(cwd, ['adopt', 'old'])
    // Made before our renewal: no question.
    write(cwd, 'old/s1.pem', pem(await server(ca, 's1', now - day)))
    expect((await cli(cwd, ['rotate', 'leaves', 's1', '--yes'])).status).toBe(0)
    const passed = await again(cwd)
    expect(told(passed)).toEqual(['old/s1.pem (1 of 2) adoption/replaced'])
    expect(passed.leftOut[0]!.message).toContain('was made here later')

    write(cwd, 'old/s1.pem', pem(await server(ca, 's1', now + day)))
    const at = now + 2 * day
    const before = stateOf(path.join(cwd, 'pki'))
    const asked = await again(cwd, at)
    expect(told(asked)).toEqual(['old/s1.pem (1 of 2) adoption/question'])
    expect(asked.leftOut[0]!.message).toContain('which one is its agent to use?')
    expect(stateOf(path.join(cwd, 'pki'))).toEqual(before)
    const [line] = /rotate leaves identity\S+/.exec(asked.leftOut[0]!.hint!)!
    const renewed = await cli(cwd, [...line.split(' '), '--yes'], { now: at })
    expect([renewed.status, renewed.stderr]).toEqual([0, renewed.stderr])
    expect(told(await again(cwd, at))).toEqual(['old/s1.pem (1 of 2) adoption/replaced'])
  })

  test('of a pair that all servers share renews that pair, and no server appears', async () => {
    for (const file of ['old/server.pem', 'old/new/server.pem']) {
      const cwd = folder({
        'old/ca.pem': pem(ca),
        'old/server.pem': pem(await server(ca, undefined)),
      })
      await cli(cwd, ['adopt', 'old'])
      const spec = fs.readFileSync(path.join(cwd, 'cluster.yaml'), 'utf8')
      fs.mkdirSync(path.join(cwd, 'old/new'))
      write(cwd, file, pem(await server(ca, undefined, now - day)))
      const fresh = (await again(cwd)).identities.filter((one) => one.new)
      expect(fresh).toMatchObject([{ address: 'identity/server/global/shared', generation: 2 }])
      expect(fs.readFileSync(path.join(cwd, 'cluster.yaml'), 'utf8')).toBe(spec)
      await settled(cwd)
    }
  })

  test('in a folder for each host, where no certificate names one, is told by the folder', async () => {
    const cwd = folder({ 'old/ca.pem': pem(ca) })
    for (const host of ['s1', 's2', 's3']) {
      fs.mkdirSync(path.join(cwd, 'old', host))
      write(cwd, `old/${host}/server.pem`, pem(await server(ca, undefined)))
    }
    await cli(cwd, ['adopt', 'old'])
    write(cwd, 'old/s2/server.pem', pem(await server(ca, undefined, now - day)))
    const fresh = (await again(cwd)).identities.filter((one) => one.new)
    expect(fresh).toMatchObject([{ address: 'identity/server/global/s2', generation: 2 }])
    await settled(cwd)
  })

  test('is known in a folder of its own: the authority is in the store', async () => {
    const cwd = world()
    await cli(cwd, ['adopt', 'old'])
    fs.rmSync(path.join(cwd, 'old'), { recursive: true })
    fs.mkdirSync(path.join(cwd, 'old'))
    write(cwd, 'old/s1.pem', pem(await server(ca, 's1', now - day)))
    const said = await again(cwd)
    expect(said.leftOut).toEqual([])
    expect(said.identities).toMatchObject([
      { address: 'identity/server/global/s1', generation: 2, new: true },
    ])
    await settled(cwd)
  })

  test('is not taken for that of another host with the same key', async () => {
    const cwd = world()
    await cli(cwd, ['adopt', 'old'])
    write(cwd, 'old/s3.pem', pem(await server(ca, 's3', now - day, s1.key)))
    const fresh = (await again(cwd)).identities.filter((one) => one.new)
    expect(fresh).toMatchObject([{ address: 'identity/server/global/s3', generation: 1 }])
  })

  test('is known by the copy of cert_file beside the configuration', async () => {
    const cwd = world()
    const config = `name = "s1"
region = "global"
server { enabled = true }
tls {
  http = true
  rpc = true
  ca_file = "/opt/tls/ca.pem"
  cert_file = "/opt/tls/s.pem"
  key_file = "/opt/tls/k.pem"
  verify_server_hostname = true
  verify_https_client = true
}
`
    fs.mkdirSync(path.join(cwd, 'agents/s1'), { recursive: true })
    write(cwd, 'agents/s1/nomad.hcl', config)
    write(cwd, 'agents/s1/s.pem', certOf(s1))
    const line = ['adopt', 'old', '--agents', 'agents/s1', '--json']
    await cli(cwd, line)
    const renewed = await server(ca, 's1', now - day)
    write(cwd, 'old/s1-new.pem', certOf(renewed))
    write(cwd, 'old/s1-new.key', keyOf(renewed))
    // The agent uses the older one, and goes on doing so.
    const waiting = JSON.parse((await cli(cwd, line)).stdout) as Document
    expect(waiting.identities.filter((one) => one.new)).toEqual([])
    expect(waiting.leftOut).toMatchObject([{ message: 's1 uses old/s1.pem (1 of 2)' }])
    write(cwd, 'agents/s1/s.pem', certOf(renewed))
    const said = JSON.parse((await cli(cwd, line)).stdout) as Document
    expect(said.identities.filter((one) => one.new)).toMatchObject([
      { address: 'identity/server/global/s1', generation: 2 },
    ])
  })
})

describe('a second run', () => {
  describe('with a root that was renewed with its key', () => {
    const spec = (cwd: string): string => fs.readFileSync(path.join(cwd, 'cluster.yaml'), 'utf8')
    const stored = (cwd: string, file: string): string =>
      fs.readFileSync(path.join(cwd, 'pki', file), 'utf8')

    test('takes it as the next generation, and agents keep what they have until their renewal', async () => {
      const cwd = world()
      await cli(cwd, ['adopt', 'old'])
      const renewed = await root(ca.key, now - 2 * day)
      // The folder has its certificate alone; the store has the key.
      write(cwd, 'old/ca.pem', encodeCertificate(renewed.certificate))
      write(cwd, 'old/s3.pem', pem(await server(renewed, 's3', now - day)))
      const dry = stateOf(cwd)
      expect((await cli(cwd, ['adopt', 'old', '--dry-run'])).status).toBe(0)
      expect(stateOf(cwd)).toEqual(dry)
      const said = await again(cwd)
      expect(said.authorities).toMatchObject([
        { address: 'authority/agent/1', new: false },
        { address: 'authority/agent/2', new: true, key: true },
      ])
      expect(said.leftOut).toEqual([])
      expect(spec(cwd)).toMatch(/signing: 2/)
      expect(spec(cwd)).toMatch(/trusted: \[ ?1, 2 ?\]/)
      expect(stored(cwd, 'authority/agent/1/ca.pem')).toBe(encodeCertificate(ca.certificate))
      expect(stored(cwd, 'authority/agent/2/ca.pem')).toBe(encodeCertificate(renewed.certificate))
      expect(stored(cwd, 'authority/agent/2/ca-key.pem')).toBe(
        stored(cwd, 'authority/agent/1/ca-key.pem'),
      )
      const both = encodeCertificate(ca.certificate) + encodeCertificate(renewed.certificate)
      expect(stored(cwd, 'bundle/agent/ca.pem')).toBe(both)
      expect(stored(cwd, 'identity/server/global/s3/current/ca.pem')).toBe(both)
      await settled(cwd)

      // A renewal brings it; a new root is reached from there.
      expect((await cli(cwd, ['rotate', 'leaves', 's1', '--yes'])).status).toBe(0)
      expect(stored(cwd, 'identity/server/global/s1/current/ca.pem')).toBe(both)
      await settled(cwd)
      expect((await cli(cwd, ['rotate', 'leaves', '--all', '--yes'])).status).toBe(0)
      const next = await cli(cwd, ['rotate', 'authority', 'agent', '--next'])
      expect(next.stdout + next.stderr).toContain('identity/server/global/s1')
      expect((await cli(cwd, ['verify'])).status).toBe(0)
    })

    test('brings it at once to agents whose certificate outlives the old one', async () => {
      const cwd = world()
      const short = await root(ca.key, now - 3600 * day)
      write(cwd, 'old/ca.pem', pem(short))
      await cli(cwd, ['adopt', 'old'])
      write(cwd, 'old/ca.pem', pem(ca))
      expect((await again(cwd)).authorities.map(({ address }) => address)).toEqual([
        'authority/agent/1',
        'authority/agent/2',
      ])
      const planned = await cli(cwd, ['plan'])
      expect(planned.stdout).toMatch(/server\/global\/s1 +refresh +trust-changed/)
      const before = stored(cwd, 'identity/server/global/s1/current/cert.pem')
      expect((await cli(cwd, ['apply', '--yes'])).status).toBe(0)
      expect(stored(cwd, 'identity/server/global/s1/current/cert.pem')).toBe(before)
      await settled(cwd)
    })

    test('leaves it out while the spec replaces that root, and once it did', async () => {
      const cwd = world()
      await cli(cwd, ['adopt', 'old'])
      expect((await cli(cwd, ['rotate', 'authority', 'agent', '--next'])).status).toBe(0)
      const text = spec(cwd)
      write(cwd, 'old/ca.pem', pem(await root(ca.key, now - 2 * day)))
      for (const apply of [false, true]) {
        if (apply) expect((await cli(cwd, ['apply', '--yes'])).status).toBe(0)
        const said = await again(cwd)
        const left = said.leftOut.find(({ place }) => place === 'old/ca.pem (1 of 2)')
        expect([left?.code, left?.message]).toEqual([
          'adoption/replaced',
          expect.stringMatching(/^it is authority\/agent\/1 once more, with the same key/),
        ])
        expect(spec(cwd)).toBe(text)
      }
    })

    test('takes it at the first run, where agents have the older one', async () => {
      const renewed = await root(ca.key, now - 2 * day)
      const config = (name: string): string => `data_dir = "/d"
name = "${name}"
server {
  enabled = true
}
tls {
  http = true
  rpc = true
  ca_file = "/etc/nomad/ca.pem"
  cert_file = "/etc/nomad/s.pem"
  key_file = "/etc/nomad/s.key"
  verify_server_hostname = true
  verify_https_client = true
}
`
      const cwd = folder({
        'old/ca.pem': pem(ca),
        'old/renewed.pem': encodeCertificate(renewed.certificate),
        'old/s1.pem': pem(s1),
        'agents/s1/nomad.hcl': config('s1'),
        'agents/s1/ca.pem': encodeCertificate(ca.certificate),
        'agents/s1/s.pem': encodeCertificate(s1.certificate),
      })
      const { status, stdout, stderr } = await cli(cwd, [
        ...['adopt', 'old', '--agents', 'agents/s1', '--json'],
      ])
      expect([status, stderr]).toEqual([0, stderr])
      const said = JSON.parse(stdout) as Document
      expect(said.authorities.map(({ address, key }) => [address, key])).toEqual([
        ['authority/agent/1', true],
        ['authority/agent/2', true],
      ])
      expect(said.leftOut).toEqual([])
      expect(stored(cwd, 'authority/agent/2/ca.pem')).toBe(encodeCertificate(renewed.certificate))
      expect((await cli(cwd, ['plan'])).stdout).toMatch(/\n1 step: 1 to write\n/)
    })
  })

  test('does not bring back a node that the spec no longer names', async () => {
    const cwd = world()
    await cli(cwd, ['adopt', 'old'])
    expect((await cli(cwd, ['remove', 'server', 's2'])).status).toBe(0)
    const spec = fs.readFileSync(path.join(cwd, 'cluster.yaml'), 'utf8')
    expect(spec).not.toContain('s2:')
    const said = await again(cwd)
    expect(fs.readFileSync(path.join(cwd, 'cluster.yaml'), 'utf8')).toBe(spec)
    expect(said.leftOut).toMatchObject([{ place: 'old/s2.pem (1 of 2)', code: 'adoption/agent' }])
    expect(said.leftOut[0]!.message).toContain('was adopted before')
  })
})

describe('a store that cannot be written', () => {
  test.each(['--dry-run', '--json'])(
    'in a folder of other things is an error before anything is written (%s)',
    async (flag) => {
      const cwd = world()
      fs.mkdirSync(path.join(cwd, 'pki'))
      write(cwd, 'pki/thesis.txt', 'x')
      const before = stateOf(cwd)
      const refused = await cli(cwd, ['adopt', 'old', flag])
      expect(refused.status).toBe(1)
      expect(refused.stderr).toContain('is not a store: it holds "thesis.txt"')
      expect(stateOf(cwd)).toEqual(before)
    },
  )

  test('that git would track is an error before anything is written; one that git is told to leave is not', async () => {
    const cwd = world()
    // A repository, as far as it takes to be found.
    fs.mkdirSync(path.join(cwd, 'pki/.git'), { recursive: true })
    write(cwd, 'pki/.git/HEAD', 'ref: refs/heads/main\n')
    const before = stateOf(cwd)
    for (const flag of ['--dry-run', '--json']) {
      const refused = await cli(cwd, ['adopt', 'old', flag])
      expect(refused.status).toBe(1)
      expect(refused.stderr).toContain('is a git repository itself')
    }
    expect(stateOf(cwd)).toEqual(before)
    fs.renameSync(path.join(cwd, 'pki/.git'), path.join(cwd, '.git'))
    expect((await cli(cwd, ['adopt', 'old', '--dry-run'])).status).toBe(0)
    expect((await cli(cwd, ['adopt', 'old'])).status).toBe(0)
  })
})

test('a person does not get the name that a machine of the spec has', async () => {
  const cwd = world()
  await cli(cwd, ['adopt', 'old'])
  expect((await cli(cwd, ['add', 'machine', 'prometheus'])).status).toBe(0)
  expect((await cli(cwd, ['apply', '--yes'])).status).toBe(0)
  write(cwd, 'old/prometheus.pem', pem(await person(ca)))
  const { identities } = await again(cwd)
  expect(identities.filter((one) => one.new).map(({ address }) => address)).toEqual([
    'identity/operator/global/prometheus-2',
  ])
  await settled(cwd)
})
