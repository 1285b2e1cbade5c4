/**
 * A backup that is older than what the agents run, inside of a staged rotation: what the commands say, and
 * that what they say leads back to a proven cluster, past the installers of the nodes.
 */

import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, test, vi } from 'vitest'
import { cli, folder, type Said } from '../cli/cli.js'
import { FakeAgent, trioIn } from './agents.js'
import { copyFolder } from '../copy-folder.js'

vi.setConfig({ testTimeout: 120_000 })

const nodes = { s1: 'server/global/s1', s2: 'server/global/s2', c1: 'client/global/c1' } as const
type Name = keyof typeof nodes
const names = Object.keys(nodes) as Name[]

/** What the spec says of the authority, stage by stage. */
const stages = [
  '',
  ', trusted: [1, 2]',
  ', signing: 2, trusted: [1, 2]',
  ', signing: 2, trusted: [2]',
] as const

const agents: FakeAgent[] = []
afterEach(async () => {
  await Promise.all(agents.splice(0).map((agent) => agent.stop()))
})

/** Agents on loopback, and nodes that are folders. */
class Cluster {
  readonly cwd = folder()
  readonly #agents = new Map<Name, FakeAgent>()
  // Archives are older or younger by the second.
  #now = Date.now() - 20_000

  async start(): Promise<void> {
    this.write(0)
    await this.ok('init', '--new-store')
    await this.ok('apply', '--yes')
    for (const name of names) {
      mkdirSync(join(this.cwd, 'nodes', name), { recursive: true })
      await this.#put(name)
      const options = name === 'c1' ? { rpc: false } : {}
      const agent = await FakeAgent.start(trioIn(join(this.#tls(name), 'current')), options)
      agents.push(agent)
      this.#agents.set(name, agent)
    }
    const member = (name: string): object => ({
      ...{ Name: `${name}.global`, Status: 'alive', Addr: '10.0.0.1' },
      Tags: { region: 'global', port: '4647' },
    })
    this.#agents.get('s1')!.api = {
      '/v1/agent/members': { Members: [member('s1'), member('s2')] },
      '/v1/nodes': [{ Name: 'c1' }],
    }
    this.write(0)
    await this.ok('probe')
  }

  write(stage: number): void {
    const at = (name: Name): string => {
      const agent = this.#agents.get(name)
      if (agent === undefined) return '{}'
      return `{ http: "${agent.http}"${name === 'c1' ? '' : `, rpc: "${agent.rpc}"`} }`
    }
    writeFileSync(
      join(this.cwd, 'cluster.yaml'),
      `version: 1
cluster: acme
authorities:
  agent: { lifetime: 10y${stages[stage]!} }
regions:
  global:
    servers: { s1: ${at('s1')}, s2: ${at('s2')} }
    clients: { c1: ${at('c1')} }
operators: { alice: {} }
`,
    )
  }

  run(...argv: readonly string[]): Promise<Said> {
    this.#now += 1000
    return cli(this.cwd, argv, { now: this.#now })
  }

  async ok(...argv: readonly string[]): Promise<Said> {
    const said = await this.run(...argv)
    expect(said, `${argv.join(' ')}\n${said.stdout}${said.stderr}`).toMatchObject({ status: 0 })
    return said
  }

  /** How an installation of what the store has ends. */
  async install(name: Name): Promise<Said> {
    const archive = join(this.cwd, `${name}.tar.gz`)
    await this.ok('pack', nodes[name], '--out', archive)
    const tls = ['--tls', this.#tls(name)]
    const said = await this.run('install', archive, ...tls, '--reload', 'none', '--give-up')
    rmSync(archive)
    return said
  }

  async #put(name: Name): Promise<void> {
    expect(await this.install(name), name).toMatchObject({ status: 0 })
  }

  async deliver(): Promise<void> {
    for (const name of names) {
      await this.#put(name)
      this.#agents.get(name)!.reload(trioIn(join(this.#tls(name), 'current')))
    }
  }

  async advance(stage: number): Promise<void> {
    this.write(stage)
    await this.ok('apply', '--yes')
    await this.deliver()
    await this.ok('probe')
  }

  copy(from: string, to: string): void {
    const place = (name: string): string => join(this.cwd, name)
    rmSync(place(to), { recursive: true, force: true })
    copyFolder(place(from), place(to))
  }

  #tls(name: Name): string {
    return join(this.cwd, 'nodes', name, 'tls')
  }
}

const another = /another copy of this store made them/
const rotate =
  /rotate leaves identity\/server\/global\/s1, deliver it, reload, then: nomad-pki probe/

const backups = [
  {
    backup: 0,
    agents: 1,
    ends: false,
    says: /also trusts CN=acme agent CA 2 \S+, which is not ours/,
  },
  { backup: 0, agents: 2, ends: true, says: /presents a leaf that the ledger does not have/ },
  { backup: 1, agents: 2, ends: false, says: another },
  { backup: 1, agents: 3, ends: false, says: another },
  { backup: 2, agents: 3, ends: true, says: /does not trust authority\/agent\/1/ },
]
// Each takes ten seconds or more: the others are asked in .ci/deep.
const isDeep = process.env.NOMAD_PKI_ROTATIONS === 'all'

test.each(isDeep ? backups : [backups[1]!, backups[2]!])(
  'from stage $agents back to a backup of stage $backup',
  async ({ backup, agents: at, says, ends }) => {
    const cluster = new Cluster()
    await cluster.start()
    for (let stage = 0; stage <= at; stage += 1) {
      if (stage > 0) await cluster.advance(stage)
      if (stage === backup) cluster.copy('pki', 'backup')
    }
    cluster.copy('backup', 'pki')
    cluster.write(backup)

    const probed = await cluster.run('probe')
    expect(probed.status).toBe(2)
    expect(probed.stdout).toMatch(says)
    expect((await cluster.run('status')).status).toBe(2)
    expect((await cluster.run('rollout', '--dry-run', '--commands')).status).toBe(2)
    expect((await cluster.run('verify', '--offline')).stdout).toContain('0 of 3 agents proven')

    // This copy goes on.
    const [, state] = /--override (copy=[0-9a-f]{16}) /.exec(probed.stdout) ?? []
    if (state !== undefined) {
      expect((await cluster.run('apply', '--yes')).status).toBe(1)
      await cluster.ok('apply', '--yes', '--override', state, '--reason', 'the old host burnt down')
    }
    expect((await cluster.run('verify', '--offline')).stdout).toMatch(rotate)
    // What the backup has is older than what is in place.
    const refused = await cluster.install('s1')
    expect(refused).toMatchObject({ status: 3, stderr: expect.stringContaining('older') as string })

    await cluster.ok('rotate', 'leaves', ...names, '--yes')
    expect((await cluster.run('probe')).stdout).not.toMatch(rotate)
    await cluster.deliver()
    await cluster.ok('probe')
    for (const argv of [
      ['plan'],
      ['verify', '--offline'],
      ['rollout', '--dry-run', '--commands'],
    ]) {
      await cluster.ok(...argv)
    }

    // And the rotation begins again, and ends.
    for (let stage = backup + 1; ends && stage < stages.length; stage += 1) {
      await cluster.advance(stage)
    }
    await cluster.ok('status')
  },
)

test('a spec of today with a backup of before: the new root is not made anew while leaves need it', async () => {
  const cluster = new Cluster()
  await cluster.start()
  cluster.copy('pki', 'backup')
  await cluster.advance(1)
  await cluster.advance(2)
  cluster.copy('backup', 'pki')
  expect((await cluster.run('probe')).status).toBe(2)
  const planned = await cluster.run('plan')
  expect(planned.status).toBe(2)
  expect(planned.stdout).toContain('authority/agent/2 signs from now on')
  expect(planned.stdout).toContain('take the spec back')
  expect((await cluster.run('apply', '--yes')).status).toBe(1)
})
