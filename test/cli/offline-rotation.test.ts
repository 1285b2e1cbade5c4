/** What is printed for a rotation whose keys are on another machine, run as it is printed, to its end. */

import fs from 'node:fs'
import path from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { FakeAgent, trioIn } from '../probe/agents.js'
import { cli, folder, type Said } from './cli.js'

const agents: FakeAgent[] = []
afterEach(async () => {
  await Promise.all(agents.splice(0).map((agent) => agent.stop()))
})

/** The machine of the store, that of the root's key, and two agents that load what the store has. */
class Cluster {
  readonly store = folder()
  readonly key = folder()
  readonly agents = new Map<string, FakeAgent>()
  /** Each command that was run, without `nomad-pki`. */
  readonly ran: string[] = []

  static async start(): Promise<Cluster> {
    const cluster = new Cluster()
    for (const place of [cluster.store, cluster.key]) {
      cluster.#write(place, () => '{}')
      await cluster.good(place, 'init --new-store')
    }
    await cluster.follow([
      '  nomad-pki authority request agent --out first.request',
      '  on the machine that has the key: nomad-pki authority accept first.request --out first.answer',
      '  nomad-pki authority accept first.answer',
      '  nomad-pki apply',
    ])
    await cluster.good(cluster.store, 'apply alice --yes')
    for (const name of ['s1', 'c1']) {
      const alerts = { rpc: name === 's1', alerts: true }
      const agent = await FakeAgent.start(cluster.#trio(name), alerts)
      agents.push(agent)
      cluster.agents.set(name, agent)
    }
    cluster.#write(cluster.store, (name) => {
      const { http, rpc } = cluster.agents.get(name)!
      return `{ http: "${http}"${name === 's1' ? `, rpc: "${rpc}"` : ''} }`
    })
    cluster.agents.get('s1')!.api = {
      '/v1/agent/members': {
        Members: [
          { Name: 's1.global', Status: 'alive', Tags: { region: 'global', role: 'nomad' } },
        ],
      },
      '/v1/nodes': [{ ID: 'n1', Name: 'c1', Status: 'ready', Address: '127.0.0.1' }],
      '/v1/status/leader': '127.0.0.1:4647',
    }
    cluster.ran.length = 0
    return cluster
  }

  #trio(name: string): ReturnType<typeof trioIn> {
    const role = name === 'c1' ? 'client' : 'server'
    return trioIn(path.join(this.store, `pki/identity/${role}/global/${name}/current`))
  }

  #write(place: string, of: (name: string) => string): void {
    fs.writeFileSync(
      path.join(place, 'cluster.yaml'),
      `version: 1
cluster: acme
authorities:
  agent: { signer: ${place === this.key ? 'file' : 'offline'} }
  mid: { issuer: agent }
regions:
  global:
    authority: mid
    servers: { s1: ${of('s1')} }
    clients: { c1: ${of('c1')} }
operators:
  alice: { region: global }
`,
    )
  }

  run(place: string, line: string): Promise<Said> {
    return cli(place, line.split(' '), { now: Date.now() })
  }

  async good(place: string, line: string): Promise<Said> {
    const said = await this.run(place, line)
    expect(said.status, `${line}\n${said.stdout}\n${said.stderr}`).toBe(0)
    return said
  }

  /** Runs lines as they are printed. A person carries files and edits; hosts are played. */
  async follow(lines: readonly string[]): Promise<void> {
    for (const line of lines) {
      const [, before, command] = /^ {2}(.*)nomad-pki (.*)$/.exec(line)!
      this.ran.push(command!)
      const onKey = before!.startsWith('on the machine that has the key')
      const edit = / says first: agent: (.*); then: $/.exec(before!)?.[1]
      if (edit !== undefined) {
        const file = path.join(this.key, 'cluster.yaml')
        const text = fs.readFileSync(file, 'utf8')
        fs.writeFileSync(file, text.replace(/(agent: \{ signer: file).*(?= \})/, `$1, ${edit}`))
      }
      const file = /^authority accept (\S+)/.exec(command!)?.[1]
      if (file !== undefined) {
        const [from, to] = onKey ? [this.store, this.key] : [this.key, this.store]
        fs.copyFileSync(path.join(from, file), path.join(to, file))
      }
      if (command === 'rollout') {
        for (const [name, agent] of this.agents) agent.reload(this.#trio(name))
        // 2: a root that is marked is refused by those that are asked for it alone.
        const said = await this.run(this.store, 'probe --timeout 2s')
        expect([0, 2], said.stdout + said.stderr).toContain(said.status)
        continue
      }
      const asks = /^(apply|authority accept)/.test(command!)
      await this.good(onKey ? this.key : this.store, `${command!}${asks ? ' --yes' : ''}`)
    }
  }
}

