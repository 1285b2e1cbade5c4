/** A node that renews itself, seen from the store: what each command makes of it, from the first plan to its own receipt. */

import { X509Certificate } from 'node:crypto'
import fs from 'node:fs'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { engineEnv } from '../engine/cluster.js'
import { selfNode, type SelfNode } from '../renewal/node.js'
import { cli, type Said } from './cli.js'

const day = 86_400_000
let node: SelfNode
const run = (line: string): Promise<Said> =>
  cli(node.place, line.split(' '), {
    now: node.at,
    env: engineEnv(node.engine),
  })
const spec = (): string => path.join(node.place, 'cluster.yaml')

beforeAll(async () => {
  node = await selfNode()
  expect((await run('apply --yes')).status).toBe(0)
  // From here on it renews itself.
  const text = fs.readFileSync(spec(), 'utf8')
  fs.writeFileSync(spec(), text.replace('c1: { ', 'c1: { renewedBy: node, lifetime: 90d, '))
})
afterAll(() => node.engine.close())

/** Hands the receipt on the node to the store, as a person who copied it. */
const takeReceipt = (): Promise<Said> => {
  const text = fs.readFileSync(path.join(node.tls, 'receipt.json'), 'utf8')
  // No agent runs here that could be told.
  const told = text.replace('"state": "switched"', '"state": "proven"')
  expect(told).toContain('"state": "proven"')
  fs.writeFileSync(path.join(node.place, 'receipt.json'), told)
  return run('probe --evidence receipt.json')
}

test('plan makes nothing for it, says why, and keeps what the store made before', async () => {
  const { stdout, status } = await run('plan')
  expect(stdout).toContain(
    'no certificate is made for 1 client of us-west (client/us-west/c1): the spec says renewedBy: node, so it asks us-west by itself',
  )
  expect(stdout).toMatch(/its certificate of the store, valid until .*, is kept and not renewed/)
  expect(stdout).toContain('nothing to do')
  expect(status).toBe(0)
})

test('pack --all names those that it leaves out', async () => {
  const { stdout, stderr, status } = await run('pack --all --out-dir packs --dry-run')
  expect(stdout).not.toContain('us-west-c1')
  expect(stderr).toMatch(
    /not packed: identity\/client\/us-west\/c1: it renews itself .*: nomad-pki pack client\/us-west\/c1 --renew --out-dir FOLDER/,
  )
  expect(status).toBe(0)
})

test('pack --all --layout leaves it out: what the store made before is not what it has', async () => {
  const { stdout, stderr, status } = await run(
    'pack --all --layout nomad-tls --out-dir tls --dry-run',
  )
  expect(stdout + stderr).toContain('is left out: in us-west each client renews itself')
  expect(stdout).toContain('us-west-server-nomad.pem')
  expect(stdout).not.toContain('us-west-client-nomad')
  expect(status).toBe(0)
})

test('what makes or takes a certificate for it is refused, with the way', async () => {
  for (const [line, message] of [
    ['pack c1 --out out.tar.gz', /c1 renews itself/],
    ['pack c1 --layout nomad-tls --out-dir tls', /c1 renews itself/],
    ['request c1 --out c1.csr', /c1 renews itself/],
    ['rotate leaves c1 --yes', /c1 renews itself/],
  ] as const) {
    const { stderr, status } = await run(line)
    expect([line, stderr]).toEqual([line, expect.stringMatching(message)])
    expect(stderr).toMatch(/pack client\/us-west\/c1 --renew/)
    expect(status).toBe(3)
  }
})

test('never seen is not fine: status says so and exits 2', async () => {
  const { stdout, status } = await run('status')
  expect(stdout).toMatch(/identity\/client\/us-west\/c1 .*not seen yet/)
  expect(status).toBe(2)
  const verified = await run('verify')
  expect(verified.stdout).toMatch(/c1: it renews itself, and was not seen yet.*\(not-seen\)/)
})

