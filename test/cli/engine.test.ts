/** An authority in Vault or OpenBao, from the spec to leaves: what an operator runs, against an engine in this process. */

import fs from 'node:fs'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { keyFingerprint } from '../../src/keys/fingerprint.js'
import { generateKeySync } from '../../src/keys/generate.js'
import { encodeName } from '../../src/x509/name.js'
import { encodeRequest, makeRequest } from '../../src/x509/request.js'
import { engineEnv, engineSpec, inEngine, namedServer } from '../engine/cluster.js'
import { fakeEngine, type FakeEngine } from '../engine/fake-engine.js'
import { cli, folder, now, type Said } from './cli.js'

let engine: FakeEngine
let place = ''
const env = (): Record<string, string> => engineEnv(engine)
const run = (line: string, more: Record<string, string> = env()): Promise<Said> =>
  cli(place, line.split(' '), { env: more })

const specText = (west = ''): string =>
  engineSpec(engine, {
    below: `${west}${inEngine}`,
    region: { ...namedServer, clients: '{ c1: { names: [c1.acme.internal] }, c2: {} }' },
    more: 'operators:\n  alice: { region: us-west }\n',
  })
const write = (west?: string): void =>
  fs.writeFileSync(path.join(place, 'cluster.yaml'), specText(west))

beforeEach(async () => {
  engine = await fakeEngine({ clock: () => now })
  place = folder()
  write()
  expect((await run('init --new-store')).status).toBe(0)
})
afterEach(() => engine.close())

test('from nothing to leaves: the plan asks for the set-up, and a second run does nothing', async () => {
  const first = await run('apply --yes')
  expect(first.stderr).toContain('nomad-pki authority setup us-west')
  expect(first.status).toBe(1)
  // The root is there; nothing of the engine was.
  expect(engine.calls).toEqual([])

  const setUp = await run('authority setup us-west')
  expect(setUp.stderr).toBe('')
  expect(setUp.status).toBe(0)
  expect(setUp.stdout).toContain('certified by authority/agent/1')
  expect(setUp.stdout).toContain(
    'path "pki/nomad/issuer/us-west-1/sign/nomad-client-us-west" {\n  capabilities = ["update"]',
  )
  expect(fs.readdirSync(path.join(place, 'pki/authority/us-west/1'))).toEqual(['ca.pem'])
  const again = await run('authority setup us-west')
  expect(again.stdout).not.toMatch(/^(done|would)/m)

  const applied = await run('apply --yes')
  expect(applied.stderr).toBe('')
  expect(applied.status).toBe(0)
  expect(engine.signed).toHaveLength(4)
  expect((await run('apply --yes')).stdout).toContain('nothing to do')
  expect((await run('plan')).status).toBe(0)
  const verified = await run('verify')
  expect(verified.stdout).not.toContain('engine-')
  expect(verified.status).toBe(0)
  // Each request has its line in the ledger before it goes out, and each is closed.
  const lines = fs.readFileSync(path.join(place, 'pki/ledger.jsonl'), 'utf8')
  expect(lines.match(/"event":"attempted"/g)).toHaveLength(4)
  expect(lines).not.toContain('root"')
})

