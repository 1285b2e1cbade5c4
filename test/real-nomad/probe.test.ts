/**
 * What `probe` says of real agents: before and after a reload, what it costs in their logs, and a naive
 * swap of the root on half of them, named and healed without a restart.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { offerCertificate } from '../../src/probe/offer.js'
import { cli, folder, type Said } from '../cli/cli.js'
import { Agent, type AgentPlan, writeAgentConfig } from './harness/agent.js'
import { api, type Answer, type Credentials } from './harness/api.js'
import { agentPorts } from './harness/ports.js'
import { eventually } from './harness/run.js'

const spec = `version: 1
cluster: acme
authorities:
  agent: { lifetime: 10y }
node: { tls: store }
regions:
  global:
    servers: { s1: { config: agents/s1 } }
    clients: { c1: { config: agents/c1 } }
operators:
  alice: { region: global }
`

let base = ''
let s1: Agent
let c1: Agent

const pki = (...argv: readonly string[]): Promise<Said> => cli(base, argv, { now: Date.now() })

async function ok(...argv: readonly string[]): Promise<Said> {
  const said = await pki(...argv)
  if (said.status !== 0) throw new Error(`${argv.join(' ')}\n${said.stdout}\n${said.stderr}`)
  return said
}

/** Probes until it says so. */
function probed(what: RegExp): Promise<Said> {
  let last: Said | undefined
  return eventually(
    `a probe to say ${String(what)}`,
    async () => {
      last = await pki('probe')
      return what.test(last.stdout) ? last : undefined
    },
    { explain: () => `${last?.stdout}\n${s1.tail()}\n${c1.tail()}` },
  )
}

function edit(from: string, to: string): void {
  const file = join(base, 'cluster.yaml')
  const text = readFileSync(file, 'utf8')
  expect(text).toContain(from)
  writeFileSync(file, text.replace(from, to))
}

const alice = 'pki/identity/operator/global/alice'

function credentials(): Required<Credentials> {
  const read = (name: string): string =>
    readFileSync(join(base, alice, 'current', `${name}.pem`), 'utf8')
  return { ca: read('ca'), cert: read('cert'), key: read('key') }
}

/** A question to the client that it can only pass on. */
const forwarded = (by: Credentials): Promise<Answer> =>
  api(c1.plan.ports.http, '/v1/nodes', by, { timeout: 5_000 })

const warnings = (): number => s1.log().split('failed TLS handshake').length - 1

beforeAll(async () => {
  base = folder({ 'cluster.yaml': spec })
  const ports = { s1: await agentPorts(), c1: await agentPorts() }
  const planOf = (name: 's1' | 'c1', role: AgentPlan['role']): AgentPlan => ({
    ...{ name, role, region: 'global', ports: ports[name] },
    directory: join(base, 'agents', name),
    dataDir: join(base, 'data', name),
    servers: [`127.0.0.1:${ports.s1.rpc}`],
  })
  const [server, client] = [planOf('s1', 'server'), planOf('c1', 'client')]
  writeAgentConfig(server)
  writeAgentConfig(client)
  await ok('init', '--new-store')
  await ok('apply', '--yes')
  s1 = new Agent(server)
  await eventually('a leader', async () =>
    s1.log().includes('cluster leadership acquired') ? true : undefined,
  )
  c1 = new Agent(client)
  await eventually('the client', async () =>
    c1.log().includes('node registration complete') ? true : undefined,
  )
})

afterAll(async () => {
  // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition -- beforeAll may have thrown
  await Promise.all([s1?.stop(), c1?.stop()])
})

