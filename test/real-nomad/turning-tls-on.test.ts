/**
 * TLS is turned on in a running cluster: three servers and two clients that began in plaintext, with allocations that
 * run, under requests that do not pause. Every stage is the one that `rotate tls` writes; every gate is its own.
 */
import { lastingJob } from './harness/lasting-job.js'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Agent, type AgentPlan, writeAgentConfig } from './harness/agent.js'
import { api, type Answer, type ApiOptions, type Credentials } from './harness/api.js'
import { command } from './harness/binaries.js'
import { layOut, type Member } from './harness/cluster.js'
import { eventually, type Outcome, run, sleep } from './harness/run.js'

const members: readonly Member[] = [
  ...['s1', 's2', 's3'].map((name) => ({ name, region: 'global', role: 'server' as const })),
  ...['c1', 'c2'].map((name) => ({ name, region: 'global', role: 'client' as const })),
]
const servers = ['s1', 's2', 's3']
const clients = ['c1', 'c2']

let base = ''
let plans: readonly AgentPlan[] = []
const agents = new Map<string, Agent>()
let traffic: Traffic | undefined

const plan = (name: string): AgentPlan => plans.find((one) => one.name === name)!
const pki = (...args: string[]): Promise<Outcome> =>
  run(process.execPath, [command, ...args], { cwd: base })

async function pkiOk(...args: string[]): Promise<string> {
  const said = await pki(...args)
  expect(said, `${args.join(' ')}\n${said.stdout}${said.stderr}`).toMatchObject({ status: 0 })
  return said.stdout
}

function credentials(): Credentials {
  const file = (name: string): string =>
    readFileSync(join(base, 'pki/identity/operator/global/alice/current', name), 'utf8')
  return { ca: file('ca.pem'), cert: file('cert.pem'), key: file('key.pem') }
}

/** What each agent speaks now, learned by asking. */
const speaks = new Map<string, 'http' | 'https'>()

async function ask(name: string, path: string, options: ApiOptions = {}): Promise<Answer> {
  const { http } = plan(name).ports
  const once = async (way: 'http' | 'https'): Promise<Answer> => {
    const own = way === 'http' ? undefined : credentials()
    const answer = await api(http, path, own, { ...options, timeout: 5000 })
    // A TLS port tells a plain request so, with 400.
    if (way === 'http' && answer.status === 400) throw new Error('it speaks TLS')
    speaks.set(name, way)
    return answer
  }
  const known = speaks.get(name) ?? 'http'
  try {
    return await once(known)
  } catch {
    return once(known === 'http' ? 'https' : 'http')
  }
}

async function json<T>(name: string, path: string): Promise<T> {
  const { status, body } = await ask(name, path)
  if (status !== 200) throw new Error(`${path}: ${status} ${body}`)
  return JSON.parse(body) as T
}

/** Requests that never pause: each agent is asked what only the leader knows. */
class Traffic {
  sent = 0
  failed = 0
  /** The longest time without an answer, by agent, milliseconds. */
  readonly longest = new Map<string, number>()
  /** The longest time in which no server answered, milliseconds. */
  leaderless = 0
  #answered = performance.now()
  #on = true
  readonly #loops = members.map(({ name, role }) => this.#run(name, role))

  async #run(name: string, role: Member['role']): Promise<void> {
    let since = performance.now()
    while (this.#on) {
      this.sent += 1
      const good = await ask(name, '/v1/jobs').then(
        ({ status }) => status === 200,
        () => false,
      )
      const now = performance.now()
      if (good) {
        this.longest.set(name, Math.max(this.longest.get(name) ?? 0, now - since))
        since = now
        if (role === 'server') {
          this.leaderless = Math.max(this.leaderless, now - this.#answered)
          this.#answered = now
        }
      } else this.failed += 1
      await sleep(150)
    }
  }