describe('drift', () => {
  beforeEach(async () => {
    await run('apply --yes')
    await run('authority setup us-west')
    expect((await run('apply --yes')).status).toBe(0)
  })
  const role = (): Record<string, unknown> =>
    engine.roles.get('nomad-client-us-west') as Record<string, unknown>
  const issuer = (): Record<string, unknown> => [...engine.issuers.values()][0]!

  test.each<[string, () => void, RegExp]>([
    [
      'a role for any name',
      () => (role().allow_any_name = true),
      /allow_any_name is true, wanted false/,
    ],
    [
      'a role with one domain more',
      () => (role().allowed_domains = [...(role().allowed_domains as string[]), '*.us-west.nomad']),
      /allowed_domains is .*\*\.us-west\.nomad/,
    ],
    ['a role of names below its own', () => (role().allow_subdomains = true), /allow_subdomains/],
    [
      'a role without checks of the name',
      () => (role().cn_validations = ['disabled']),
      /cn_validations/,
    ],
    ['a longer life', () => (role().max_ttl = 999_999_999), /max_ttl is 999999999/],
    [
      'a date of its own, beyond each life',
      () => (role().not_after = '2035-01-01T00:00:00Z'),
      /not_after is "2035-01-01T00:00:00Z", wanted ""/,
    ],
    ['a beginning of its own', () => (role().not_before = '2020-01-01T00:00:00Z'), /not_before is/],
    ['a policy', () => (role().policy_identifiers = ['1.2.3.4']), /policy_identifiers is/],
    [
      'the name of the login',
      () => (role().allow_token_displayname = true),
      /allow_token_displayname is true/,
    ],
    [
      'globs from outside',
      () => (role().allow_globs_in_identity_templates = true),
      /allow_globs_in_identity_templates is true/,
    ],
    ['another signature', () => (role().use_pss = true), /use_pss is true/],
    ['another hash', () => (role().signature_bits = 512), /signature_bits is 512/],
    ['a role that is gone', () => engine.roles.delete('nomad-client-us-west'), /has no role/],
    [
      'leaves that outlive the issuer',
      () => (issuer().leaf_not_after_behavior = 'permit'),
      /outlive/,
    ],
  ])('%s: an error, nothing is signed, and the remedy cures it', async (_, drift, message) => {
    drift()
    const { stdout, status } = await run('verify --long')
    expect(stdout).toMatch(message)
    expect(status).toBe(2)
    const before = engine.signed.length
    const renewed = await run('rotate leaves --all --yes')
    expect(renewed.status).not.toBe(0)
    expect(engine.signed).toHaveLength(before)
    expect((await run('authority setup us-west')).status).toBe(0)
    expect((await run('verify')).status).toBe(0)
  })

  test('a role of a former version that nobody needs is named until its command has removed it', async () => {
    engine.roles.set('nomad-client-us-west.node', { ...role() })
    for (const line of ['plan', 'verify --long']) {
      const { stdout, stderr } = await run(line)
      expect(stdout + stderr, line).toContain(
        'pki/nomad/roles/nomad-client-us-west.node is a role of a former version that nobody needs',
      )
      expect(stdout + stderr, line).toMatch(
        /(?:fix: )?bao delete pki\/nomad\/roles\/nomad-client-us-west\.node$/m,
      )
    }
    expect((await run('rotate leaves c1 --yes')).status).toBe(0)
    engine.roles.delete('nomad-client-us-west.node')
    expect((await run('verify --long')).stdout).not.toContain('former version')
  })

  test('fields that are not known here are told, where they say anything', async () => {
    Object.assign(role(), { a_new_field: '', another: [], serial_number_source: 'json-csr' })
    expect((await run('verify --long')).stdout).not.toContain('does not know')
    Object.assign(role(), { a_new_field: 'all' })
    const { stdout, status } = await run('verify --long')
    expect(stdout).toMatch(/nomad-client-us-west has fields .* does not know: a_new_field is "all"/)
    expect(status).toBe(0)
  })

  test('an engine that leaves out what it does not know, or what says nothing, is as the spec has it', async () => {
    const { not_before, not_after, signature_bits, policy_identifiers, ...rest } = role()
    expect([not_before, not_after, signature_bits, policy_identifiers]).toEqual(['', '', 0, []])
    engine.roles.set('nomad-client-us-west', rest)
    expect((await run('verify --long')).stdout).not.toContain('engine-differs')
  })

  test('the hash that Vault writes where none was asked for is as the spec has it', async () => {
    role().signature_bits = 256
    expect((await run('verify --long')).stdout).not.toContain('engine-differs')
    expect((await run('authority setup us-west')).stdout).not.toContain('done: ')
    expect(role().signature_bits).toBe(256)
  })

  test('another certificate under the name of the issuer is an error that set-up does not hide', async () => {
    issuer().certificate = fs.readFileSync(path.join(place, 'pki/authority/agent/1/ca.pem'), 'utf8')
    expect((await run('verify --long')).stdout).toMatch(/is another certificate/)
    const setUp = await run('authority setup us-west')
    expect(setUp.stderr).toContain('another store or another person made it')
    expect(setUp.status).toBe(1)
  })

  test('an engine that cannot be reached: reading commands tell what they did not see', async () => {
    await engine.close()
    const { stdout, status } = await run('verify --long')
    expect(stdout).toContain('was not seen')
    expect(status).toBe(0)
    engine = await fakeEngine({ clock: () => now })
  })

  test('a role of more names than one body may have strings', async () => {
    const names = '{ "c[0001-1200]": { names: ["{node}.us-west.nomad"] } }'
    fs.writeFileSync(
      path.join(place, 'cluster.yaml'),
      engineSpec(engine, { region: { ...namedServer, clients: names } }),
    )
    await run('apply --yes')
    const setUp = await run('authority setup us-west')
    expect(setUp.stderr).toBe('')
    expect(setUp.status).toBe(0)
    const { allowed_domains: domains } = engine.roles.get('nomad-client-us-west')!
    expect(domains).toHaveLength(1_201)
    expect((await run('authority setup us-west')).stdout).not.toMatch(/^(done|would)/m)
  })

  test('the next generation: the older one signs until the new one is set up', async () => {
    write('signing: 2, ')
    const plan = await run('plan')
    expect(plan.stdout).toContain('nomad-pki authority setup us-west')
    expect((await run('apply --yes')).stderr).toContain('authority setup us-west')
    const seen = await run('verify --long')
    expect(seen.stdout).not.toContain('is not as the spec has it')
    // What the one before it has signed is right until then: the one thing to do is the set-up.
    expect([...new Set(seen.stdout.match(/nomad-pki (?!verify|probe)[^\n]*/g))]).toEqual([
      'nomad-pki authority setup us-west',
    ])
    Object.assign(role(), { allow_any_name: true })
    for (const line of ['plan', 'verify --long', 'rotate leaves c1 --yes']) {
      const wide = await run(line)
      expect(wide.stdout + wide.stderr, line).toContain('allow_any_name is true, wanted false')
      expect(wide.status, line).not.toBe(0)
    }
    expect((await run('authority setup us-west')).status).toBe(0)
    const before = engine.signed.length
    expect((await run('apply --yes')).status).toBe(0)
    expect(engine.signed.length).toBe(before + 4)
    expect(engine.calls.at(-1)!.path).toContain('issuer/us-west-2/sign/')
  })
})

