/**
 * A cluster of real hosts: each a network, mount and process namespace with an sshd, a `systemctl` and
 * a Nomad agent of its own, behind one bridge. See `host.sh`.
 *
 * @module
 */

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import fs from 'node:fs'
import { request } from 'node:https'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { command, nomadBinary } from '../real-nomad/harness/binaries.js'
import {
  cleanEnvironment,
  eventually,
  run,
  sleep,
  type Outcome,
} from '../real-nomad/harness/run.js'

/** What a host is beyond a name in a region. */
interface HostKind {
  /** It has BusyBox and nothing else: no bash, no coreutils, no openssl. */
  readonly busybox?: true
  /** The host through which alone it can be reached. */
  readonly behind?: string
}

interface HostPlan extends HostKind {
  readonly name: string
  readonly region: string
  readonly role: 'server' | 'client'
  readonly address: string
}

/** How a spec names the hosts. */
export interface SpecChoice {
  /** How ssh logs in. Default: as root. */
  readonly ssh?: string
  /** What a node has beyond its address. */
  readonly of?: (name: string) => string
  /** Lines at the end. */
  readonly more?: string
}

/** An event of a rollout, as `--json` writes it. */
export interface SaidEvent {
  readonly event: string
  readonly address?: string
  readonly state?: string
  readonly region?: string
  readonly open?: boolean
}

/** What came of a rollout. */
export interface RolloutEnd {
  /** `null`: it was killed. */
  readonly status: number | null
  readonly said: string
  readonly events: readonly SaidEvent[]
}

/** What came of the requests of a stretch of time. */
export interface Traffic {
  readonly sent: number
  /** Failed once, and answered when asked again. */
  readonly healed: number
  /** Failed when asked again, too. */
  readonly lost: readonly string[]
  /** Failures of TLS, also those that were healed. */
  readonly tls: readonly string[]
}

function must(program: string, ...args: readonly string[]): string {
  const { status, stdout, stderr, error } = spawnSync(program, args, { encoding: 'utf8' })
  if (status !== 0) {
    throw new Error(`${program} ${args.join(' ')}: ${error?.message ?? ''}${stdout}${stderr}`)
  }
  return stdout
}

/** All hosts, and the folder of the operator. */
export class Bed {
  readonly folder: string = fs.mkdtempSync(path.join(tmpdir(), 'nomad-pki-hosts-'))
  /** Where the spec and its store are. */
  readonly ops: string = path.join(this.folder, 'ops')
  readonly hosts: readonly HostPlan[]
  readonly #children: ChildProcess[] = []
  /** Of every rollout, in their order. */
  readonly #events: SaidEvent[] = []
  readonly #number: number
  /** A network for tests of devices (RFC 2544, RFC 6890): nobody routes it. */
  readonly #net: string
  readonly #bridge: string

  /**
   * @param number Of this cluster among those that are up at once: 0 to 9.
   * @param members Names that begin with c are clients.
   */
  constructor(
    number: number,
    members: readonly (readonly [name: string, region: string, kind?: HostKind])[],
  ) {
    this.#number = number
    this.#net = `198.18.${70 + number}`
    this.#bridge = `npki${number}`
    this.hosts = members.map(([name, region, kind], at) => ({
      ...{ name, region, address: `${this.#net}.${11 + at}`, ...kind },
      role: name.startsWith('c') ? 'client' : 'server',
    }))
    fs.chmodSync(this.folder, 0o755)
    fs.mkdirSync(path.join(this.folder, 'bin'))
    fs.mkdirSync(this.ops)
    must('ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', this.#of('user'))
    fs.writeFileSync(
      this.#of('ssh_config'),
      `${this.hosts.map((one) => this.#jump(one)).join('')}Host *
  UserKnownHostsFile ${this.#of('known_hosts')}
  GlobalKnownHostsFile /dev/null
  IdentityFile ${this.#of('user')}
  IdentitiesOnly yes
`,
    )
    fs.writeFileSync(
      this.#of('bin/ssh'),
      `#!/bin/sh\nexec /usr/bin/ssh -F ${this.#of('ssh_config')} "$@"\n`,
      { mode: 0o755 },
    )
  }

  #of(name: string): string {
    return path.join(this.folder, name)
  }

