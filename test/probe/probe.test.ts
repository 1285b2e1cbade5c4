/** `probe` against listeners on loopback, from the command down. */

import { join } from 'node:path'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { afterEach, describe, expect, test } from 'vitest'
import { cli, folder } from '../cli/cli.js'
import { FakeAgent, trioIn, type AgentSettings, type Trio } from './agents.js'

const agents: FakeAgent[] = []
afterEach(async () => {
  await Promise.all(agents.splice(0).map((agent) => agent.stop()))
})

const specText = (nodes: string): string => `version: 1
cluster: acme
authorities:
  agent: { lifetime: 10y }
regions:
  global:
${nodes}
`

/** A cluster of two servers and a client that run. */
class Live {
  readonly cwd: string
  readonly s1: FakeAgent
  readonly s2: FakeAgent
  readonly c1: FakeAgent

  private constructor(cwd: string, [s1, s2, c1]: readonly FakeAgent[]) {
    this.cwd = cwd
    this.s1 = s1!
    this.s2 = s2!
    this.c1 = c1!
  }

  static async start(settings: AgentSettings = {}): Promise<Live> {
    const cwd = folder({
      'cluster.yaml': specText('    servers: { s1: {}, s2: {} }\n    clients: { c1: {} }'),
    })
    expect((await run(cwd, 'apply', '--yes')).status).toBe(0)
    const trio = (node: string): Trio => trioIn(join(cwd, 'pki/identity', node, 'current'))
    const s1 = await FakeAgent.start(trio('server/global/s1'))
    const s2 = await FakeAgent.start(trio('server/global/s2'))
    const c1 = await FakeAgent.start(trio('client/global/c1'), { rpc: false, ...settings })
    agents.push(s1, s2, c1)
    const server = (name: string, { http, rpc }: FakeAgent): string =>
      `${name}: { http: "${http}", rpc: "${rpc}" }`
    writeFileSync(
      join(cwd, 'cluster.yaml'),
      specText(
        `    servers: { ${server('s1', s1)}, ${server('s2', s2)} }\n    clients: { c1: { http: "${c1.http}" } }`,
      ),
    )
    return new Live(cwd, [s1, s2, c1])
  }

  /** The trio of a generation; by default the current one. */
  trio(node: string, generation?: number): Trio {
    const place = join(this.cwd, 'pki/identity', node)
    const name =
      generation === undefined
        ? 'current'
        : readdirSync(place).find((one) => one.startsWith(`${generation}-`))!
    return trioIn(join(place, name))
  }

  run(...argv: readonly string[]): ReturnType<typeof cli> {
    return run(this.cwd, ...argv)
  }

  get ledger(): Record<string, unknown>[] {
    return readFileSync(join(this.cwd, 'pki/ledger.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>)
  }

  edit(from: string, to: string): void {
    const file = join(this.cwd, 'cluster.yaml')
    const text = readFileSync(file, 'utf8')
    if (!text.includes(from)) throw new Error(`the spec does not hold ${from}`)
    writeFileSync(file, text.replace(from, to))
  }
}

function run(cwd: string, ...argv: readonly string[]): ReturnType<typeof cli> {
  return cli(cwd, [...argv], { now: Date.now() })
}

describe('probe', () => {
  test('all agents have their newest generation: 0, and a line of the ledger for each port', async () => {
    const live = await Live.start()
    const { status, stdout, stderr } = await live.run('probe')
    expect(stderr).toBe('')
    expect(stdout).toContain('server/global/s1  proven  generation 1')
    expect(stdout).toContain('acme: 3 of 3 agents proven on the newest generation')
    expect(stdout).toContain('5 handshakes; each of the 2 RPC ports noted one')
    expect(status).toBe(0)
    const observed = live.ledger.filter(({ event }) => event === 'observed')
    expect(observed).toHaveLength(5)
    expect(observed).toContainEqual(
      expect.objectContaining({
        address: 'identity/server/global/s1',
        endpoint: live.s1.rpc,
        rpc: true,
        generation: 1,
        trusts: ['authority/agent/1'],
      }),
    )
    expect(live.s1.asked).toEqual({ http: 1, rpc: 1 })
  })
})
