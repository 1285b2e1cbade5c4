/** `rollout --dry-run --commands` followed to its end, command by command, with agents that listen on loopback. */

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { cli, folder, type Said } from '../cli/cli.js'
import { wordsOf } from '../testscript.js'
import { FakeAgent, trioIn } from '../probe/agents.js'

const agents: FakeAgent[] = []
afterEach(async () => {
  await Promise.all(agents.splice(0).map((agent) => agent.stop()))
})

interface Node {
  readonly host: string
  readonly pack: string
  readonly install: string
}

interface Step {
  readonly nodes: readonly Node[]
  readonly probe: string
}

const names = ['s1', 's2', 'c1'] as const

/** A running cluster whose nodes are folders. */
class Cluster {
  readonly cwd = folder()
  readonly agents = new Map<string, FakeAgent>()

  async start(): Promise<void> {
    this.#spec(() => '{}')
    await this.run('init', '--new-store')
    expect((await this.run('apply', '--yes')).status).toBe(0)
    for (const name of names) {
      const agent = await FakeAgent.start(trioIn(join(this.cwd, this.#place(name))), {
        ...(name === 'c1' && { rpc: false }),
      })
      agents.push(agent)
      this.agents.set(name, agent)
      mkdirSync(join(this.cwd, 'nodes', name), { recursive: true })
    }
    this.#spec((name) => {
      const { http, rpc } = this.agents.get(name)!
      return `{ http: "${http}"${name === 'c1' ? '' : `, rpc: "${rpc}"`} }`
    })
  }

  #place(name: string): string {
    return `pki/identity/${name === 'c1' ? 'client' : 'server'}/global/${name}/current`
  }

  #spec(of: (name: string) => string): void {
    writeFileSync(
      join(this.cwd, 'cluster.yaml'),
      `version: 1
cluster: acme
authorities:
  agent: { lifetime: 10y }
regions:
  global:
    servers: { s1: ${of('s1')}, s2: ${of('s2')} }
    clients: { c1: ${of('c1')} }
`,
    )
  }

  run(...argv: readonly string[]): Promise<Said> {
    return cli(this.cwd, argv, { now: Date.now() })
  }

  /** A command as it was printed. */
  typed(line: string, ...more: readonly string[]): Promise<Said> {
    const [command, ...words] = wordsOf(line)
    expect(command).toBe('nomad-pki')
    return this.run(...words, ...more)
  }

  async order(): Promise<readonly Step[]> {
    const { status, stdout } = await this.run(
      'rollout',
      '--dry-run',
      '--commands',
      '--leader',
      's1',
      '--json',
    )
    const { steps } = JSON.parse(stdout) as { steps: readonly Step[] }
    expect(status).toBe(steps.length === 0 ? 0 : 2)
    return steps
  }

  async hosts(): Promise<string[]> {
    return (await this.order()).map(({ nodes }) => nodes.map(({ host }) => host).join('+'))
  }

  /** What a person does for one step; the agent is the one that is told to reload. */
  async follow({ nodes, probe }: Step): Promise<Said> {
    for (const { host, pack, install } of nodes) {
      expect((await this.typed(pack)).status).toBe(0)
      expect(install).toMatch(/ --reload nomad$/)
      const tls = join(this.cwd, 'nodes', host, 'tls')
      const line = install.replace(/ --reload nomad$/, ' --reload none --give-up')
      expect(await this.typed(line, '--tls', tls)).toMatchObject({ status: 0 })
      this.agents.get(host)!.reload(trioIn(join(tls, 'current')))
    }
    return this.typed(probe)
  }

  async status(): Promise<string> {
    const { status, stdout } = await this.run('status')
    return `${status}: ${/^(nothing is due|.* work: .*);? ?/m.exec(stdout)?.[1] ?? stdout}`
  }
}

test('each step ends in proof, and what is proven drops out', async () => {
  const cluster = new Cluster()
  await cluster.start()
  expect(await cluster.status()).toBe('0: nothing is due')
  expect(await cluster.hosts()).toEqual(['s2', 's1', 'c1'])

  // They run what was made: one probe, and there is nothing to deliver.
  expect((await cluster.run('probe')).status).toBe(0)
  expect(await cluster.hosts()).toEqual([])

  await cluster.run('rotate', 'leaves', '--all', '--yes')
  expect(await cluster.status()).toContain('2: 3 things need work: 3 undelivered')
  expect(await cluster.hosts()).toEqual(['s2', 's1', 'c1'])
  const [first] = await cluster.order()
  expect((await cluster.typed(first!.probe)).status).toBe(2)
  expect((await cluster.follow(first!)).status).toBe(0)
  expect(await cluster.status()).toContain('2: 2 things need work: 2 undelivered')
  expect(await cluster.hosts()).toEqual(['s1', 'c1'])
  for (const step of await cluster.order()) expect((await cluster.follow(step)).status).toBe(0)
  expect(await cluster.status()).toBe('0: nothing is due')
  expect((await cluster.run('status')).stdout).not.toContain('no proof')

  // The root, to its end.
  expect((await cluster.run('rotate', 'authority', 'agent', '--next')).status).toBe(0)
  // All have what was made, and what the spec asks for is not made.
  const early = await cluster.run('rollout', '--dry-run', '--commands')
  expect(early.status).toBe(2)
  expect(early.stdout).toMatch(
    /^first: nomad-pki apply \(\d+ steps of the plan\)\nnothing to deliver yet: 3/,
  )
  expect((await cluster.run('apply', '--yes')).status).toBe(0)
  expect(await cluster.status()).toContain('3 undelivered')
  for (const step of await cluster.order()) expect((await cluster.follow(step)).status).toBe(0)
  expect(await cluster.status()).toBe('0: nothing is due')
  const closed = await cluster.run('rotate', 'authority', 'agent', '--next')
  expect([closed.status, closed.stderr.match(/× .*/g)]).toEqual([
    3,
    ['× member/global: Nomad was never asked for the members of this region'],
  ])
  const except = ['--except', 'member/global', '--reason', 'no Nomad listens here']
  expect((await cluster.run('rotate', 'authority', 'agent', ...except, '--next')).status).toBe(0)
  expect((await cluster.run('apply', '--yes')).status).toBe(0)
  // The same leaf with other trust: what an agent asks for tells the two apart.
  expect(await cluster.status()).toContain('3 undelivered')
  expect((await cluster.run('probe')).status).toBe(2)
  for (const step of await cluster.order()) expect((await cluster.follow(step)).status).toBe(0)
  expect(await cluster.status()).toBe('0: nothing is due')

  // One goes back, and a probe tells.
  const { cwd } = cluster
  const tls = join(cwd, 'nodes', 's2', 'tls')
  cluster.agents.get('s2')!.reload(trioIn(join(cwd, 'nodes', 's1', 'tls', 'current')))
  expect((await cluster.run('probe', 's2')).status).toBe(2)
  expect(await cluster.hosts()).toEqual(['s2'])
  cluster.agents.get('s2')!.reload(trioIn(join(tls, 'current')))
  expect((await cluster.run('probe', 's2')).status).toBe(0)
  expect(await cluster.hosts()).toEqual([])
}, 60_000)
