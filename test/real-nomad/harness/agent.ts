/**
 * A real Nomad agent as a child process: its configuration but for TLS, its start, its log, its end.
 *
 * @module
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { appendFileSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { nomadBinary } from './binaries.js'
import type { AgentPorts } from './ports.js'
import { cleanEnvironment, sleep } from './run.js'

export interface AgentPlan {
  readonly name: string
  readonly region: string
  readonly role: 'server' | 'client'
  readonly ports: AgentPorts
  /** The agent's configuration directory; `agent.hcl` is written there, `tls.hcl` is somebody else's. */
  readonly directory: string
  /** What it is started with, in order; default: the directory alone. */
  readonly configs?: readonly string[]
  readonly dataDir: string
  /** Servers of the region; servers only. */
  readonly bootstrapExpect?: number
  /** Serf addresses of all servers; servers only. */
  readonly join?: readonly string[]
  /** RPC addresses; clients only. */
  readonly servers?: readonly string[]
}

const list = (items: readonly string[]): string =>
  `[${items.map((item) => JSON.stringify(item)).join(', ')}]`

/** Writes everything an agent needs but `tls`, as people write it. */
export function writeAgentConfig(plan: AgentPlan): void {
  const { http, rpc, serf } = plan.ports
  mkdirSync(plan.directory, { recursive: true })
  // Clients refuse a data directory that others may enter.
  mkdirSync(plan.dataDir, { recursive: true, mode: 0o700 })
  const role =
    plan.role === 'server'
      ? `server {
  enabled          = true
  bootstrap_expect = ${plan.bootstrapExpect ?? 1}
  server_join {
    retry_join     = ${list(plan.join ?? [])}
    retry_interval = "1s"
  }
}
`
      : `client {
  enabled = true
  servers = ${list(plan.servers ?? [])}
  options {
    # Without it the start waits for three clouds.
    "fingerprint.denylist" = "env_aws,env_gce,env_azure,env_digitalocean,cni,bridge"
  }
}
plugin "raw_exec" { config { enabled = true } }
`
  writeFileSync(
    join(plan.directory, 'agent.hcl'),
    `name                 = ${JSON.stringify(plan.name)}
region               = ${JSON.stringify(plan.region)}
datacenter           = "dc1"
data_dir             = ${JSON.stringify(plan.dataDir)}
bind_addr            = "127.0.0.1"
log_level            = "DEBUG"
disable_update_check = true
ports {
  http = ${http}
  rpc  = ${rpc}
  serf = ${serf}
}
advertise {
  http = "127.0.0.1:${http}"
  rpc  = "127.0.0.1:${rpc}"
  serf = "127.0.0.1:${serf}"
}
${role}`,
  )
}

const running = new Set<Agent>()

// Vitest may end the process before a hook ran: no agent outlives us.
process.on('exit', () => {
  for (const agent of running) agent.kill()
})

export interface AgentOptions {
  readonly env?: Readonly<Record<string, string>>
  /** Another path of the same program, such as one that the user below may run. */
  readonly binary?: string
  /** Whom it runs as; default: us. */
  readonly user?: { readonly uid: number; readonly gid: number } | undefined
  /** Whether the log of one of this name that was there before goes on; default no. */
  readonly keepLog?: boolean
}

/** A started agent. */
export class Agent {
  readonly plan: AgentPlan
  readonly #child: ChildProcess
  readonly #logFile: string
  #exit: number | undefined