  async stop(): Promise<void> {
    this.#on = false
    await Promise.all(this.#loops)
  }
}

async function leader(): Promise<string> {
  return eventually('a leader', async () => {
    for (const name of servers) {
      const address = await json<string>(name, '/v1/status/leader').catch(() => '')
      const found = servers.find((one) => address === `127.0.0.1:${plan(one).ports.rpc}`)
      if (found !== undefined) return found
    }
    return undefined
  })
}

/** Ends the agent alone: what it started for its tasks lives on, as under systemd with KillMode=process. */
async function restart(name: string, answers: 'http' | 'https'): Promise<void> {
  const old = agents.get(name)!
  process.kill(old.pid, 'SIGINT')
  await eventually(`${name} to end`, () => Promise.resolve(old.exitStatus))
  agents.set(name, new Agent(plan(name), { keepLog: true }))
  await eventually(
    `${name} to answer ${answers}`,
    async () => {
      const { status } = await ask(name, '/v1/agent/self').catch(() => ({ status: 0 }))
      return status === 200 && speaks.get(name) === answers ? true : undefined
    },
    { explain: () => agents.get(name)!.tail() },
  )
}

/** Servers one after the other, the leader last. */
async function restartServers(): Promise<void> {
  const last = await leader()
  for (const name of [...servers.filter((one) => one !== last), last]) await restart(name, 'https')
  await leader()
}

interface Allocation {
  readonly ID: string
  readonly ClientStatus: string
}

async function running(): Promise<readonly string[]> {
  return eventually('two allocations that run', async () => {
    const all = await json<readonly Allocation[]>('s1', '/v1/job/lasting/allocations').catch(
      (): readonly Allocation[] => [],
    )
    const ids = all.filter(({ ClientStatus }) => ClientStatus === 'running').map(({ ID }) => ID)
    return ids.length === 2 ? ids.sort() : undefined
  })
}

beforeAll(async () => {
  base = mkdtempSync(join(tmpdir(), 'nomad-pki-tls-on-'))
  plans = await layOut(base, members, (one) => {
    writeAgentConfig(one)
    if (one.role === 'server') {
      const text = 'server {\n  heartbeat_grace = "1h"\n}\n'
      writeFileSync(join(one.directory, 'grace.hcl'), text)
    }
    return [one.directory]
  })
  mkdirSync(join(base, 'data'), { recursive: true })
  const listed = (names: readonly string[]): string =>
    names.map((name) => `      ${name}: { ips: [127.0.0.1], config: agents/${name} }\n`).join('')
  writeFileSync(
    join(base, 'cluster.yaml'),
    `version: 1
cluster: acme
transport: plaintext
node: { tls: store }
regions:
  global:
    servers:
${listed(servers)}    clients:
${listed(clients)}operators:
  alice: { region: global }
`,
  )
  await pkiOk('init', '--new-store')
  await pkiOk('apply', '--yes')
  for (const name of servers) agents.set(name, new Agent(plan(name)))
  await leader()
  for (const name of clients) agents.set(name, new Agent(plan(name)))
  await eventually('two clients', async () => {
    const nodes = await json<readonly { Status: string }[]>('s1', '/v1/nodes').catch(() => [])
    return nodes.filter(({ Status }) => Status === 'ready').length === 2 ? true : undefined
  })
  const made = await ask('s1', '/v1/jobs', { method: 'POST', body: lastingJob })
  expect(made).toMatchObject({ status: 200 })
}, 120_000)

afterAll(async () => {
  await traffic?.stop()
  await ask('s1', '/v1/job/lasting?purge=true', { method: 'DELETE' }).catch(() => undefined)
  await sleep(1000)
  await Promise.all([...agents.values()].map((agent) => agent.stop()))
  rmSync(base, { recursive: true, force: true })
})

/** The example of the document: each command with the lines that it prints there, and what is done between. */
interface Entry {
  readonly line: string
  readonly says: string[]
}

function transcript(): Entry[] {
  const text = readFileSync(new URL('../../docs/turning-tls-on.md', import.meta.url), 'utf8')
  const block = /## A whole example[^]*?```text\n([^]*?)```/.exec(text)?.[1] ?? ''
  const entries: Entry[] = []
  for (const line of block.split('\n')) {
    if (/^[$#] /.test(line)) entries.push({ line, says: [] })
    else if (line.trim() !== '' && line.trim() !== '…') entries.at(-1)!.says.push(line)
  }
  return entries
}

test(
  'TLS is turned on in stages, each by its proof, and no allocation is lost',
  { timeout: 240_000 },
  async () => {
    const before = await running()
    traffic = new Traffic()
    const began = performance.now()
    const entries = transcript()
    const status = new Map<string, number[]>()
    for (const { line, says } of entries) {
      if (line.startsWith('# restart the servers')) await restartServers()
      else if (line === '# restart the clients') {
        for (const name of clients) await restart(name, 'https')
      } else if (line === '# reload the servers') {
        // A configuration that says it is not a server that does it.
        for (const name of servers) agents.get(name)!.reload()
        await sleep(1500)
      } else {
        const words = line.replace(/^\$ nomad-pki /, '').split(' ')
        const said = await pki(...words)
        status.set(words.join(' '), [...(status.get(words.join(' ')) ?? []), said.status])
        const printed = `${said.stdout}${said.stderr}`.split('\n')
        if (process.env.NOMAD_PKI_SHOW !== undefined) console.log(`${line}\n${printed.join('\n')}`)
        let at = 0
        for (const wanted of says) {
          const found = printed.indexOf(wanted, at)
          expect(found, `${line}: ${wanted}\n--- printed\n${printed.join('\n')}`).not.toBe(-1)
          at = found + 1
        }
      }
    }
    // The gate opens, and both of its proofs are needed: restarts that have not been hold it.
    expect(status.get('rotate tls')).toEqual([0, 3, 0])
    expect(status.get('rotate tls --next')).toEqual([0, 3, 0])
    expect(await running()).toEqual(before)
    const took = (performance.now() - began) / 1000
    await traffic.stop()
    const seconds = (span: number): string => (span / 1000).toFixed(1)
    const worst = Math.max(...clients.map((name) => traffic!.longest.get(name) ?? 0))
    console.log(
      [
        `TLS turned on in ${took.toFixed(0)} s: ${traffic.sent} requests, ${traffic.failed} failed`,
        `no server answered for at most ${seconds(traffic.leaderless)} s, a client for at most ${seconds(worst)} s`,
        `allocations before and after: ${before.length}, the same`,
      ].join('\n'),
    )
  },
)