test('the root above it, crossed: the commands that are printed come to their end in the printed order', async () => {
  await run('apply --yes')
  await run('authority setup us-west')
  await run('apply --yes')
  const { stdout, stderr } = await run('rotate authority agent --next')
  const printed = [...`${stdout}\n${stderr}`.matchAll(/^ {2}nomad-pki (.*)$/gm)].map(
    ([, line]) => line!,
  )
  expect(printed).toEqual(['apply authority/agent/2', 'authority setup us-west', 'apply'])
  const asked = await run('verify')
  expect(asked.stdout).toMatch(
    /authority\/us-west\/2: [^\n]*\n {2}fix: nomad-pki authority setup us-west$/m,
  )
  const ends: Said[] = []
  for (const line of printed)
    ends.push(await run(line.startsWith('apply') ? `${line} --yes` : line))
  expect(ends.slice(1).map(({ status }) => status)).toEqual([0, 0])
  expect((await run('verify')).status).toBe(0)
  const chain = fs.readFileSync(
    path.join(place, 'pki/identity/server/us-west/s1/current/cert.pem'),
    'utf8',
  )
  // The leaf, the intermediate of the engine, and the new root as the old one certified it.
  expect(chain.match(/BEGIN/g)).toHaveLength(3)
})

test('a key that may be in the wrong hands: the next generation has a new one, and the old issuer signs no more', async () => {
  await run('apply --yes')
  await run('authority setup us-west')
  await run('apply --yes')
  const of = (name: string): Record<string, unknown> =>
    [...engine.issuers.values()].find((one) => one.issuer_name === name)!
  const early = await run('authority setup us-west --compromised')
  expect(early.stderr).toContain('first the next generation: nomad-pki rotate authority us-west')
  expect(early.status).toBe(3)
  expect(of('us-west-1').usage).toContain('issuing-certificates')

  // Its key came once more, under another id; its certificate is not for lists.
  engine.issuers.set('spare-id', {
    ...{ ...of('us-west-1'), issuer_name: 'spare', key_id: 'id-of-another-import' },
    usage: 'issuing-certificates,ocsp-signing,read-only',
  })
  const spare = await run('verify --long')
  expect(spare.stdout).toMatch(/issuer\/spare-id \("spare"\) has the key of us-west-1/)
  expect(spare.stdout).toContain('bao patch pki/nomad/issuer/spare-id usage=ocsp-signing,read-only')
  expect(spare.status).toBe(2)

  const next = await run('rotate authority us-west --compromised --next')
  expect(next.stderr).toContain('nomad-pki authority setup us-west --compromised')
  const dry = await run('authority setup us-west --compromised --dry-run')
  expect(dry.stdout).toContain('would be done: pki/nomad/issuer/us-west-1 signs no more')
  expect(of('us-west-1').usage).toContain('issuing-certificates')

  const roles = JSON.stringify([...engine.roles])
  const setUp = await run('authority setup us-west --compromised')
  expect(setUp.stderr).toBe('')
  expect(setUp.stdout).toContain('done: pki/nomad/issuer/us-west-1 signs no more certificates')
  // Its list goes on: what was revoked stays revoked for those who read it.
  expect(of('us-west-1').usage).toBe('read-only,crl-signing')
  expect(of('spare').usage).toBe('ocsp-signing,read-only')
  expect(setUp.stdout).toMatch(/^done: pki\/nomad\/issuer\/spare-id signs no more certificates$/m)
  expect(of('us-west-2').usage).toContain('issuing-certificates')
  expect(JSON.stringify([...engine.roles])).toBe(roles)
  expect(engine.calls.map(({ path: asked }) => asked)).not.toContain('pki/nomad/config/issuers')
  expect(engine.keys.size).toBe(2)

  const before = engine.signed.length
  expect((await run('apply --yes')).status).toBe(0)
  expect(engine.signed).toHaveLength(before + 4)
  expect((await run('verify')).status).toBe(0)
  const again = await run('authority setup us-west --compromised')
  expect(again.stdout).toContain('is right: pki/nomad/issuer/us-west-1 signs no certificates')
  expect(again.stdout).not.toMatch(/^(done|would)/m)
})