test('its receipt is taken, and then it is known until when it has what', async () => {
  expect((await node.renew()).status).toBe(0)
  const taken = await takeReceipt()
  expect(taken.stderr).toContain('evidence: 1 line noted')
  const { stdout } = await run('status --json')
  const { entries } = JSON.parse(stdout) as {
    entries: { address: string; state: string; notAfter: number; selfRenewed?: object }[]
  }
  const c1 = entries.find(({ address }) => address === 'identity/client/us-west/c1')!
  expect(c1).toMatchObject({
    state: 'good',
    selfRenewed: { state: 'proven', basis: 'received', issuer: 'authority/us-west/1' },
  })
  expect(c1.notAfter).toBeGreaterThan(node.at + 80 * day)
  expect((await takeReceipt()).stderr).toContain('1 there already')
})

test('a probe sees it: proven, with its dates, and the certificate is noted once', async () => {
  const pem = (name: string): Buffer => fs.readFileSync(path.join(node.tls, 'current', name))
  const agent = createServer({
    ...{ key: pem('key.pem'), cert: pem('cert.pem'), ca: pem('ca.pem') },
    ...{ requestCert: true, rejectUnauthorized: false },
  })
  await new Promise<void>((listening) => agent.listen(0, '127.0.0.1', listening))
  const text = fs.readFileSync(spec(), 'utf8')
  // The installer wrote the receipt by the clock of the machine.
  node.at += 3_600_000
  try {
    const { port } = agent.address() as AddressInfo
    fs.writeFileSync(spec(), text.replace('renewedBy', `http: "127.0.0.1:${port}", renewedBy`))
    const { stdout, status } = await run('probe c1')
    expect(stdout).toMatch(/client\/us-west\/c1 +proven +its own certificate, valid until .*Z/)
    expect(status).toBe(0)
    const { agents } = JSON.parse((await run('probe c1 --json')).stdout) as { agents: object[] }
    expect(agents).toMatchObject([
      { state: 'proven', renewedBy: 'node', issuer: 'authority/us-west/1', generation: null },
    ])
    const ledger = fs.readFileSync(path.join(node.place, 'pki/ledger.jsonl'), 'utf8')
    expect(ledger.match(/"leaf":/g)).toHaveLength(1)
    expect((await run('status')).stdout).toMatch(
      /c1 .*good +renews itself, known by probe alone; first seen with it on 20/,
    )
  } finally {
    agent.close()
    fs.writeFileSync(spec(), text)
  }
})

test('what the store made before is left over now, and --prune removes it', async () => {
  const { stdout } = await run('plan --prune')
  expect(stdout).toMatch(/remove .*orphan .*its node renews itself, and was seen with its own/)
  expect((await run('apply --prune --yes')).status).toBe(0)
  expect(fs.existsSync(path.join(node.place, 'pki/identity/client/us-west/c1'))).toBe(false)
  expect((await run('plan')).stdout).toContain('nothing to do')
})

test('its certificate is revoked by what was seen of it', async () => {
  const { stdout, stderr } = await run('revoke c1 --dry-run')
  expect(stdout + stderr).toMatch(/identity\/client\/us-west\/c1/)
  expect(stdout + stderr).not.toMatch(/^error/m)
  expect(stdout + stderr).toMatch(/on the node: nomad-pki renew --force; then: nomad-pki probe/)
  expect(/a new key for it.*?cheapest cure/s.exec(stdout)![0]).not.toMatch(/nomad-pki rollout/)
})

test('revoked in the engine by hand: verify names it by what was seen of it', async () => {
  const leaf = new X509Certificate(fs.readFileSync(path.join(node.tls, 'current/cert.pem')))
  node.engine.revoked.add(leaf.serialNumber.toLowerCase().replace(/(..)(?=.)/g, '$1:'))
  const { stdout } = await run('verify --long')
  expect(stdout).toContain('is revoked in the engine, and the ledger does not say so')
  expect(stdout).toContain(
    `nomad-pki revoke SHA256:${leaf.fingerprint256.replaceAll(':', '').toLowerCase()}`,
  )
  node.engine.revoked.clear()
})