  constructor(plan: AgentPlan, options: AgentOptions = {}) {
    this.plan = plan
    this.#logFile = join(plan.dataDir, '..', `${plan.name}.log`)
    if (options.keepLog !== true) writeFileSync(this.#logFile, '')
    const configs = plan.configs ?? [plan.directory]
    const flags = configs.flatMap((path) => ['-config', path])
    this.#child = spawn(options.binary ?? nomadBinary(), ['agent', ...flags], {
      env: { ...cleanEnvironment(), ...options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
      ...options.user,
    })
    const note = (chunk: Buffer): void => {
      appendFileSync(this.#logFile, chunk)
    }
    this.#child.stdout?.on('data', note)
    this.#child.stderr?.on('data', note)
    this.#child.once('error', (error) => {
      note(Buffer.from(`cannot start: ${error.message}\n`))
    })
    this.#child.once('exit', (code) => {
      this.#exit = code ?? 128
      running.delete(this)
    })
    running.add(this)
  }

  get name(): string {
    return this.plan.name
  }

  /** Its process; throws when it could not be started. */
  get pid(): number {
    const { pid } = this.#child
    if (pid === undefined) throw new Error(`${this.name} was not started`)
    return pid
  }

  /** The exit status, or `undefined` while it runs. */
  get exitStatus(): number | undefined {
    return this.#exit
  }

  /** Everything it said so far. */
  log(): string {
    return readFileSync(this.#logFile, 'utf8')
  }

  /** The last lines of its log, with the agent's name before them. */
  tail(lines = 25): string {
    const end = this.#exit === undefined ? '' : ` (ended with ${this.#exit})`
    return `--- ${this.name}${end}\n${this.log().split('\n').slice(-lines).join('\n')}`
  }

  reload(): void {
    this.#child.kill('SIGHUP')
  }

  /** Stops the process without ending it, as a machine that hangs: whoever asks it gets no answer. */
  freeze(): void {
    this.#child.kill('SIGSTOP')
  }

  thaw(): void {
    this.#child.kill('SIGCONT')
  }

  /** Ends it, then whatever it left: task executors, tmpfs mounts under its data directory. */
  async stop(): Promise<void> {
    const family = this.#child.pid === undefined ? [] : descendants(this.#child.pid)
    if (this.#exit === undefined) this.#child.kill('SIGINT')
    await this.#ended(5_000)
    this.kill(family)
    await this.#ended(2_000)
    unmountUnder(this.plan.dataDir)
  }

  async #ended(milliseconds: number): Promise<void> {
    for (let waited = 0; waited < milliseconds && this.#exit === undefined; waited += 50) {
      await sleep(50)
    }
  }

  /** At once, and synchronously. */
  kill(family: readonly number[] = this.#child.pid ? descendants(this.#child.pid) : []): void {
    if (this.#exit === undefined) this.#child.kill('SIGKILL')
    for (const pid of family) {
      try {
        process.kill(pid, 'SIGKILL')
      } catch {
        // It has ended by itself.
      }
    }
    unmountUnder(this.plan.dataDir)
  }
}

/** Children and their children: a client starts its log collectors and task executors as such. */
function descendants(root: number): number[] {
  const parents = new Map<number, number>()
  let entries: string[]
  try {
    entries = readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))
  } catch {
    return []
  }
  for (const entry of entries) {
    try {
      const stat = readFileSync(`/proc/${entry}/stat`, 'utf8')
      // pid (comm) state ppid …; comm may hold spaces and parentheses.
      const parent = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]
      parents.set(Number(entry), Number(parent))
    } catch {
      // It has ended meanwhile.
    }
  }
  const found: number[] = []
  const queue = [root]
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
    for (const [pid, parent] of parents) {
      if (parent === next) {
        found.push(pid)
        queue.push(pid)
      }
    }
  }
  return found
}

/** A killed client leaves tmpfs mounts for its allocations' secrets. */
function unmountUnder(directory: string): void {
  let mounts: string
  try {
    mounts = readFileSync('/proc/mounts', 'utf8')
  } catch {
    return
  }
  const points = mounts
    .split('\n')
    .map((line) => (line.split(' ')[1] ?? '').replaceAll('\\040', ' '))
    .filter((point) => point.startsWith(`${directory}/`))
  for (const point of points.reverse()) spawnSync('umount', ['-l', point])
}