test('an answer that is lost: it is asked again, and what may exist twice is listed until a person has looked', async () => {
  await run('apply --yes')
  await run('authority setup us-west')
  let lost = 0
  engine.script = ({ path: asked }) =>
    asked.includes('/sign/') && (lost += 1) === 2 ? { status: 200, cut: true } : undefined
  const applied = await run('apply --yes')
  expect(applied.status).toBe(0)
  // Four that are in the store, and one more.
  expect(engine.signed.length).toBe(5)
  expect(applied.stderr).toMatch(/maybe-issued/)
  const remedy = /nomad-pki apply --override attempt=[0-9a-f]+/
  expect(applied.stderr).toMatch(remedy)
  const plan = (await run('plan')).stdout
  expect(plan).toMatch(/may exist/)
  const [cure] = remedy.exec(plan)!
  const cured = await run(`${cure.slice('nomad-pki '.length)} --reason looked --yes`)
  expect(cured.status).toBe(0)
  expect((await run('plan')).stdout).not.toContain('may exist')
})

test('what is lost for another reason than a connection or a standby is not asked again', async () => {
  await run('apply --yes')
  await run('authority setup us-west')
  engine.script = ({ path: asked }) =>
    asked.includes('/sign/') ? { status: 500, body: { unclear: true } } : undefined
  const applied = await run('apply --yes')
  expect(applied.stderr).toContain('a certificate may exist')
  expect(applied.status).toBe(1)
  const asked = engine.calls.filter(({ path: one }) => one.includes('/sign/')).length
  expect(asked).toBeLessThanOrEqual(4)
  engine.script = () => undefined
  expect((await run('apply --yes')).status).toBe(0)
})