test('a rollout brings it nothing, and counts it by what was seen', async () => {
  const { stdout } = await run('rollout --dry-run')
  expect(stdout).not.toMatch(/c1 .*generation/)
})

test('its role in the engine is held against the spec', async () => {
  const missing = await run('verify')
  expect(missing.stdout).toMatch(
    /error: identity\/client\/us-west\/c1: .* has no role pki\/nomad\/roles\/nomad-client-us-west-c1, by which it renews itself/,
  )
  const way =
    /fix: nomad-pki (pack client\/us-west\/c1 --renew --out-dir c1) && bao write (\S+) @(\S+)/
  const [, pack, , file] = way.exec(missing.stdout)!
  expect((await run(pack!)).status).toBe(0)
  const role = JSON.parse(fs.readFileSync(path.join(node.place, file!), 'utf8')) as Record<
    string,
    unknown
  >
  // A path that names no issuer signs by the role's own.
  expect(role.issuer_ref).toBe('us-west-1')
  node.engine.roles.set('nomad-client-us-west-c1', role)
  expect((await run('verify')).stdout).not.toMatch(/by which it renews itself/)
  node.engine.roles.set('nomad-client-us-west-c1', { ...role, allow_any_name: true })
  expect((await run('verify')).stdout).toMatch(
    /nomad-client-us-west-c1 is not as the spec has it: .*allow_any_name/,
  )
  node.engine.roles.set('nomad-client-us-west-c1', { ...role, not_after: '2035-01-01T00:00:00Z' })
  expect((await run('verify')).stdout).toMatch(
    /nomad-client-us-west-c1 is not as the spec has it: not_after is "2035/,
  )
  node.engine.roles.set('nomad-client-us-west-c1', { ...role, allow_all: true })
  expect((await run('verify')).stdout).toMatch(
    /warning: identity\/client\/us-west\/c1: .* does not know: allow_all is true/,
  )
  node.engine.roles.set('nomad-client-us-west-c1', role)
})

test('where every node renews itself the engine is asked about no role of all', async () => {
  const text = fs.readFileSync(spec(), 'utf8')
  fs.writeFileSync(
    spec(),
    text.replace('authorities:', 'defaults: { renewedBy: node }\nauthorities:'),
  )
  const { stdout, stderr } = await run('plan')
  expect(stdout + stderr).not.toMatch(/engine-unseen/)
  expect((await run('verify')).stdout).not.toMatch(/engine-unseen/)
  fs.writeFileSync(spec(), text)
})

test('a name more in the spec: what it has is not what is wanted, and verify says what to do', async () => {
  const text = fs.readFileSync(spec(), 'utf8')
  fs.writeFileSync(
    spec(),
    text.replace('[c1.acme.internal]', '[c1.acme.internal, web.acme.internal]'),
  )
  const { stdout, status } = await run('verify')
  expect(stdout).toMatch(/names-differ/)
  expect(stdout).toMatch(/it lacks web\.acme\.internal/)
  expect(stdout).toMatch(/pack client\/us-west\/c1 --renew --out-dir c1/)
  expect(status).not.toBe(0)
  fs.writeFileSync(spec(), text)
})

test('after its renewal is due nobody knows, until it is asked; still the old one is an alarm', async () => {
  const before = node.at
  node.at = before + 70 * day
  const unknown = await run('status')
  expect(unknown.stdout).toMatch(
    /c1 .*not seen yet.*was to be renewed from .*it was not seen since/,
  )
  // The same receipt, written today: a node that was looked at.
  const receipt = path.join(node.tls, 'receipt.json')
  const text = fs.readFileSync(receipt, 'utf8')
  fs.writeFileSync(receipt, text.replace(/"at": \d+/, `"at": ${node.at - 1000}`))
  await takeReceipt()
  const late = await run('status')
  expect(late.stdout).toMatch(/c1 .*renewal overdue.*it did not renew it/)
  expect(late.status).toBe(2)
  expect((await run('verify')).stdout).toMatch(/renewal-overdue/)
  fs.writeFileSync(receipt, text)
  node.at = before
})
