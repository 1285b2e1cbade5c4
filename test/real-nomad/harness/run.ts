/**
 * Runs a program to its end with a clean environment.
 *
 * @module
 */
import { spawn } from 'node:child_process'

export interface Outcome {
  readonly status: number
  readonly stdout: string
  readonly stderr: string
  /** Whether it was killed after {@link RunOptions.killAfter}. */
  readonly killed?: boolean
}

export interface RunOptions {
  readonly cwd?: string
  /** Added to the clean environment. */
  readonly env?: Readonly<Record<string, string>>
  readonly input?: string
  /** Milliseconds until the program is killed; default a minute. */
  readonly timeout?: number
  /** Milliseconds until it is killed together with everything that it started. */
  readonly killAfter?: number
  /** Whether it has a process group of its own, as one that is to be killed has: Linux gives it a share of the cores. */
  readonly ownGroup?: boolean
}

/**
 * What a program gets unless a test says more: no `NOMAD_*`, and no `*_CA_BUNDLE` (with
 * `AWS_CA_BUNDLE` set, a Nomad client stops at its start).
 */
export function cleanEnvironment(): Record<string, string> {
  const environment: Record<string, string> = { LANG: 'C.UTF-8', TZ: 'UTC' }
  for (const name of ['PATH', 'HOME', 'TMPDIR', 'XDG_CACHE_HOME']) {
    const value = process.env[name]
    if (value !== undefined) environment[name] = value
  }
  return environment
}

/** Resolves when the program has ended, whatever its status; rejects when it can't be started. */
export function run(
  program: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const { killAfter } = options
    // A program beside it ends it, with the group that it makes: on a busy machine our own timers are too late.
    const line =
      killAfter === undefined
        ? [program, ...args]
        : ['timeout', '-s', 'KILL', String(killAfter / 1000), program, ...args]
    const child = spawn(line[0]!, line.slice(1), {
      cwd: options.cwd,
      env: { ...cleanEnvironment(), ...options.env },
      stdio: ['pipe', 'pipe', 'pipe'],
      timeout: options.timeout ?? 60_000,
      killSignal: 'SIGKILL',
      detached: killAfter !== undefined || options.ownGroup === true,
    })
    const stdout: Buffer[] = []
    const stderr: Buffer[] = []
    child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk))
    child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk))
    child.stdin.on('error', () => undefined)
    child.on('error', reject)
    child.on('close', (code, signal) => {
      const text = (chunks: Buffer[]): string => Buffer.concat(chunks).toString('utf8')
      const end = signal === null ? '' : `\nkilled by ${signal}`
      const outcome = { status: code ?? 128, stdout: text(stdout), stderr: text(stderr) + end }
      resolve(killAfter === undefined ? outcome : { ...outcome, killed: signal === 'SIGKILL' })
    })
    child.stdin.end(options.input ?? '')
  })
}

/** Like {@link run}; throws with everything the program said unless it ended with status 0. */
export async function runOk(
  program: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<string> {
  const { status, stdout, stderr } = await run(program, args, options)
  if (status !== 0) {
    throw new Error(`${program} ${args.join(' ')} ended with ${status}\n${stdout}\n${stderr}`)
  }
  return stdout
}

export function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds))
}

/**
 * Asks until the answer is there: `undefined` or a thrown error means not yet.
 * Throws after `timeout` milliseconds with the last reason and what `explain` adds.
 */
export async function eventually<T>(
  what: string,
  ask: () => Promise<T | undefined>,
  options: { readonly timeout?: number; readonly explain?: () => string } = {},
): Promise<T> {
  const deadline = performance.now() + (options.timeout ?? 60_000)
  let last = 'no answer yet'
  for (;;) {
    try {
      const answer = await ask()
      if (answer !== undefined) return answer
    } catch (error) {
      last = error instanceof Error ? error.message : String(error)
    }
    if (performance.now() > deadline) {
      throw new Error(`gave up waiting for ${what}: ${last}\n${options.explain?.() ?? ''}`)
    }
    await sleep(100)
  }
}
