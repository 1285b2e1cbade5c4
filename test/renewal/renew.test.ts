/** A node that renews itself, as its timer runs it, against an engine in this process. */

import { spawn } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { nodeKey } from '../../src/delivery/node-key.js'
import { ownSignerOf } from '../../src/evidence/copies.js'
import { readInventory } from '../../src/inventory/read.js'
import { parseCertificates } from '../../src/x509/certificates.js'
import { directoryStore } from '../../src/store/directory-store.js'
import { memoryConfigs } from '../../src/store/memory-configs.js'
import { now } from '../cli/cli.js'
import { linesOf } from '../cli/json-lines.js'
import { selfNode, type SelfNode } from './node.js'

const day = 86_400_000
let node: SelfNode
beforeEach(async () => {
  node = await selfNode(now - 70 * day)
})
afterEach(() => node.engine.close())

const modeOf = (name: string): number =>
  fs.statSync(path.join(node.tls, 'current', name)).mode & 0o777
const receipt = (): Record<string, unknown> =>
  JSON.parse(fs.readFileSync(path.join(node.tls, 'receipt.json'), 'utf8')) as Record<
    string,
    unknown
  >

test('the first certificate: its key is made here, and a second run waits and says until when', async () => {
  const dry = await node.renew('--dry-run')
  expect(dry.stdout).toContain('would be renewed: identity/client/us-west/c1: no certificate')
  expect(dry.stdout).toContain('the client of us-west, c1.acme.internal, 10.0.0.1')
  expect(dry.status).toBe(0)
  expect(fs.existsSync(node.tls)).toBe(false)
  expect(node.engine.signed).toHaveLength(0)

  const first = await node.renew()
  expect(first.stderr).not.toMatch(/^(error|warning)/m)
  expect(first.stdout).toMatch(/^1-[0-9a-f]{8}, valid until \S+: in place; the agent loads it/)
  expect(first.status).toBe(0)
  expect(node.isPair()).toBe(true)
  expect([modeOf('key.pem'), modeOf('cert.pem')]).toEqual([0o600, 0o644])
  expect(fs.existsSync(path.join(node.tls, 'requested-key.pem'))).toBe(false)
  expect(receipt()).toMatchObject({ address: 'identity/client/us-west/c1', cluster: 'acme' })
  const chain = parseCertificates(fs.readFileSync(path.join(node.tls, 'current/cert.pem'), 'utf8'))
  expect(chain).toHaveLength(2)
  // The key is nowhere else: neither in what the engine was told nor in what was said.
  const key = fs.readFileSync(path.join(node.tls, 'current/key.pem'), 'utf8').split('\n')[1]!
  expect(JSON.stringify(node.engine.calls)).not.toContain(key)
  expect(first.stdout + first.stderr).not.toContain('PRIVATE KEY')

  const again = await node.renew()
  expect(again.stdout).toMatch(/is valid until \S+Z, and is renewed from \S+Z on$/m)
  expect(again.status).toBe(0)
  expect(node.engine.signed).toHaveLength(1)
  const told = await node.renew('--json')
  const [document] = linesOf(JSON.stringify(JSON.parse(told.stdout))) as [Record<string, number>]
  // A third of its life, or less: never later than renewBefore, and up to a tenth of it earlier.
  const left = document.notAfter! - document.renewFrom!
  expect(left).toBeGreaterThanOrEqual(30 * day)
  expect(left).toBeLessThanOrEqual(33 * day + 60_000)
})

test('what is due gets a new key and a new certificate, and the old pair stays beside it', async () => {
  await node.renew()
  const before = node.current()!
  const old = fs.readFileSync(path.join(node.tls, 'current/key.pem'))
  node.at = now
  const { stdout, stderr, status } = await node.renew()
  expect(stderr).toContain('left of')
  expect(stdout).toMatch(/^2-[0-9a-f]{8}, valid until/)
  expect(status).toBe(0)
  expect(node.isPair()).toBe(true)
  expect(fs.readFileSync(path.join(node.tls, 'current/key.pem')).equals(old)).toBe(false)
  expect(fs.existsSync(path.join(node.tls, before, 'key.pem'))).toBe(true)
})