test('an answer that is another certificate of ours is not taken', async () => {
  await run('apply --yes')
  await run('authority setup us-west')
  const root = fs.readFileSync(path.join(place, 'pki/authority/us-west/1/ca.pem'), 'utf8')
  engine.script = ({ path: asked }) =>
    asked.includes('/sign/') ? { status: 200, body: { data: { certificate: root } } } : undefined
  const applied = await run('apply --yes')
  expect(applied.stderr).toContain('is for another key')
  expect(applied.status).toBe(1)
  expect(fs.existsSync(path.join(place, 'pki/identity/client/us-west/c1'))).toBe(false)
})

test('a namespace that Vault would ignore is an error before anything is asked', async () => {
  await run('apply --yes')
  engine.script = ({ path: asked }) =>
    asked === 'sys/health' ? { status: 200, body: { enterprise: false } } : undefined
  const { stderr, status } = await run('authority setup us-west', {
    ...env(),
    VAULT_NAMESPACE: 'infra',
  })
  expect(stderr).toContain('has no namespaces')
  expect(status).toBe(3)
  expect(engine.calls.map(({ path: asked }) => asked)).toEqual(['sys/health'])
})

describe('what a token may go to', () => {
  test.each<[string, () => Record<string, string>, RegExp]>([
    [
      'this machine names no address',
      () => ({ BAO_TOKEN: 'root' }),
      /does not confirm the address/,
    ],
    [
      'this machine names another one',
      () => ({ BAO_TOKEN: 'root', VAULT_ADDR: 'https://vault.example' }),
      /VAULT_ADDR is https:\/\/vault\.example/,
    ],
    ['no token', () => ({ BAO_ADDR: engine.origin }), /no token/],
    ['a token of two lines', () => ({ ...env(), BAO_TOKEN: 'a\nb' }), /does not give one token/],
  ])('%s: nothing is asked', async (_, world, message) => {
    const { stderr, status } = await run('authority setup us-west', world())
    expect(stderr).toMatch(message)
    expect(stderr).not.toContain('root\n')
    expect(status).toBe(3)
    expect(engine.calls).toEqual([])
  })
})

test('AppRole: ids from files of the local file, and one more login where the token died', async () => {
  const text = specText()
    .replace('}"', '')
    .replace(`"${engine.origin}" }`, `"${engine.origin}", auth: { method: approle } }`)
  fs.writeFileSync(path.join(place, 'cluster.yaml'), text)
  const own = (name: string, content: string): void =>
    fs.writeFileSync(path.join(place, name), content, { mode: 0o600 })
  own('role', 'role\n')
  own('secret', 'secret\n')
  own(
    'nomad-pki.local.yaml',
    `vault: { address: "${engine.origin}", roleIdFile: role, secretIdFile: secret }\n`,
  )
  await run('apply --yes', {})
  const setUp = await run('authority setup us-west', {})
  expect(setUp.stderr).toBe('')
  let died = false
  engine.script = ({ path: asked }) => {
    if (died || !asked.includes('/sign/')) return undefined
    died = true
    engine.tokens.clear()
    return undefined
  }
  const applied = await run('apply --yes', {})
  expect(applied.stderr).toBe('')
  expect(engine.signed).toHaveLength(4)
  expect(
    JSON.stringify(engine.calls.filter(({ path: asked }) => asked.includes('/sign/'))),
  ).not.toContain('secret')
})

