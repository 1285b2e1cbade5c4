/** Trust by key: `probe` offers certificates under roots, from the command down. */

import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { cli, folder, type Said } from '../cli/cli.js'
import type { LedgerEvent } from '../../src/inventory/ledger-events.js'
import { note } from '../../src/inventory/note.js'
import { underLock } from '../../src/cli/under-lock.js'
import { directoryStore } from '../../src/store/directory-store.js'
import { parseCertificates } from '../../src/x509/certificates.js'
import { commonNames } from '../../src/x509/name.js'
import { FakeAgent, trioIn, type AgentSettings, type Trio } from './agents.js'
import { copyFolder } from '../copy-folder.js'

vi.setConfig({ testTimeout: 60_000 })

const agents: FakeAgent[] = []
afterEach(async () => {
  await Promise.all(agents.splice(0).map((agent) => agent.stop()))
})

const root = 'authority/agent/1'

class Live {
  readonly cwd = folder()
  s1!: FakeAgent
  c1!: FakeAgent

  static async start(ofClients: AgentSettings = {}): Promise<Live> {
    const live = new Live()
    live.#write('{ s1: {} }', '{ c1: {} }')
    await live.ok('init', '--new-store')
    await live.ok('apply', '--yes')
    live.s1 = await FakeAgent.start(live.trio('server/global/s1'), { alerts: true })
    const client = { alerts: true, rpc: false, ...ofClients }
    live.c1 = await FakeAgent.start(live.trio('client/global/c1'), client)
    agents.push(live.s1, live.c1)
    live.#write(
      `{ s1: { http: "${live.s1.http}", rpc: "${live.s1.rpc}" } }`,
      `{ c1: { http: "${live.c1.http}" } }`,
    )
    return live
  }

  #write(servers: string, clients: string): void {
    writeFileSync(
      join(this.cwd, 'cluster.yaml'),
      `version: 1
cluster: acme
authorities:
  agent: { lifetime: 10y }
regions:
  global:
    servers: ${servers}
    clients: ${clients}
operators:
  alice: { region: global }
`,
    )
  }

  trio(node: string): Trio {
    return trioIn(join(this.cwd, 'pki/identity', node, 'current'))
  }

  edit(from: string, to: string): void {
    const file = join(this.cwd, 'cluster.yaml')
    const text = readFileSync(file, 'utf8')
    expect(text).toContain(from)
    writeFileSync(file, text.replace(from, to))
  }

  run(...argv: readonly string[]): Promise<Said> {
    return cli(this.cwd, argv, { now: Date.now() })
  }

  async ok(...argv: readonly string[]): Promise<Said> {
    const said = await this.run(...argv)
    expect(said.status, said.stdout + said.stderr).toBe(0)
    return said
  }

  /** Files under another root, made elsewhere: no gate of this store has a say. */
  async swapped(): Promise<string> {
    const cwd = folder({
      'cluster.yaml': readFileSync(join(this.cwd, 'cluster.yaml')),
    })
    for (const argv of [
      ['init', '--new-store'],
      ['apply', '--yes'],
    ]) {
      expect((await cli(cwd, argv, { now: Date.now() })).status).toBe(0)
    }
    return join(cwd, 'pki/identity')
  }

  /** What was noted last of each port. */
  get observed(): ReadonlyMap<string, Record<string, unknown>> {
    const lines = readFileSync(join(this.cwd, 'pki/ledger.jsonl'), 'utf8').trim().split('\n')
    const seen = lines
      .map((line) => JSON.parse(line) as Record<string, unknown>)
      .filter(({ event }) => event === 'observed')
    return new Map(seen.map((line) => [String(line['endpoint']), line]))
  }
}

const ajv = new Ajv2020({ strict: true, allErrors: true })
const schema = new URL('../../src/report/schemas/refusals.json', import.meta.url)
const validate = ajv.compile(JSON.parse(readFileSync(schema, 'utf8')) as object)