describe('a mistake in the file is said also where nothing is due', () => {
  test.each<[string, (text: string) => string, RegExp]>([
    [
      'a way out of its directory',
      (text) => text.replace(/^tls: .*$/m, 'tls: /etc/x/../y'),
      /tls: .*absolute path without/s,
    ],
    [
      'no port to ask',
      (text) => text.replace('reload: none', 'reload: nomad\nprobe: nowhere'),
      /probe.*nowhere.*HOST:PORT/s,
    ],
    [
      'an anchor',
      (text) => text.replace('tls: ', 'tls: &here '),
      /hint: write the value at each place/,
    ],
  ])('%s', async (_, change, message) => {
    node.text = change(node.text)
    node.write()
    const { stderr, status } = await node.renew('--dry-run')
    expect(stderr).toMatch(message)
    expect(status).not.toBe(0)
  })
})

describe('a change of the file is a reason', () => {
  beforeEach(async () => {
    node.at = now
    await node.renew()
  })
  test.each<[string, (text: string) => string, RegExp]>([
    [
      'a name more',
      (text) => text.replace('[c1.acme.internal]', '[c1.acme.internal, web.acme.internal]'),
      /it lacks web\.acme\.internal/,
    ],
    ['another kind of key', (text) => `${text}key: ecdsa-p384\n`, /the spec says ecdsa-p384/],
  ])('%s', async (_, change, message) => {
    node.text = change(node.text)
    node.write()
    const { stderr, status } = await node.renew()
    expect(stderr).toMatch(message)
    expect(status).toBe(0)
    expect(node.current()).toMatch(/^2-/)
    expect((await node.renew()).stdout).toContain('is renewed from')
  })
})

describe('the installer is asked in every run: a mistake is said on the day on which it is written', () => {
  beforeEach(async () => {
    await node.renew()
    expect((await node.renew()).stdout).toContain('is renewed from')
  })

  test.each<[string, (text: string) => string]>([
    ['an owner whom the host does not have', (text) => `${text}owner: nobody-of-this-name\n`],
    ['a proof of a port without an agent’s reload', (text) => `${text}probe: "127.0.0.1:1"\n`],
  ])('%s: the same message and exit as when it is due', async (_, change) => {
    node.text = change(node.text)
    node.write()
    const waiting = await node.renew()
    expect(waiting.stdout).toBe('')
    expect(waiting.status).not.toBe(0)
    const due = await node.renew('--force')
    expect({ status: waiting.status, stderr: errorOf(waiting.stderr) }).toEqual({
      status: due.status,
      stderr: errorOf(due.stderr),
    })
    expect(node.engine.signed).toHaveLength(1)
  })
})

/** What is said of the mistake. */
const errorOf = (stderr: string): string | undefined => /^error.*/m.exec(stderr)?.[0]

describe('an engine that fails: the old pair stays, and the message says so', () => {
  let before = ''
  beforeEach(async () => {
    await node.renew()
    before = node.current()!
    node.at = now
  })

  test.each<[string, () => void, RegExp, number]>([
    [
      'sealed',
      () =>
        (node.engine.script = () => ({
          status: 503,
          body: { errors: ['Vault is sealed'] },
          // Longer than anybody waits: it is said at once.
          headers: { 'retry-after': '100' },
        })),
      /the engine is sealed: unseal it/,
      3,
    ],
    [
      'a wrong secret',
      () => {
        fs.writeFileSync(path.join(node.place, 'node/secret-id'), 'other')
      },
      /the login by approle failed .*invalid role or secret ID/,
      3,
    ],
    ['a role that is gone', () => node.engine.roles.clear(), /unknown role/, 3],
    ['an issuer that is gone', () => node.engine.issuers.clear(), /unable to find PKI issuer/, 3],
    [
      'an answer that is lost',
      () =>
        (node.engine.script = ({ path: at }) =>
          at.includes('/sign/') ? { status: 0, cut: true } : undefined),
      /closed the connection[\s\S]*the next run asks again, with the same key/,
      1,
    ],
    [
      'an answer for another key',
      () => {
        const [other] = node.engine.signed
        node.engine.script = ({ path: at }) =>
          at.includes('/sign/')
            ? { status: 200, body: { data: { certificate: other } } }
            : undefined
      },
      /it is for another key/,
      1,
    ],
    [
      'an answer without a certificate',
      () =>
        (node.engine.script = ({ path: at }) =>
          at.includes('/sign/') ? { status: 200, body: { data: {} } } : undefined),
      /answered without one certificate/,
      1,
    ],
  ])('%s', async (_, break_, message, expected) => {
    break_()
    const { stderr, status } = await node.renew()
    expect(stderr).toMatch(message)
    expect(stderr).toContain(`${before} stays in place, valid until`)
    expect(status).toBe(expected)
    expect(node.current()).toBe(before)
    expect(node.isPair()).toBe(true)
    // The key that waits is the one that the next run asks with.
    const waiting = fs.readFileSync(path.join(node.tls, 'requested-key.pem'), 'utf8')
    expect(fs.statSync(path.join(node.tls, 'requested-key.pem')).mode & 0o777).toBe(0o600)
    await node.renew()
    expect(fs.readFileSync(path.join(node.tls, 'requested-key.pem'), 'utf8')).toBe(waiting)
  })
})