  #space(name: string): string {
    return `npki${this.#number}-${name}`
  }

  #wire(name: string): string {
    return `v${this.#number}-${name}`
  }

  #jump({ address, behind }: HostPlan): string {
    if (behind === undefined) return ''
    return `Host ${address}\n  ProxyJump root@${this.host(behind).address}\n`
  }

  /** Where a host keeps what belongs to it. */
  home(name: string): string {
    return path.join(this.folder, 'hosts', name)
  }

  host(name: string): HostPlan {
    return this.hosts.find((one) => one.name === name)!
  }

  /** The hosts as a spec names them. */
  spec({ ssh = '{ user: root }', of: extra = () => '', more = '' }: SpecChoice = {}): string {
    const regions = [...new Set(this.hosts.map(({ region }) => region))].map((region) => {
      const of = (role: HostPlan['role']): string =>
        this.hosts
          .filter((one) => one.region === region && one.role === role)
          .map(({ name, address }) => `${name}: { ips: [${address}]${extra(name)} }`)
          .join(', ')
      const clients = of('client')
      return `  ${region}:
    servers: { ${of('server')} }
${clients === '' ? '' : `    clients: { ${clients} }\n`}`
    })
    return `version: 1
cluster: acme
node: { tls: /etc/nomad-tls, owner: { server: root, client: root }, ssh: ${ssh} }
regions:
${regions.join('')}operators: { alice: { region: ${this.hosts[0]!.region} } }
${more}`
  }

  /** Brings every host up; no agent runs yet. */
  async start(): Promise<void> {
    spawnSync('ip', ['link', 'del', this.#bridge])
    must('ip', 'link', 'add', this.#bridge, 'type', 'bridge')
    must('ip', 'address', 'add', `${this.#net}.1/24`, 'dev', this.#bridge)
    must('ip', 'link', 'set', this.#bridge, 'up')
    const known: string[] = []
    for (const host of this.hosts) {
      const { name, address } = host
      const home = this.home(name)
      fs.mkdirSync(path.join(home, 'data'), { recursive: true, mode: 0o700 })
      must('ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', path.join(home, 'host_key'))
      fs.copyFileSync(this.#of('user.pub'), path.join(home, 'authorized_keys'))
      fs.writeFileSync(path.join(home, 'agent.hcl'), this.#agent(host))
      known.push(`${address} ${fs.readFileSync(path.join(home, 'host_key.pub'), 'utf8')}`)
      const space = this.#space(name)
      spawnSync('ip', ['netns', 'del', space])
      must('ip', 'netns', 'add', space)
      must(
        ...([
          'ip',
          'link',
          'add',
          this.#wire(name),
          'type',
          'veth',
          'peer',
          'name',
          'eth0',
        ] as const),
        'netns',
        space,
      )
      must('ip', 'link', 'set', this.#wire(name), 'master', this.#bridge, 'up')
      must('ip', '-n', space, 'address', 'add', `${address}/24`, 'dev', 'eth0')
      must('ip', '-n', space, 'link', 'set', 'eth0', 'up')
      must('ip', '-n', space, 'link', 'set', 'lo', 'up')
      // Without a way out a client finds no interface of its own.
      must('ip', '-n', space, 'route', 'add', 'default', 'via', `${this.#net}.1`)
      // Its answers do not come back: who wants it asks from another host.
      if (host.behind !== undefined) {
        must('ip', '-n', space, 'route', 'add', 'blackhole', `${this.#net}.1/32`)
      }
      const log = fs.openSync(path.join(home, 'boot.log'), 'w')
      const script = path.join(import.meta.dirname, 'host.sh')
      this.#children.push(
        spawn(
          'ip',
          [
            ...['netns', 'exec', space, 'unshare', '--mount', '--uts', '--pid', '--fork'],
            ...['--kill-child', script, home, name, address, nomadBinary()],
            ...(host.busybox === true ? ['busybox'] : []),
          ],
          { stdio: ['ignore', log, log], env: cleanEnvironment() },
        ),
      )
    }
    fs.writeFileSync(this.#of('known_hosts'), known.join(''))
    for (const { name } of this.hosts) {
      await eventually(
        `sshd of ${name}`,
        async () => (await this.on(name, 'true')).status === 0 || undefined,
      )
    }
  }

  #agent({ name, region, role, address }: HostPlan): string {
    const servers = this.hosts.filter((one) => one.region === region && one.role === 'server')
    const list = (all: readonly HostPlan[]): string =>
      `[${all.map((one) => `"${one.address}"`).join(', ')}]`
    const own =
      role === 'server'
        ? `server {
  enabled          = true
  bootstrap_expect = ${servers.length}
  server_join {
    retry_join     = ${list(this.hosts.filter((one) => one.role === 'server'))}
    retry_interval = "1s"
  }
}`
        : `client {
  enabled = true
  servers = ${list(servers)}
  options {
    "fingerprint.denylist" = "env_aws,env_gce,env_azure,env_digitalocean,cni,bridge"
  }
}
plugin "raw_exec" {
  config {
    enabled = true
  }
}`
    return `name       = "${name}"
region     = "${region}"
data_dir   = "${path.join(this.home(name), 'data')}"
bind_addr  = "${address}"
disable_update_check = true
advertise {
  http = "${address}"
  rpc  = "${address}"
  serf = "${address}"
}
${own}
`
  }

  /** Runs a line on a host, as its administrator would. */
  on(name: string, line: string): Promise<Outcome> {
    const { address } = this.host(name)
    return run(this.#of('bin/ssh'), ['-o', 'BatchMode=yes', `root@${address}`, line])
  }

  /** The process of a host's sshd, as this machine numbers it. */
  sshd(name: string): string {
    const pids = must('ip', 'netns', 'pids', this.#space(name)).split('\n').filter(Boolean)
    const found = pids.find((pid) => {
      const words = fs.readFileSync(`/proc/${pid}/cmdline`, 'latin1')
      return words.includes('/usr/sbin/sshd') && words.includes('/etc/ssh/test/config')
    })
    if (found === undefined) throw new Error(`no sshd of ${name}`)
    return found
  }

  /** Takes a host off the network, or brings it back. */
  link(name: string, state: 'up' | 'down'): void {
    must('ip', 'link', 'set', this.#wire(name), state)
  }

  /**
   * A rollout as a program reads it.
   *
   * @param args Beyond `--yes --json`.
   * @param on Is told each event when it happens, and how to end the command as the system does.
   */
  async rollout(
    args: readonly string[] = [],
    on: (event: SaidEvent, kill: () => void) => void = () => undefined,
  ): Promise<RolloutEnd> {
    const { cwd, env } = this.options()
    const child = spawn(process.execPath, [command, 'rollout', '--yes', '--json', ...args], {
      ...{ cwd, env: { ...cleanEnvironment(), ...env }, stdio: ['ignore', 'pipe', 'pipe'] },
    })
    const events: SaidEvent[] = []
    let said = ''
    let line = ''
    child.stdout.on('data', (chunk: Buffer) => {
      said += chunk.toString()
      const lines = (line + chunk.toString()).split('\n')
      line = lines.pop()!
      for (const one of lines.filter((text) => text.startsWith('{"format"'))) {
        const event = JSON.parse(one) as SaidEvent
        events.push(event)
        on(event, () => child.kill('SIGKILL'))
      }
    })
    child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()))
    const status = await new Promise<number | null>((resolve) => child.on('close', resolve))
    this.#events.push(...events)
    return { status, said, events }
  }

  /** Notes what a rollout printed for people, so that {@link Bed.between} knows of it. */
  read(lines: readonly string[]): void {
    for (const line of lines) {
      const [, name = '', state = ''] = /^ {3}([a-z0-9]+): ([a-z]+)/.exec(line) ?? []
      const host = this.hosts.find((one) => one.name === name)
      if (host === undefined) continue
      const address = `identity/${host.role}/${host.region}/${name}`
      this.#events.push({ event: 'host', address, state })
    }
  }

  /** The same, which has to end with this status. */
  async mustRollout(status: number, ...args: readonly string[]): Promise<RolloutEnd> {
    const end = await this.rollout(args)
    if (end.status !== status) throw new Error(`rollout ended with ${end.status}\n${end.said}`)
    return end
  }

  /** Pairs of servers of one region that were between reload and proof together, in all rollouts so far. */
  between(): { readonly reloaded: number; readonly pairs: readonly string[] } {
    const open = new Map<string, string>()
    const pairs: string[] = []
    let reloaded = 0
    let looked = new Set<string>()
    for (const { event, address = '', state } of this.#events) {
      if (event === 'order') looked = new Set()
      if (event === 'looked') looked.add(address)
      // A run that was killed may have proven one and not told it: the next has it in its order no more.
      if (event === 'ready') {
        for (const [region, one] of open) if (!looked.has(one)) open.delete(region)
      }
      const [, role, region = ''] = address.split('/')
      if (event !== 'host' || role !== 'server') continue
      const before = open.get(region)
      if (state === 'reloaded') reloaded += 1
      // Of a host that an earlier run switched only the reload is left.
      if (state === 'switched' || state === 'reloaded') {
        if (before !== undefined && before !== address) pairs.push(`${before} and ${address}`)
        open.set(region, address)
      }
      if (state === 'proven' || state === 'settled' || state === 'placed') open.delete(region)
    }
    return { reloaded, pairs }
  }

  /** Our command, in the operator's folder. */
  async pki(...args: readonly string[]): Promise<Outcome> {
    return run(process.execPath, [command, ...args], this.options())
  }

  /** The same, which has to end with this status. */
  async expect(status: number, ...args: readonly string[]): Promise<Outcome> {
    const outcome = await this.pki(...args)
    if (outcome.status !== status) {
      throw new Error(
        `${args.join(' ')} ended with ${outcome.status}\n${outcome.stdout}\n${outcome.stderr}`,
      )
    }
    return outcome
  }

  /** How our command is run here. */
  options(): {
    readonly cwd: string
    readonly env: Readonly<Record<string, string>>
    readonly timeout: number
  } {
    const { PATH = '' } = process.env
    return { cwd: this.ops, env: { PATH: `${this.#of('bin')}:${PATH}` }, timeout: 400_000 }
  }

  /** Starts the agents: servers, and when they have a leader the clients. */
  async startAgents(): Promise<void> {
    const ofRole = (role: HostPlan['role']): readonly HostPlan[] =>
      this.hosts.filter((one) => one.role === role)
    await Promise.all(ofRole('server').map(({ name }) => this.on(name, 'systemctl start nomad')))
    await this.ready()
    await Promise.all(ofRole('client').map(({ name }) => this.on(name, 'systemctl start nomad')))
    for (const { name, region } of ofRole('client')) {
      const server = this.hosts.find((one) => one.region === region && one.role === 'server')!
      await eventually(
        `${name} to be ready`,
        async () => {
          const nodes = JSON.parse(await this.ask(server, '/v1/nodes')) as readonly {
            readonly Name: string
            readonly Status: string
          }[]
          return nodes.some((one) => one.Name === name && one.Status === 'ready') || undefined
        },
        { timeout: 90_000, explain: () => this.log(name) },
      )
    }
  }

  /** Waits until every region has a leader. */
  async ready(): Promise<void> {
    for (const region of new Set(this.hosts.map((one) => one.region))) {
      const server = this.hosts.find((one) => one.region === region && one.role === 'server')!
      await eventually(
        `a leader in ${region}`,
        async () => {
          const leader = await this.ask(server, '/v1/status/leader')
          return leader !== '""' || undefined
        },
        { timeout: 90_000, explain: () => this.log(server.name) },
      )
    }
  }

  log(name: string): string {
    const file = path.join(this.home(name), 'nomad.log')
    return fs.existsSync(file) ? fs.readFileSync(file, 'utf8').slice(-3000) : '(no log)'
  }

  /** A request with the operator's newest certificate. */
  ask(
    { address, region, role }: HostPlan,
    place: string,
    method: 'GET' | 'PUT' | 'POST' = 'GET',
    body = '',
  ): Promise<string> {
    const own = path.join(this.ops, 'pki/identity/operator')
    const operators = path.join(own, fs.readdirSync(own)[0]!, 'alice/current')
    const read = (file: string): Buffer => fs.readFileSync(path.join(operators, file))
    return new Promise((resolve, reject) => {
      const asking = request(
        {
          ...{ host: address, port: 4646, path: place, method, agent: false, timeout: 10_000 },
          ...{ cert: read('cert.pem'), key: read('key.pem'), ca: read('ca.pem') },
          servername: `${role}.${region}.nomad`,
        },
        (response) => {
          let said = ''
          response.on('data', (chunk: Buffer) => (said += chunk.toString()))
          response.on('end', () => {
            if (response.statusCode === 200) resolve(said)
            else reject(new Error(`${String(response.statusCode)} ${said}`))
          })
          response.on('error', reject)
        },
      )
      asking.on('timeout', () => asking.destroy(new Error('timeout')))
      asking.on('error', reject)
      asking.end(body)
    })
  }

  /** Asks all agents without a pause, also through the leader, while something goes on. */
  async under<Value>(work: () => Promise<Value>): Promise<readonly [Value, Traffic]> {
    let on = true
    let sent = 0
    let healed = 0
    const lost: string[] = []
    const tls: string[] = []
    const note = (name: string, error: unknown): string => {
      const text = `${name}: ${error instanceof Error ? error.message : String(error)}`
      if (/certificate|tls|ssl|alert|handshake|unable to verify/i.test(text)) tls.push(text)
      return text
    }
    const loops = this.hosts.flatMap((host) =>
      ['/v1/status/leader', '/v1/jobs'].map(async (place) => {
        while (on) {
          sent += 1
          try {
            await this.ask(host, place)
          } catch (first) {
            note(host.name, first)
            await sleep(200)
            try {
              await this.ask(host, place)
              healed += 1
            } catch (second) {
              lost.push(note(host.name, second))
            }
          }
          await sleep(150)
        }
      }),
    )
    try {
      const value = await work()
      return [value, { sent, healed, lost, tls }]
    } finally {
      on = false
      await Promise.all(loops)
    }
  }

  /** Ends everything and removes it. */
  async stop(): Promise<void> {
    for (const { name } of this.hosts)
      await this.on(name, 'systemctl stop nomad').catch(() => undefined)
    for (const child of this.#children) child.kill('SIGKILL')
    for (const { name } of this.hosts) {
      const pids = spawnSync('ip', ['netns', 'pids', this.#space(name)], {
        encoding: 'utf8',
      }).stdout
      for (const pid of pids.split('\n').filter(Boolean)) spawnSync('kill', ['-9', pid])
      spawnSync('ip', ['netns', 'del', this.#space(name)])
    }
    spawnSync('ip', ['link', 'del', this.#bridge])
    await sleep(300)
    fs.rmSync(this.folder, { recursive: true, force: true })
  }
}