describe('a probe of real agents', () => {
  test('proves what they started with, by the addresses that they advertise', async () => {
    const before = warnings()
    const { stdout } = await ok('probe')
    expect(stdout).toMatch(/server\/global\/s1 {2}proven {2}generation 1/)
    expect(stdout).toMatch(/client\/global\/c1 {2}proven {2}generation 1/)
    expect(stdout).toContain('Nomad names 1 server and 1 client in global')
    expect(stdout).toContain('3 handshakes; the RPC port logged one, at WARN')
    await eventually('the line in the log', async () =>
      warnings() === before + 1 ? true : undefined,
    )
    const members = readFileSync(join(base, 'pki/ledger.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>)
      .findLast(({ event }) => event === 'members')
    expect(members).toMatchObject({ servers: ['s1.global'], clients: ['c1'], leader: 's1.global' })
  })

  test('inspect says of each port whose it is, which port, and whose certificates it wants', async () => {
    const root = /subject +(CN=acme agent CA 1\S*)/.exec((await ok('inspect', 'agent')).stdout)![1]!
    const said = async (port: number): Promise<string> =>
      (await ok('inspect', `127.0.0.1:${port}`)).stdout
    for (const [port, what, role] of [
      [s1.plan.ports.http, 'HTTPS', 'server'],
      [s1.plan.ports.rpc, 'RPC of Nomad', 'server'],
      [c1.plan.ports.http, 'HTTPS', 'client'],
    ] as const) {
      const text = await said(port)
      expect(text).toContain(`${role} of global: 127.0.0.1:${port}`)
      expect(text).toMatch(new RegExp(`port +${what}\\n +protocol +TLSv1\\.3\\n`))
      expect(text).toContain(`asks for certificates of  ${root}`)
    }
    // Without verify_https_client, and with no server to register at.
    const ports = await agentPorts()
    const open: AgentPlan = {
      ...{ name: 'open', role: 'client', region: 'global', ports, servers: [] },
      ...{ directory: join(base, 'agents/open'), dataDir: join(base, 'data/open') },
    }
    writeAgentConfig(open)
    const tls = readFileSync(join(base, 'agents/c1/tls.hcl'), 'utf8')
    expect(tls).toMatch(/verify_https_client += true/)
    writeFileSync(
      join(base, 'agents/open/tls.hcl'),
      tls.replace(/(verify_https_client +=) true/, '$1 false'),
    )
    const agent = new Agent(open)
    try {
      const text = await eventually('its port', async () => {
        const { status, stdout } = await pki('inspect', `127.0.0.1:${ports.http}`)
        return status === 0 ? stdout : undefined
      })
      expect(text).toContain(`client of global: 127.0.0.1:${ports.http}`)
      expect(text).toContain('asks for certificates of  none: it asks for no certificate')
    } finally {
      await agent.stop()
    }
  })

  test('a certificate that is offered is taken or refused by the key that signed it', async () => {
    // Another store of the same spec: its root has the same name, or it had before names told keys apart.
    const other = folder({ 'cluster.yaml': spec.replaceAll(/\{ config: agents\/.1 \}/g, '{}') })
    await cli(other, ['init', '--new-store'], { now: Date.now() })
    const said = await cli(other, ['apply', '--yes'], { now: Date.now() })
    expect(said.status, said.stderr).toBe(0)
    const leafIn = (store: string): { cert: string; key: string } => ({
      cert: readFileSync(join(store, alice, 'current/cert.pem'), 'utf8'),
      key: readFileSync(join(store, alice, 'current/key.pem'), 'utf8'),
    })
    const ports = [
      { port: s1.plan.ports.http, rpc: false },
      { port: s1.plan.ports.rpc, rpc: true },
      { port: c1.plan.ports.http, rpc: false },
    ]
    const logs = [s1, c1].map((agent) => agent.log().length)
    for (const [leaf, state] of [
      [leafIn(base), 'accepted'],
      [leafIn(other), 'refused'],
    ] as const) {
      for (const { port, rpc } of ports) {
        const where = { host: '127.0.0.1', port, rpc }
        const outcome = await offerCertificate(where, leaf, { control: leafIn(other) })
        expect({ port: rpc ? 'rpc' : 'http', ...outcome }).toMatchObject({ state, message: '' })
      }
    }
    // What it costs in their logs: a line at WARN for each handshake on the RPC port, and nothing else.
    const lines = (
      await eventually('the line in the log', async () => {
        const noted = [s1, c1].map((agent, at) => agent.log().slice(logs[at]))
        return noted[0]!.includes('unknown authority') ? noted : undefined
      })
    ).flatMap((text) => text.split('\n').filter((line) => /\[(WARN|ERROR|INFO)\]/.test(line)))
    const unknown = expect.stringMatching(
      /failed TLS handshake.*signed by unknown authority/,
    ) as string
    const named = expect.stringMatching(/failed TLS handshake.*invalid role or region/) as string
    expect(lines).toEqual([named, unknown, unknown])
  })

  test('sees a generation that was made, and then that it was loaded', async () => {
    await ok('rotate', 'leaves', '--all', '--yes')
    const made = await pki('probe')
    expect(made.status).toBe(2)
    expect(made.stdout).toMatch(/server\/global\/s1 {2}lagging +/)
    s1.reload()
    const half = await probed(/server\/global\/s1 {2}proven/)
    expect(half.status).toBe(2)
    c1.reload()
    expect((await probed(/2 of 2 agents proven/)).status).toBe(0)
  })

  test('names a naive swap on half of the agents, and its repair brings them back', async () => {
    edit('agent: { lifetime: 10y }', 'agent: { lifetime: 10y, signing: 2, trusted: [2] }')
    const held = await pki('apply', '--yes')
    expect(held.status).not.toBe(0)
    expect(held.stdout + held.stderr).toMatch(/authority\/agent\/2 signs from now on/)
    // Somebody answers for every agent, and errs.
    for (const agent of ['s1', 'c1']) {
      await pki('rotate', 'authority', 'agent', '--except', agent, '--reason', 'it is only a lab')
    }
    await ok('apply', '--yes')
    c1.reload()
    const swapped = await probed(/client\/global\/c1 {2}proven/)
    expect(swapped.status).toBe(2)
    expect(swapped.stdout).toContain('half-rotated: agents under agent refuse each other')
    expect(swapped.stdout).toContain(
      'write into the spec: agent: signing: 2, trusted: [1, 2], crossed: true',
    )
    // They do: what the client is asked, it cannot ask the server.
    const second = credentials()
    await eventually('the client to be refused', async () =>
      (await forwarded(second)).status === 500 ? true : undefined,
    )
    edit('signing: 2, trusted: [2]', 'signing: 2, trusted: [1, 2], crossed: true')
    await ok('apply', '--yes')
    s1.reload()
    const explain = (): string => c1.tail()
    await eventually(
      'the client, which is not repaired yet, to be heard again by a server that is',
      async () => ((await forwarded(second)).status === 200 ? true : undefined),
      { explain },
    )
    c1.reload()
    const healed = await probed(/2 of 2 agents proven/)
    expect(healed.stdout).not.toContain('half-rotated')
    expect(healed.status).toBe(0)
    // In a rotation certificates are offered as well: the server notes what the probe says that it cost.
    const before = warnings()
    const { stdout } = await ok('probe', '--json')
    const { handshakes, warned } = JSON.parse(stdout) as Record<'handshakes' | 'warned', number>
    expect({ handshakes, warned }).toEqual({ handshakes: 11, warned: 5 })
    await eventually('the lines in the log', async () =>
      warnings() === before + warned ? true : undefined,
    )
    expect([s1.exitStatus, c1.exitStatus]).toEqual([undefined, undefined])
    expect((await ok('rotate', 'authority', 'agent')).stdout).toContain('gate: open')
  })
})