describe('probe --refuses', () => {
  test('exits 2 while agents trust the root, and 0 once every one of them refuses it', async () => {
    const live = await Live.start()
    const before = await live.run('probe', '--refuses', root)
    expect(before).toMatchObject({ status: 2 })
    expect(before.stdout).toMatch(
      /server\/global\/s1 {2}trusts {2}127\.0\.0\.1:\d+ takes a certificate/,
    )
    expect(before.stdout).toContain(`0 of 2 agents refuse ${root}; 2 trust it`)
    expect([...live.observed.values()].map(({ accepts }) => accepts)).toEqual([
      [root],
      [root],
      [root],
    ])

    // Another root, and its leaves; the first is gone with its key, and what was kept of it decides.
    const next = await live.swapped()
    live.s1.reload(trioIn(join(next, 'server/global/s1/current')))
    rmSync(join(live.cwd, 'pki', root), { recursive: true })
    const half = await live.run('probe', '--refuses', root, '--json')
    expect(half.status).toBe(2)
    const document = JSON.parse(half.stdout) as { agents: object[] }
    validate(document)
    expect(validate.errors).toBeNull()
    expect(document.agents).toEqual([
      { address: 'identity/server/global/s1', state: 'refuses', message: '' },
      expect.objectContaining({ address: 'identity/client/global/c1', state: 'accepts' }),
    ])

    live.c1.reload(trioIn(join(next, 'client/global/c1/current')))
    const after = await live.run('probe', '--refuses', root)
    expect(after, after.stdout).toMatchObject({ status: 0 })
    expect(after.stdout).toContain(`2 of 2 agents refuse ${root}`)
    expect(live.observed.get(live.s1.rpc)).toMatchObject({ refuses: [root] })
  })

  test('half a reload is not enough: one port that takes it is trust', async () => {
    const live = await Live.start()
    await live.run('probe', '--refuses', root)
    const next = await live.swapped()
    live.s1.reload(trioIn(join(next, 'server/global/s1/current')), { rpc: false })
    live.c1.reload(trioIn(join(next, 'client/global/c1/current')))
    const said = await live.run('probe', '--refuses', root)
    expect(said.status).toBe(2)
    expect(said.stdout).toContain(`s1  trusts   ${live.s1.rpc} takes a certificate under it`)
  })

  test('names what it could not decide: an agent that asks for none, one that is silent', async () => {
    const live = await Live.start({ alerts: false, verifyHttpsClient: false })
    await live.s1.stop()
    const said = await live.run('probe', '--refuses', root)
    expect(said.status).toBe(2)
    expect(said.stdout).toContain('nothing listens there')
    expect(said.stdout).toContain(`${live.c1.http} asks for no certificate`)
    expect(said.stdout).toContain('0 of 2 agents refuse authority/agent/1; 2 not decided')
  })

  test('of a root that the store never had, nothing is decided', async () => {
    const live = await Live.start()
    const said = await live.run('probe', '--refuses', 'authority/agent/7')
    expect(said.status).toBe(2)
    expect(said.stdout).toContain('not decided  this command cannot use its key')
  })
})

