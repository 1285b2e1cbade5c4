/**
 * `keyHeld: node` on a real server and a real client: each leaf comes from a request, and is renewed inside its
 * window by a request that the loaded leaf signs. Then the root is replaced, crossed and in stages, and each leaf of
 * the new one comes of a request. No person compares anything, requests never pause, and the store never has a key of
 * theirs.
 */
import { copyFileSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { cli, folder, type Said } from '../cli/cli.js'
import { Agent, type AgentPlan, writeAgentConfig } from './harness/agent.js'
import { parseCertificates } from '../../src/x509/certificates.js'
import { api, type Credentials } from './harness/api.js'
import { isConnection, isListener, offered } from './harness/figures.js'
import { agentPorts, type AgentPorts } from './harness/ports.js'
import { eventually, sleep } from './harness/run.js'
import { Traffic } from './harness/traffic.js'

const minute = 60_000
const names = ['s1', 'c1'] as const
type Name = (typeof names)[number]
const addresses: Readonly<Record<Name, string>> = { s1: 'server/global/s1', c1: 'client/global/c1' }

let admin = ''
let hosts = ''
let ports: Readonly<Record<Name, AgentPorts>>
const agents = new Map<Name, Agent>()
const plans = new Map<Name, AgentPlan>()
let traffic: Traffic | undefined

const atStore = (line: string, now = Date.now()): Promise<Said> =>
  cli(admin, line.split(' '), { now })
const onNode = (name: Name, line: string): Promise<Said> =>
  cli(join(hosts, name), line.split(' '), { now: Date.now() })
const bring = (file: string, from: string, to: string): void => {
  copyFileSync(join(from, file), join(to, file))
}
const textOf = (name: Name, file: string): string =>
  readFileSync(join(hosts, name, 'tls/current', file), 'utf8')

async function ok(said: Promise<Said>): Promise<Said> {
  const { status, stdout, stderr } = await said
  expect({ status, stdout, stderr }).toMatchObject({ status: 0 })
  return { status, stdout, stderr }
}

function credentials(): Required<Credentials> {
  const current = join(admin, 'pki/identity/operator/global/alice/current')
  const read = (file: string): string => readFileSync(join(current, file), 'utf8')
  return { ca: read('ca.pem'), cert: read('cert.pem'), key: read('key.pem') }
}

/** Each text in the store. */
function storeTexts(folderOf: string): readonly string[] {
  return readdirSync(folderOf, { recursive: true, withFileTypes: true }).flatMap((entry) =>
    entry.isFile() ? [readFileSync(join(entry.parentPath, entry.name), 'latin1')] : [],
  )
}

beforeAll(async () => {
  hosts = folder()
  ports = { s1: await agentPorts(), c1: await agentPorts() }
  const { s1, c1 } = ports
  admin = folder({
    'cluster.yaml': `version: 1
cluster: acme
authorities: { agent: { lifetime: 10y } }
defaults: { keyHeld: node, lifetime: 2h, renewBefore: 1h }
node: { tls: /etc/nomad-tls, owner: { server: root, client: root } }
regions:
  global:
    servers: { s1: { http: "127.0.0.1:${s1.http}", rpc: "127.0.0.1:${s1.rpc}" } }
    clients: { c1: { http: "127.0.0.1:${c1.http}" } }
operators: { alice: { region: global, lifetime: 24h } }
`,
  })
  // Made 70 minutes ago: 50 are left, and renewal begins with 60.
  const before = Date.now() - 70 * minute
  await ok(atStore('init --new-store', before))
  await ok(atStore('apply --yes', before))
  for (const name of names) {
    const host = join(hosts, name)
    const plan: AgentPlan = {
      ...{ name, role: name === 's1' ? 'server' : 'client', region: 'global', ports: ports[name] },
      directory: join(host, 'nomad.d'),
      dataDir: join(hosts, 'data', name),
      servers: [`127.0.0.1:${s1.rpc}`],
    }
    mkdirSync(host)
    writeAgentConfig(plan)
    const line = `request ${addresses[name]} --tls tls --out ${name}-1.csr --json`
    const asked = JSON.parse((await ok(onNode(name, line))).stdout) as { fingerprint: string }
    bring(`${name}-1.csr`, host, admin)
    await ok(atStore(`sign ${name}-1.csr --fingerprint ${asked.fingerprint}`, before))
    const put = await delivered(name, 1, '--config nomad.d --reload none')
    // The stanza is new: it says that a reload would not do.
    expect(put, put.stderr).toMatchObject({ status: 2 })
    plans.set(name, plan)
  }
  const server = new Agent(plans.get('s1')!)
  agents.set('s1', server)
  await eventually(
    'a leader',
    async () => (server.log().includes('cluster leadership acquired') ? true : undefined),
    { explain: () => server.tail() },
  )
  const client = new Agent(plans.get('c1')!)
  agents.set('c1', client)
  await eventually(
    'the client',
    async () => (client.log().includes('node registration complete') ? true : undefined),
    { explain: () => client.tail() },
  )
  traffic = new Traffic(
    [
      { kind: 'local', agent: 's1', port: s1.http, path: '/v1/agent/self' },
      { kind: 'leader', agent: 's1', port: s1.http, path: '/v1/jobs' },
      { kind: 'local', agent: 'c1', port: c1.http, path: '/v1/agent/self' },
      { kind: 'client', agent: 'c1', port: c1.http, path: '/v1/nodes' },
    ],
    credentials,
  )
})

afterAll(async () => {
  await traffic?.stop()
  for (const name of ['c1', 's1'] as const) await agents.get(name)?.stop()
})

/** Packed where the store is, brought, and installed on the node. */
async function delivered(name: Name, number: number, how: string): Promise<Said> {
  const file = `${name}-${number}.tar.gz`
  const packed = await ok(atStore(`pack ${name} --out ${file}`))
  expect(packed.stderr).not.toContain('holds the private key')
  bring(file, admin, join(hosts, name))
  return onNode(name, `install ${file} --tls tls ${how}`)
}

/** The requests since the last call: what failed was a connection that ended, was healed, and TLS was never why. */
async function expectCheap(most: number): Promise<void> {
  // Each agent is asked some times more on what it has loaded.
  await sleep(2000)
  const { losses, sent } = traffic!
  expect(sent).toBeGreaterThan(100)
  for (const loss of losses) {
    expect(loss).toMatchObject({ healed: true })
    for (const message of loss.failures) {
      expect(isConnection(message) || isListener(message), message).toBe(true)
    }
  }
  expect(losses.length).toBeLessThanOrEqual(most)
  // Our own probe offers no certificate to the RPC port: that line is its cost.
  const complaints = linesAboutTls().filter((line) => !offered.test(line))
  expect(complaints).toEqual([])
  expect(linesAboutTls().filter((line) => offered.test(line))).toHaveLength(offers)
}

/** What agents say of TLS handshakes that failed. */
function linesAboutTls(): readonly string[] {
  return [...agents.values()].flatMap((agent) =>
    agent
      .log()
      .split('\n')
      .filter((line) => /TLS handshake|bad certificate|x509|tls: /.test(line))
      .filter((line) => !line.includes("client didn't provide a certificate")),
  )
}

/** While two roots are trusted, a probe offers leaves of both to the RPC port: how many lines that has cost. */
let offers = 0
async function probed(): Promise<void> {
  const before = linesAboutTls().length
  expect((await ok(atStore('probe'))).stdout).toContain('2 of 2 agents proven')
  await sleep(500)
  const own = linesAboutTls().length - before
  // Two leaves to one server, each twice at most.
  expect(own).toBeLessThanOrEqual(4)
  offers += own
}

/** No key of a node is in the store. */
function expectAway(keys: readonly string[]): void {
  const texts = storeTexts(admin)
  expect(texts.join()).toContain(textOf('s1', 'cert.pem').slice(0, 200))
  for (const key of keys) {
    // The first line is nearly the same in each key of P-256: the second one is its own.
    const [, , own = ''] = key.split('\n')
    expect(own).toHaveLength(64)
    expect(texts.some((text) => text.includes(own))).toBe(false)
  }
}

test('a leaf is renewed by a request that the loaded leaf signs: no person, no TLS error, no key in the store', async () => {
  await ok(atStore('probe'))
  const due = await atStore('rotate leaves --due')
  expect(due.status, due.stderr).toBe(2)
  for (const name of names)
    expect(due.stderr).toContain(`nomad-pki request identity/${addresses[name]}`)
  const keys: string[] = names.map((name) => textOf(name, 'key.pem'))
  for (const name of names) {
    const leaf = textOf(name, 'cert.pem')
    await ok(onNode(name, `request --tls tls --out ${name}-2.csr`))
    bring(`${name}-2.csr`, join(hosts, name), admin)
    // Nobody is there who could be asked, and no fingerprint is given.
    const signed = await ok(atStore(`sign ${name}-2.csr`))
    expect(signed.stderr).toContain('it is signed by the key of generation 1, and due')
    // Until the pair is in place, the one in use is whole.
    expect(textOf(name, 'cert.pem')).toBe(leaf)
    const { pid, plan } = agents.get(name)!
    const loads = `--reload ${pid} --probe 127.0.0.1:${plan.ports.http}`
    const put = await ok(delivered(name, 2, loads))
    expect(put.stdout).toContain('in place, and the agent presents it')
    keys.push(textOf(name, 'key.pem'))
  }
  expect(new Set(keys).size).toBe(4)
  const proven = await ok(atStore('probe'))
  expect(proven.stdout).toContain('2 of 2 agents proven')
  await ok(atStore('plan'))
  await ok(atStore('rotate leaves --due'))
  await expectCheap(6)
  expectAway(keys)
})

/** What a rotation of the root comes to: every stage with the commands that a person gives. */
async function replaceRoot(way: 'crossed' | 'staged', first: number): Promise<readonly string[]> {
  const keys: string[] = []
  let number = first
  for (;;) {
    const { stdout } = await atStore(`rotate authority agent --way ${way} --json`)
    const stand = JSON.parse(stdout) as {
      readonly position: string
      readonly next: { readonly reloads: boolean }
    }
    if (stand.position === 'settled' && number > first) return keys
    await ok(atStore(`rotate authority agent --way ${way} --next`))
    await ok(atStore('apply --yes'))
    if (!stand.next.reloads) return keys
    for (const name of names) {
      const waits = (await atStore(`plan ${addresses[name]}`)).stdout.includes('request-needed')
      if (waits) {
        const file = `${name}-${number}.csr`
        await ok(onNode(name, `request --tls tls --out ${file}`))
        bring(file, join(hosts, name), admin)
        // Nobody is there who could be asked: the leaf of the old root vouches for the key of the new one.
        const signed = await ok(atStore(`sign ${file}`))
        expect(signed.stderr).toMatch(/it is signed by the key of generation [0-9]+, and due/)
      }
      const { pid, plan } = agents.get(name)!
      const put = await ok(
        delivered(name, number, `--reload ${pid} --probe 127.0.0.1:${plan.ports.http}`),
      )
      expect(put.stdout).toContain('in place, and the agent presents it')
      if (waits) keys.push(textOf(name, 'key.pem'))
    }
    number += 1
    await probed()
    expect(number - first).toBeLessThan(4)
  }
}

test.each([
  ['crossed', 10, 2],
  ['staged', 20, 3],
] as const)(
  'the root is replaced, %s: each new leaf comes of a request, no TLS error, and the old root is out',
  async (way, first, generation) => {
    const before = credentials()
    const losses = traffic!.losses.length
    const keys = await replaceRoot(way, first)
    expect(keys).toHaveLength(2)
    expect(new Set(keys).size).toBe(2)
    await ok(atStore('plan'))
    await expectCheap(losses + 18)
    expectAway(keys)
    for (const name of names) {
      expect(parseCertificates(textOf(name, 'ca.pem'))).toHaveLength(1)
      // Another certificate of the old root is refused.
      await expect(
        api(ports[name].http, '/v1/agent/self', { ...before, ca: credentials().ca }),
        name,
      ).rejects.toThrow(/unknown ca|bad certificate/)
    }
    const ledger = readFileSync(join(admin, 'pki/ledger.jsonl'), 'utf8')
    expect(ledger).toContain(`"address":"authority/agent/${generation}"`)
  },
)