/** The lines of a recipe. */
const linesIn = (text: string, after: string): readonly string[] =>
  text
    .slice(text.indexOf(after) + after.length)
    .split('\n')
    .slice(1)
    .filter((line) => /^ {2}.*nomad-pki /.test(line))

test('revoke prints what replaces an offline root, and it does', async () => {
  const cluster = await Cluster.start()
  await cluster.good(cluster.store, 'probe --timeout 2s')
  const words = 'revoke --serial 5bad --authority agent/1 --reason key-compromise'
  const { stdout } = await cluster.run(cluster.store, words)
  await cluster.follow(linesIn(stdout, 'cheapest cure:'))
  expect(cluster.ran).toEqual([
    'rotate authority agent --compromised',
    'rotate authority agent --compromised --next',
    'authority request agent --out agent-2.request',
    'authority accept agent-2.request --out agent-2.answer',
    'authority accept agent-2.answer',
    ...['apply', 'rollout', 'rotate authority agent --next'],
    'authority request agent --out mid-2.request',
    'authority accept mid-2.request --out mid-2.answer',
    'authority accept mid-2.answer',
    ...['apply', 'rollout', 'rotate authority agent --next', 'apply', 'rollout'],
    'probe --refuses authority/agent/1',
  ])
  expect(fs.readFileSync(path.join(cluster.store, 'cluster.yaml'), 'utf8')).toMatch(
    /agent: \{ signer: offline, signing: 2, trusted: \[ ?2 ?\] \}/,
  )
  expect((await cluster.run(cluster.store, 'plan')).stdout).toContain('nothing to do')
})

test.each([
  ['agent', ' --way crossed', ['agent-2', '']],
  ['agent', ' --way staged', ['agent-2', 'mid-2', '']],
  ['mid', '', ['mid-2']],
])('rotate authority %s%s: the printed next commands end each stage', async (name, way, asked) => {
  const cluster = await Cluster.start()
  await cluster.good(cluster.store, 'probe --timeout 2s')
  for (const file of asked) {
    const begin = file === asked[0] ? way : ''
    const { stderr } = await cluster.good(cluster.store, `rotate authority ${name}${begin} --next`)
    cluster.ran.length = 0
    const one = /^next: (nomad-pki apply); then/m.exec(stderr)?.[1]
    await cluster.follow(one === undefined ? linesIn(stderr, 'next:') : [`  ${one}`])
    expect(cluster.ran).toEqual([
      ...(file === ''
        ? []
        : [
            `authority request agent --out ${file}.request`,
            `authority accept ${file}.request --out ${file}.answer`,
            `authority accept ${file}.answer`,
          ]),
      'apply',
    ])
    expect(stderr).toContain('in order: nomad-pki rollout')
    await cluster.follow(['  nomad-pki rollout'])
  }
  expect((await cluster.run(cluster.store, 'plan')).stdout).toContain('nothing to do')
})

test('adopt of an offline root alone names the request for what is below it', async () => {
  const cluster = await Cluster.start()
  const spec = fs.readFileSync(path.join(cluster.store, 'cluster.yaml'), 'utf8')
  const root = fs.readFileSync(path.join(cluster.store, 'pki/authority/agent/1/ca.pem'))
  const place = folder({ 'cluster.yaml': spec })
  fs.mkdirSync(path.join(place, 'ca'))
  fs.writeFileSync(path.join(place, 'ca/ca.pem'), root)
  const { stderr } = await cluster.good(place, 'adopt ca')
  expect(stderr).toMatch(
    /nomad-pki authority request agent --out mid-1\.request\n {2}on the machine that has the key: nomad-pki authority accept mid-1\.request --out mid-1\.answer\n {2}nomad-pki authority accept mid-1\.answer\n {2}nomad-pki apply\n/,
  )
  await cluster.good(place, 'authority request agent --out mid-1.request')
})

test('an offline root that nears its end: the remedy asks for the next generation', async () => {
  const cluster = await Cluster.start()
  const later = Date.now() + 9.9 * 365 * 86_400_000
  const { stdout } = await cli(cluster.store, ['verify', '--offline'], { now: later })
  expect(stdout).toMatch(
    /for agent in the spec \(a new generation\), then: nomad-pki authority request agent --out agent-2\.request/,
  )
  expect(stdout).toMatch(
    /for mid in the spec \(a new generation\), then: nomad-pki authority request agent --out mid-2\.request/,
  )
})