describe('the probe leaf', () => {
  test('is kept as a key is, has the names of nobody, and is not made a second time', async () => {
    const live = await Live.start()
    await live.run('probe', '--refuses', root)
    const file = join(live.cwd, 'pki/probe/agent/1.pem')
    expect(statSync(file).mode & 0o777).toBe(0o600)
    const text = readFileSync(file, 'utf8')
    expect(text).toMatch(/^-----BEGIN PRIVATE KEY-----/)
    const [leaf] = parseCertificates(text.slice(text.indexOf('-----BEGIN CERTIFICATE-----')))
    expect(commonNames(leaf!.subject)).toEqual(['nomad-pki probe'])
    expect(leaf!.subjectAltName).toEqual([{ type: 'uri', value: 'nomad-pki:probe' }])
    expect(leaf!.extendedKeyUsage).toEqual(['clientAuth'])
    await live.run('probe', '--refuses', root)
    expect(readFileSync(file, 'utf8')).toBe(text)
    await live.ok('verify')
    expect((await live.run('plan')).status).toBe(0)
  })

  test('is removed by the probe that sees that it has ended', async () => {
    const live = await Live.start()
    await live.run('probe', '--refuses', root)
    const file = join(live.cwd, 'pki/probe/agent/1.pem')
    const after = (days: number): Promise<Said> =>
      cli(live.cwd, ['probe'], { now: Date.now() + days * 86_400_000 })
    await after(30)
    expect(existsSync(file)).toBe(true)
    await after(32)
    expect(existsSync(file)).toBe(false)
    const ledger = readFileSync(join(live.cwd, 'pki/ledger.jsonl'), 'utf8')
    expect(ledger.match(/"event":"probe-ended","address":"authority\/agent\/1"/g)).toHaveLength(1)
    await live.ok('verify')
  })

  test('of a compromised root goes when every agent refuses it, and the name tells later', async () => {
    const live = await Live.start()
    const file = join(live.cwd, 'pki/probe/agent/1.pem')
    const store = directoryStore(join(live.cwd, 'pki'))
    const members = (at: number): LedgerEvent => ({
      ...{ event: 'members', address: 'cluster', at, region: 'global' },
      ...{ servers: ['s1.global'], clients: ['c1'], gone: [] },
    })
    const closed = (): number => {
      const ledger = readFileSync(join(live.cwd, 'pki/ledger.jsonl'), 'utf8')
      return ledger.match(/"event":"probe-ended".*"gate":"closed"/g)?.length ?? 0
    }
    const old = live.trio('client/global/c1')
    await live.ok('probe')
    await underLock(store, 'test', () => note(store, [members(Date.now())]))
    for (const reloaded of [['s1', 'c1'], ['s1', 'c1'], ['s1']]) {
      await live.ok('rotate', 'authority', 'agent', '--compromised', '--next')
      await live.ok('apply', '--yes')
      live.s1.reload(live.trio('server/global/s1'))
      if (reloaded.includes('c1')) live.c1.reload(live.trio('client/global/c1'))
      await live.run('probe')
      expect(existsSync(file)).toBe(true)
    }
    await live.ok('apply', '--yes', '--prune')
    live.c1.reload(live.trio('client/global/c1'))
    // Nobody has asked Nomad for more than a day: somebody else may belong to the cluster.
    let now = Date.now() + 90_000_000
    const run = (...argv: string[]): Promise<Said> => cli(live.cwd, argv, { now: (now += 1000) })
    expect((await run('probe')).status).toBe(0)
    expect([existsSync(file), closed()]).toEqual([true, 0])

    await underLock(store, 'test', () => note(store, [members(now)]))
    expect((await run('probe')).status).toBe(0)
    expect([existsSync(file), closed()]).toEqual([false, 1])
    const asked = await run('probe', '--refuses', root)
    expect(asked, asked.stdout).toMatchObject({ status: 0 })
    expect(asked.stdout).toMatch(/c1 +refuses +by name: its probe leaf was removed on .*Z, when/)

    live.c1.reload(old)
    expect(await run('probe')).toMatchObject({ status: 2 })
    const back = await run('probe', '--refuses', root)
    expect(back).toMatchObject({ status: 2 })
    expect(back.stdout).toMatch(/c1 +trusts +.* names it/)
    live.c1.reload(live.trio('client/global/c1'))
    for (const argv of ['probe', 'status', 'verify']) {
      const said = await run(argv)
      expect(said, said.stdout + said.stderr).toMatchObject({ status: 0 })
    }
    expect(closed()).toBe(1)
  })

  test('is not made with a root that somebody else may have', async () => {
    const live = await Live.start()
    const store = directoryStore(join(live.cwd, 'pki'))
    const mark = { event: 'compromised', address: root, at: Date.now() } as const
    await underLock(store, 'test', () => note(store, [mark]))
    const said = await live.run('probe', '--refuses', root)
    expect(said.status).toBe(2)
    expect(existsSync(join(live.cwd, 'pki/probe'))).toBe(false)
    // An operator's own certificate under it serves.
    expect(said.stdout).toContain('2 trust it')

    const again = { code: 'reinstate', value: root, reason: 'a drill' }
    const override = { event: 'override', address: 'store', at: Date.now(), ...again } as const
    await underLock(store, 'test', () => note(store, [override]))
    await live.run('probe', '--refuses', root)
    expect(existsSync(join(live.cwd, 'pki/probe/agent/1.pem'))).toBe(true)
  })
})

test('an agent that trusts another root of the same name is seen to refuse ours', async () => {
  const live = await Live.start()
  // The same store, made again: its second root has the name of the first one's second root.
  const twin = folder()
  copyFolder(live.cwd, twin)
  const named =
    'agent: { lifetime: 10y, subject: { commonName: "acme CA {generation}" }, signing: 1, trusted: [1, 2] }'
  live.edit('agent: { lifetime: 10y }', named)
  writeFileSync(
    join(twin, 'cluster.yaml'),
    readFileSync(join(twin, 'cluster.yaml'), 'utf8').replace('agent: { lifetime: 10y }', named),
  )
  await live.ok('apply', '--yes')
  expect((await cli(twin, ['apply', '--yes'], { now: Date.now() })).status).toBe(0)
  const theirs = (node: string): Trio => ({
    ...live.trio(node),
    ca: trioIn(join(twin, 'pki/identity', node, 'current')).ca,
  })
  live.s1.reload(theirs('server/global/s1'))
  live.c1.reload(live.trio('client/global/c1'))
  // Of each port its trust by name, and two offers; on RPC the control beside what it takes.
  const said = await live.run('probe', '--json')
  expect(JSON.parse(said.stdout)).toMatchObject({ handshakes: 10, warned: 4 })
  expect(live.observed.get(live.s1.http)).toMatchObject({
    trusts: expect.arrayContaining([root, 'authority/agent/2']) as string[],
    accepts: [root],
    refuses: ['authority/agent/2'],
  })
  expect(live.observed.get(live.c1.http)).toMatchObject({
    accepts: expect.arrayContaining([root, 'authority/agent/2']) as string[],
  })
})
