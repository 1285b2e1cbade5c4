/** What a rollout asks of the store and of the agents' API. */

import fs from 'node:fs'
import http from 'node:http'
import path from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { printerOf } from '../../src/cli/printer.js'
import { apiPortsOf, rolloutPorts } from '../../src/cli/rollout-ports.js'
import { openWorkspace } from '../../src/cli/workspace.js'
import { underLock } from '../../src/cli/under-lock.js'
import { memoryHosts } from '../../src/hosts/memory-hosts.js'
import type { RolloutPorts } from '../../src/rollout/ports.js'
import { FakeAgent, trioIn } from '../probe/agents.js'
import { cli, folder, now } from './cli.js'
import { testContext } from './context.js'

const spec = (client: string, server: string): string => `version: 1
cluster: acme
node: { tls: /etc/nomad-tls }
regions:
  global:
    servers: { s1: { ips: [127.0.0.1], rpc: "${server}", stanza: { http: false } } }
    clients: { c1: { ips: [127.0.0.1], http: "${client}" } }
operators:
  alice: { region: global }
`

const health = {
  Healthy: true,
  FailureTolerance: 0,
  Servers: [
    {
      ...{ Name: 's1.global', Address: '127.0.0.1:4647', Leader: true, Voter: true },
      ...{ Healthy: true, LastIndex: 7 },
    },
  ],
}

const agents: FakeAgent[] = []
afterAll(() => Promise.all(agents.map((agent) => agent.stop())))

async function bed(more = ''): Promise<{
  readonly base: string
  readonly client: FakeAgent
  readonly ports: RolloutPorts
  readonly locked: (work: () => Promise<void>) => Promise<void>
}> {
  const base = folder({ 'cluster.yaml': spec('127.0.0.1:1', '127.0.0.1:1') })
  await cli(base, ['init', '--new-store'])
  expect((await cli(base, ['apply', '--yes'])).status).toBe(0)
  const trio = (node: string): ReturnType<typeof trioIn> =>
    trioIn(path.join(base, 'pki/identity', node, 'current'))
  const client = await FakeAgent.start(trio('client/global/c1'), { rpc: false })
  const server = await FakeAgent.start(trio('server/global/s1'))
  agents.push(client, server)
  fs.writeFileSync(path.join(base, 'cluster.yaml'), `${spec(client.http, server.rpc)}${more}`)
  const { context } = testContext({ now, argv: [], cwd: base })
  const options = { file: undefined, quiet: undefined, color: undefined, debug: undefined }
  const workspace = await openWorkspace(context, options, printerOf(context, options))
  const overrides = [{ code: 'tolerance', value: 'global', reason: 'one server' } as const]
  const hosts = memoryHosts(() => ({ reached: false, message: 'no host is asked here' }))
  const ports = await rolloutPorts(workspace, hosts, context, { overrides })
  const locked = (work: () => Promise<void>): Promise<void> =>
    underLock(workspace.store, 'a test', work)
  return { base, client, ports, locked }
}