test('a key of a node and keys of both kinds: each has its role, and a request brings a key alone', async () => {
  const text = specText()
    .replace('s1: {', 's1: { key: rsa-2048,')
    .replace('c2: {}', 'c2: { keyHeld: node, names: [c2.acme.internal], ips: [10.0.0.2] }')
  fs.writeFileSync(path.join(place, 'cluster.yaml'), `${text}node: { tls: /etc/nomad-tls }\n`)
  await run('apply --yes')
  const setUp = await run('authority setup us-west')
  expect(setUp.stderr).toBe('')
  expect([...engine.roles.keys()].sort()).toEqual([
    'nomad-client-us-west',
    'nomad-operator-us-west',
    'nomad-server-us-west.rsa',
  ])
  expect(setUp.stdout).toContain(
    '"csr" = [], "ttl" = [], "common_name" = [], "alt_names" = [], "ip_sans" = [], "uri_sans" = [], "exclude_cn_from_sans" = []',
  )
  expect((await run('apply --yes')).status).not.toBe(1)
  expect(engine.signed).toHaveLength(3)

  // The node asks for more than it gets.
  const key = generateKeySync('ecdsa-p256')
  const csr = makeRequest({
    subject: encodeName({ commonName: 'other.example' }),
    key,
    names: [{ type: 'dns', value: 'c1.acme.internal' }],
  })
  fs.writeFileSync(path.join(place, 'c2.csr'), encodeRequest(csr))
  const named = keyFingerprint(key.publicKey)
  const signed = await run(`sign c2.csr --as client/us-west/c2 --fingerprint ${named}`)
  expect(signed.stderr).not.toMatch(/^error/m)
  expect(signed.status).toBe(0)
  const call = engine.calls.at(-1)!
  expect(call.path).toBe('pki/nomad/issuer/us-west-1/sign/nomad-client-us-west')
  expect(call.body).toMatchObject({
    common_name: 'client.us-west.nomad',
    alt_names: 'client.us-west.nomad,localhost,c2.acme.internal',
    ip_sans: '127.0.0.1,::1,10.0.0.2',
  })
  expect((await run('verify --long')).stdout).not.toContain('engine-')
  expect(
    fs.readdirSync(path.join(place, 'pki/identity/client/us-west/c2/current/')).sort(),
  ).toEqual(['ca.pem', 'cert.pem', 'manifest.json'])
})

test.each<[string, string, RegExp]>([
  ['a status', 'echo sorry >&2; exit 3', /exited with 3: sorry/],
  ['a signal', 'kill -TERM $$', /was killed \(SIGTERM\)/],
  ['no output', 'exit 0', /printed nothing/],
  ['too late', 'sleep 20', /did not answer within 1s and was ended/],
  ['two lines', 'printf "a\\nb\\n"', /does not give one token/],
])('a token command that ends with %s says so', async (_, script, message) => {
  const program = path.join(place, 'token')
  fs.writeFileSync(program, `#!/bin/sh\n${script}\n`, { mode: 0o700 })
  fs.writeFileSync(
    path.join(place, 'nomad-pki.local.yaml'),
    `vault: { address: "${engine.origin}", tokenCommand: [./token], timeout: 1s }\n`,
    { mode: 0o600 },
  )
  const { stderr, status } = await run('authority setup us-west', { PATH: '/usr/bin:/bin' })
  expect(stderr).toMatch(message)
  expect(status).toBe(3)
  expect(engine.calls.filter(({ token }) => token !== undefined)).toEqual([])
})
