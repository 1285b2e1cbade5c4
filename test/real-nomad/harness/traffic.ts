/**
 * Requests that never pause, as a cluster in use has them: each on a connection of its own, asked once
 * more at once where it fails, and every failure kept with its message.
 *
 * @module
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { api, type Credentials } from './api.js'
import { cleanEnvironment, sleep } from './run.js'

/** One stream of requests. */
export interface Route {
  /** What it exercises. */
  readonly kind: 'local' | 'leader' | 'region' | 'client' | 'node'
  readonly agent: string
  readonly port: number
  readonly path: string
}

/** A request that failed. */
export interface Loss {
  /** When it first failed, as `performance.now()` tells. */
  readonly at: number
  readonly kind: Route['kind']
  readonly agent: string
  /** What it said, each time that it was made. */
  readonly failures: readonly string[]
  /** Whether it was answered in the end. */
  readonly healed: boolean
}

/**
 * How often a request is made again at once. One that travels over several pooled connections (from a
 * client to a server to its leader, to a region and to its leader) can meet an ended one on each.
 */
const patience: Readonly<Record<Route['kind'], number>> = {
  local: 1,
  leader: 1,
  client: 2,
  region: 3,
  node: 20,
}

/** Milliseconds between two requests of a route, unless a test says otherwise. */
const usualPause = 150

/** All of the traffic. */
export class Traffic {
  readonly losses: Loss[] = []
  #sent = 0
  #on = true
  #paused = new Set<string>()
  readonly #credentials: () => Credentials
  readonly #loops: Promise<void>[]

  readonly #pause: number

  constructor(
    routes: readonly Route[],
    credentials: () => Credentials,
    pause: number = usualPause,
  ) {
    this.#credentials = credentials
    this.#pause = pause
    this.#loops = routes.map((route, index) => this.#run(route, (pause * index) / routes.length))
  }

  /** Requests made so far, without those that were made again. */
  get sent(): number {
    return this.#sent
  }

  /** An agent that is down on purpose is asked nothing. */
  spare(agent: string): void {
    this.#paused.add(agent)
  }

  resume(agent: string): void {
    this.#paused.delete(agent)
  }

  async stop(): Promise<void> {
    this.#on = false
    await Promise.all(this.#loops)
  }

  async #run(route: Route, offset: number): Promise<void> {
    await sleep(offset)
    while (this.#on) {
      if (!this.#paused.has(route.agent)) await this.#ask(route)
      await sleep(this.#pause)
    }
  }

  async #ask(route: Route): Promise<void> {
    this.#sent += 1
    const message = await this.#fault(route)
    if (message === undefined || this.#paused.has(route.agent)) return
    const at = performance.now()
    const failures = [message]
    const { kind, agent } = route
    for (;;) {
      const again = await this.#fault(route)
      if (again !== undefined) failures.push(again)
      const healed = again === undefined
      if (healed || failures.length > patience[kind]) {
        this.losses.push({ at, kind, agent, failures, healed })
        return
      }
      // A client that was reloaded has to dial its servers before anybody can ask it something.
      if (kind === 'node') await sleep(100)
    }
  }

  async #fault({ port, path }: Route): Promise<string | undefined> {
    try {
      const { status, body } = await api(port, path, this.#credentials(), { timeout: 15_000 })
      return status === 200 ? undefined : `${status} ${body.trim()}`
    } catch (error) {
      return error instanceof Error ? error.message : String(error)
    }
  }
}

/** `nomad alloc logs -f` of a job that counts aloud, for as long as it lasts. */
export class LogStream {
  readonly #child: ChildProcess
  #text = ''
  #errors = ''
  #ended: number | undefined

  constructor(binary: string, allocation: string, env: Readonly<Record<string, string>>) {
    this.#child = spawn(binary, ['alloc', 'logs', '-f', allocation], {
      env: { ...cleanEnvironment(), ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.#child.stdout?.on('data', (chunk: Buffer) => (this.#text += chunk.toString('latin1')))
    this.#child.stderr?.on('data', (chunk: Buffer) => (this.#errors += chunk.toString('latin1')))
    this.#child.once('exit', (code, signal) => (this.#ended = code ?? (signal === null ? 1 : 0)))
    process.once('exit', () => this.#child.kill('SIGKILL'))
  }

  /** The numbers that arrived, whole lines alone. */
  get numbers(): readonly number[] {
    return this.#text
      .slice(0, this.#text.lastIndexOf('\n') + 1)
      .split('\n')
      .slice(0, -1)
      .map(Number)
  }

  /** What it said when it broke off; `undefined` while it goes on. */
  get broken(): string | undefined {
    return this.#ended === undefined
      ? undefined
      : `ended with ${this.#ended}: ${this.#errors.trim()}`
  }

  stop(): void {
    this.#child.kill('SIGKILL')
  }
}