describe('the world of a rollout', () => {
  test('servers without HTTPS are asked through another agent of the cluster', async () => {
    const { client, ports } = await bed()
    client.api = { '/v1/operator/autopilot/health': health }
    const answer = await ports.raft('global')
    expect(answer).toMatchObject({
      state: 'read',
      reading: { servers: [{ name: 's1.global', leader: true, lastIndex: 7 }] },
    })
    expect(client.requests).toEqual(['/v1/operator/autopilot/health?region=global'])
  })

  test('who is asked: the own servers, then those of other regions, then clients; not all of them', () => {
    const at = (
      address: string,
      rpc = false,
    ): { address: string; endpoints: { host: string; port: number; rpc: boolean }[] } => ({
      address: `identity/${address}`,
      endpoints: [{ host: address, port: 4646, rpc }],
    })
    const clients = Array.from({ length: 20 }, (_, index) => at(`client/west/c${index}`))
    const asked = apiPortsOf('west', [
      ...clients,
      at('client/east/e1'),
      at('server/east/e2'),
      at('server/west/w1', true),
      at('server/west/w2'),
      at('combined/west/w3'),
    ])
    expect(asked.map(({ host, servername }) => `${host} ${servername ?? ''}`)).toEqual([
      'server/west/w2 server.west.nomad',
      'combined/west/w3 server.west.nomad',
      'server/east/e2 server.east.nomad',
      ...clients.slice(0, 7).map(({ address }) => `${address.slice(9)} client.west.nomad`),
    ])
  })

  test('while TLS is turned on, plain HTTP is spoken with agents that were never seen with TLS, and no other', () => {
    const at = (
      name: string,
    ): { address: string; endpoints: { host: string; port: number; rpc: boolean }[] } => ({
      address: `identity/server/west/${name}`,
      endpoints: [{ host: name, port: 4646, rpc: false }],
    })
    const isPlain = (address: string): boolean => address.endsWith('w1')
    const asked = apiPortsOf('west', [at('w1'), at('w2')], isPlain)
    expect(asked.map(({ host, plaintext = false }) => [host, plaintext])).toEqual([
      ['w1', true],
      ['w2', false],
    ])
  })

  test.each([
    ['seen in this run', false],
    ['noted with the leaf of another agent', true],
  ])('an agent that was seen with TLS is not asked without it: %s', async (_name, note) => {
    const { base, client, ports, locked } = await bed('transport: upgrading\n')
    client.reload(trioIn(path.join(base, 'pki/identity/server/global/s1/current')))
    await locked(async () => {
      await ports.prove(['identity/client/global/c1'], { note })
    })
    // Who stands between speaks plain HTTP in its place.
    const asked: unknown[] = []
    const between = http.createServer((request, response) => {
      asked.push(request.url)
      response.end(JSON.stringify(health))
    })
    await client.stop()
    await new Promise<void>((resolve) => {
      between.listen(Number(client.http.split(':')[1]), '127.0.0.1', resolve)
    })
    expect((await ports.raft('global')).state).toBe('silent')
    between.close()
    expect(asked).toEqual([])
  })

  test('plain HTTP is for what does not speak TLS: a certificate that is refused is no reason', async () => {
    const { base, client, ports } = await bed('transport: upgrading\n')
    client.reload(trioIn(path.join(base, 'pki/identity/server/global/s1/current')))
    expect((await ports.raft('global')).state).toBe('silent')
    expect(client.asked.http).toBe(1)
  })

  test('an agent that was not restarted yet is asked over plain HTTP', async () => {
    const { client, ports } = await bed('transport: upgrading\n')
    const plain = http.createServer((_request, response) => {
      response.end(JSON.stringify(health))
    })
    await client.stop()
    await new Promise<void>((resolve) => {
      plain.listen(Number(client.http.split(':')[1]), '127.0.0.1', resolve)
    })
    expect((await ports.raft('global')).state).toBe('read')
    plain.close()
  })

  test('of several entries with one name the newest counts, in whatever order they come', async () => {
    const { client, ports } = await bed()
    const old = { ID: 'a', Name: 'c1', Status: 'down', CreateIndex: 5 }
    const anew = { ID: 'b', Name: 'c1', Status: 'ready', CreateIndex: 90 }
    for (const entries of [
      [old, anew],
      [anew, old],
    ]) {
      client.api = { '/v1/nodes': entries }
      const answer = await ports.nodes('global')
      expect(answer).toEqual({ state: 'read', nodes: new Map([['c1', 'ready']]) })
    }
    client.api = {
      '/v1/nodes': [
        { ...old, Status: 'ready' },
        { ...anew, Status: 'down' },
      ],
    }
    expect(await ports.nodes('global')).toEqual({ state: 'read', nodes: new Map([['c1', 'down']]) })
  })

  test('the store is read once, and what was noted since counts', async () => {
    const { base, ports, locked } = await bed()
    const ledger = (): number =>
      fs.readFileSync(path.join(base, 'pki/ledger.jsonl'), 'utf8').split('\n').length
    await locked(async () => {
      // Whoever reads it again finds nothing.
      fs.renameSync(path.join(base, 'pki/identity'), path.join(base, 'identity'))
      const addresses = ['identity/client/global/c1', 'identity/server/global/s1']
      const first = await ports.prove(addresses)
      expect(first.map(({ state }) => state)).toEqual(['proven', 'proven'])
      const lines = ledger()
      await ports.prove(addresses)
      expect(ledger(), 'nothing new was seen').toBe(lines)
      fs.renameSync(path.join(base, 'identity'), path.join(base, 'pki/identity'))
    })
    expect((await cli(base, ['verify', '--offline'])).stdout).not.toMatch(/ledger.*(broken|chain)/)
  })

  test('a leaf of another agent is told as what it is', async () => {
    const { base, client, ports, locked } = await bed()
    client.reload(trioIn(path.join(base, 'pki/identity/server/global/s1/current')))
    await locked(async () => {
      const [verdict] = await ports.prove(['identity/client/global/c1'])
      expect(verdict).toMatchObject({
        state: 'foreign',
        message: expect.stringContaining(
          'presents the leaf of identity/server/global/s1',
        ) as string,
      })
    })
  })

  test('a guard that was overridden is noted once, with the reason, and only where it was used', async () => {
    const { base, ports, locked } = await bed()
    const noted = (): readonly unknown[] =>
      fs
        .readFileSync(path.join(base, 'pki/ledger.jsonl'), 'utf8')
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as { event: string })
        .filter(({ event }) => event === 'override')
    await locked(async () => {
      await ports.accept([{ code: 'tolerance', value: 'west' }])
      expect(noted()).toEqual([])
      await ports.accept([{ code: 'tolerance', value: 'global' }])
      await ports.accept([{ code: 'tolerance', value: 'global' }])
    })
    expect(noted()).toEqual([
      expect.objectContaining({
        ...{ address: 'store', code: 'tolerance', value: 'global', reason: 'one server' },
      }),
    ])
  })
})