describe('a file that is not as it has to be', () => {
  test.each<[string, (text: string) => string, RegExp]>([
    ['an unknown key', (text) => `${text}rolle: x\n`, /unknown key.*rolle/],
    [
      'a secret in it',
      (text) => text.replace('secretIdFile: secret-id', 'secretId: s3'),
      /secretIdFile/,
    ],
    [
      'a root that is not pinned',
      (text) => text.replace(/pins: \["SHA256:..../, 'pins: ["SHA256:0000'),
      /which trust\.pins does not name/,
    ],
    [
      'another signer',
      (text) => text.replace(/signer: "SHA256:..../, 'signer: "SHA256:0000'),
      /neither chain\.pem nor ca\.pem has it/,
    ],
    [
      'an address that is not encrypted',
      (text) => text.replace(/address: "[^"]*"/, 'address: "http://vault.example:8200"'),
      /not encrypted/,
    ],
    [
      'a role name',
      (text) => text.replace('[c1.acme.internal]', '[server.us-west.nomad]'),
      /server\.us-west\.nomad/,
    ],
    [
      'a file too many',
      (text) => text.replace('roleIdFile', 'tokenFile: t, roleIdFile'),
      /tokenFile is for method: token/,
    ],
    ['a proof of nothing', (text) => `${text}probe: "127.0.0.1:4646"\n`, /reload is none/],
    [
      'a window longer than the life',
      (text) => `${text}lifetime: 1d\nrenewBefore: 2d\n`,
      /renewBefore 2d/,
    ],
  ])('%s', async (_, change, message) => {
    node.text = change(node.text)
    node.write()
    const { stderr, status } = await node.renew()
    expect(stderr).toMatch(message)
    expect(status).not.toBe(0)
    expect(node.engine.calls.filter(({ path: at }) => at.includes('sign/'))).toHaveLength(0)
  })

  test.each([
    ['node.yaml', 0o666, /other users can change the node's file/],
    ['ca.pem', 0o666, /other users can change the file of trust.roots/],
    ['secret-id', 0o644, /secret-id is open to other users/],
  ])('%s is open to others', async (name, mode, message) => {
    fs.chmodSync(path.join(node.place, 'node', name), mode)
    const { stderr, status } = await node.renew()
    expect(stderr).toMatch(message)
    expect(status).not.toBe(0)
    expect(node.engine.signed).toHaveLength(0)
  })
})

test('to the store its certificate is not that of another copy: the key that signs is not there', async () => {
  node.at = now
  await node.renew()
  const inventory = await readInventory({
    store: directoryStore(path.join(node.place, 'pki')),
    configs: memoryConfigs(),
  })
  const chain = parseCertificates(fs.readFileSync(path.join(node.tls, 'current/cert.pem'), 'utf8'))
  expect(ownSignerOf(chain, inventory)).toBeUndefined()
  // An intermediate that the store does not know would be.
  const authorities = new Map(
    [...inventory.authorities].filter(([address]) => address !== 'authority/us-west/1'),
  )
  expect(ownSignerOf(chain, { ...inventory, authorities })).toBe('authority/agent/1')
})

test('a login by JWT, as a cloud or a workload has one', async () => {
  fs.writeFileSync(path.join(node.place, 'node/identity.jwt'), 'a.b.c\n', { mode: 0o600 })
  node.text = node.text.replace(
    /auth: .*$/m,
    'auth: { method: jwt, role: nomad-node, jwtFile: identity.jwt }',
  )
  node.write()
  node.engine.script = ({ path: at }) =>
    at === 'auth/jwt/login' ? { status: 200, body: { auth: { client_token: 'root' } } } : undefined
  expect((await node.renew()).status).toBe(0)
  expect(node.isPair()).toBe(true)
  expect(node.engine.calls.find(({ path: at }) => at === 'auth/jwt/login')!.body).toEqual({
    role: 'nomad-node',
    jwt: 'a.b.c',
  })
})

test('an answer with one name too many is not put in place', async () => {
  await node.renew()
  const before = node.current()!
  node.at = now
  // The first answer is lost, so that the key waits; then it is certified with one name more.
  const signing = (at: string): boolean => at.includes('/sign/')
  node.engine.script = ({ path: at }) => (signing(at) ? { status: 0, cut: true } : undefined)
  expect((await node.renew()).status).toBe(1)
  const asked = node.engine.calls.findLast(({ path: at }) => signing(at))!
  const names = `${String(asked.body.alt_names)},server.us-west.nomad`
  node.engine.script = () => undefined
  const response = await fetch(`${node.engine.origin}/v1/${asked.path}`, {
    method: 'POST',
    headers: { 'X-Vault-Token': 'root' },
    body: JSON.stringify({ ...asked.body, alt_names: names }),
  })
  const body = await response.json()
  node.engine.script = ({ path: at }) => (signing(at) ? { status: 200, body } : undefined)
  const { stderr, status } = await node.renew()
  expect(stderr).toContain('its names is')
  expect(stderr).toContain('server.us-west.nomad')
  expect(stderr).toContain(`${before} stays in place`)
  expect(status).toBe(1)
  expect(node.current()).toBe(before)
})

test('an agent that does not run must not keep its node from a certificate', async () => {
  await node.renew()
  node.at = now
  const done = await node.renew('--reload', '4194304')
  expect(done.stdout).toContain('the agent was not told (there is no process 4194304')
  expect(done.status).toBe(2)
  expect(node.current()).toMatch(/^2-/)
  expect(node.isPair()).toBe(true)
  // The next run tells it, or says again that it could not.
  const again = await node.renew('--reload', '4194304')
  expect(again.stderr).toContain('nothing says that the agent has loaded it')
  expect(again.status).toBe(2)
  expect(node.engine.signed).toHaveLength(2)
})

test('an agent under another name: what the installer says of an override is true of renew', async () => {
  const agent = spawn('sleep', ['60'])
  try {
    await node.renew()
    node.at = now
    const reload = ['--reload', String(agent.pid)]
    const { stdout } = await node.renew(...reload)
    const accepts = /--override (process=\w+) --reason TEXT accepts it/.exec(stdout)
    expect(accepts, stdout).not.toBeNull()
    const again = await node.renew(...reload, '--override', accepts![1]!, '--reason', 'a test')
    // The next of its checks.
    expect(again.stdout + again.stderr).toContain('does not catch SIGHUP')
    expect(again.stderr).not.toContain('unknown override')
  } finally {
    agent.kill('SIGKILL')
  }
})

test('an agent that cannot be told to reload is a warning of each run, before the renewal is due', async () => {
  await node.renew()
  const before = node.current()
  // As the installer leaves it that told an agent.
  const file = path.join(node.tls, 'receipt.json')
  const text = fs.readFileSync(file, 'utf8')
  fs.writeFileSync(file, text.replace(/("state": ?)"switched"/, '$1"reloaded"'))
  const { stderr, status } = await node.renew('--reload', '4194304')
  expect(stderr).toContain('warning: the agent could not be told now: there is no process 4194304')
  expect(status, stderr).toBe(0)
  expect(node.current()).toBe(before)
  expect(node.engine.signed).toHaveLength(1)
  // A node that tells nobody is not warned.
  expect((await node.renew()).stderr).not.toContain('warning')
})

test('another node’s file is refused before anything is signed', async () => {
  await node.renew()
  node.at = now
  node.text = node.text.replace('name: c1', 'name: c2')
  node.write()
  const { stderr, status } = await node.renew()
  expect(stderr).toContain('this node is identity/client/us-west/c1')
  expect(status).toBe(3)
  expect(node.engine.signed).toHaveLength(1)
})

test('of two runs at once, one key stays, and nobody is told to remove it', async () => {
  const asked = { tls: node.tls, address: 'identity/client/us-west/c1' }
  const [first, second] = [await nodeKey(asked), await nodeKey(asked)]
  await first.write()
  await expect(second.write()).rejects.toMatchObject({
    code: 'ERR_FILE_EXISTS',
    message: expect.stringContaining('was made just now by another run') as string,
    hint: expect.stringContaining('leave the key') as string,
  })
  expect((await nodeKey(asked)).kind).toBe('pending')
})

test('an empty file names the command that makes one of a node', async () => {
  node.text = ''
  node.write()
  const { stderr } = await node.renew()
  expect(stderr).toContain('nomad-pki pack NODE --renew makes it')
  expect(stderr).not.toContain('init')
})
