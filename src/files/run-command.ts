/**
 * Runs another program of the user's: no shell, in a process group of its own, within limits of time and output.
 *
 * @module
 */

import { kill } from 'node:process'
import { errnoOf } from './fault.js'

/** A program and how it is run. */
export interface CommandCall {
  /** The program and its arguments. Without `/` the program is looked for in PATH. */
  readonly argv: readonly string[]
  /** The folder that it runs in. */
  readonly cwd: string
  /** Its whole environment. */
  readonly env: Readonly<Record<string, string | undefined>>
  /** What it reads from its standard input. Default: nothing. */
  readonly input?: Uint8Array | undefined
  /** Milliseconds. */
  readonly timeout: number
  /** More bytes than this on its standard output end it. */
  readonly outputLimit: number
  /**
   * Whether it leaves a process in the background: its outputs, which that one keeps open, are not read, and what
   * it left goes on. Default: no.
   */
  readonly leaves?: boolean | undefined
  /** Is handed what it writes on its standard output, when it comes. */
  readonly onOutput?: ((bytes: Uint8Array) => void) | undefined
  /** Ends it. */
  readonly signal?: AbortSignal | undefined
}

/** How it ended. */
export type CommandEnd =
  | { readonly how: 'exited'; readonly status: number }
  | { readonly how: 'killed'; readonly by: string }
  | { readonly how: 'not started'; readonly why: string }
  | { readonly how: 'timeout' }
  | { readonly how: 'too much output' }
  | { readonly how: 'aborted' }

/**
 * How it ended, in words that follow its name: `exited with 3`.
 *
 * @param timeout What it was given, milliseconds.
 * @param awaited What it was to do in that time.
 */
export function endWords(end: CommandEnd, timeout: number, awaited: 'answer' | 'end'): string {
  switch (end.how) {
    case 'exited':
      return `exited with ${end.status}`
    case 'killed':
      return `was killed (${end.by})`
    case 'not started':
      return `cannot be run: ${end.why}`
    case 'timeout':
      return `did not ${awaited} within ${timeout / 1000}s and was ended`
    case 'too much output':
      return 'wrote too much and was ended'
    case 'aborted':
      return 'was ended'
  }
}

/** What came of it. */
export interface CommandResult {
  readonly end: CommandEnd
  readonly stdout: Uint8Array
  /** The end of what it wrote on its standard error, as it is. */
  readonly stderr: Uint8Array
}

/** Only the end of what a program complains of is kept. */
const stderrLimit = 4096
/** From the request to end to the end by force, milliseconds. */
const grace = 1000

/**
 * Runs a program to its end. Whatever ends it too soon ends its process group: what it started goes with it.
 *
 * @param call The program, its input and its limits.
 * @returns How it ended, and what it wrote. Nothing is thrown.
 */
export async function runCommand(call: CommandCall): Promise<CommandResult> {
  const { argv, cwd, env, input, timeout, outputLimit, signal, onOutput, leaves = false } = call
  const [program, ...args] = argv as [string, ...string[]]
  const { spawn } = await import('node:child_process')
  return new Promise((resolve) => {
    const stdout: Buffer[] = []
    let stderr = Buffer.alloc(0)
    let size = 0
    let early: CommandEnd | undefined
    let force: ReturnType<typeof setTimeout> | undefined
    let done = false
    const child = spawn(program, args, {
      cwd,
      env,
      detached: true,
      stdio: leaves ? 'ignore' : 'pipe',
    })
    const signalGroup = (name: 'SIGTERM' | 'SIGKILL'): void => {
      if (child.pid === undefined) return
      try {
        kill(-child.pid, name)
      } catch {
        // All of it has ended.
      }
    }
    const finish = (end: CommandEnd): void => {
      if (done) return
      done = true
      clearTimeout(timer)
      clearTimeout(force)
      signal?.removeEventListener('abort', abort)
      // What it left running holds its pipes open, and would go on with a key in reach.
      if (!leaves || early !== undefined) signalGroup('SIGKILL')
      for (const stream of [child.stdin, child.stdout, child.stderr]) stream?.destroy()
      resolve({ end: early ?? end, stdout: Buffer.concat(stdout), stderr })
    }
    const stop = (end: CommandEnd): void => {
      if (early !== undefined || done) return
      early = end
      signalGroup('SIGTERM')
      force = setTimeout(() => {
        finish(end)
      }, grace)
    }
    const abort = (): void => {
      stop({ how: 'aborted' })
    }
    const timer = setTimeout(() => {
      stop({ how: 'timeout' })
    }, timeout)
    signal?.addEventListener('abort', abort, { once: true })
    child.on('error', (error) => {
      finish({ how: 'not started', why: startFault(error) })
    })
    child.stdout?.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (size > outputLimit) {
        stop({ how: 'too much output' })
        return
      }
      stdout.push(chunk)
      if (!done) onOutput?.(chunk)
    })
    child.stderr?.on('data', (chunk: Buffer) => {
      stderr = Buffer.concat([stderr, chunk]).subarray(-stderrLimit)
    })
    // A program that reads no input closes its end: what it answers is judged, and not that.
    child.stdin?.on('error', () => undefined)
    child.stdin?.end(input ?? Buffer.alloc(0))
    const ended = (status: number | null, by: string | null): CommandEnd =>
      by === null ? { how: 'exited', status: status ?? 0 } : { how: 'killed', by }
    child.on('exit', (status, by) => {
      // A grandchild may keep the pipes open: what is written after the program's own end is not its answer.
      if (leaves) finish(ended(status, by))
      setTimeout(() => {
        finish(ended(status, by))
      }, grace).unref()
    })
    child.on('close', (status, by) => {
      finish(ended(status, by))
    })
  })
}

/** Why a program was not started, in words. */
export function startFault(error: unknown): string {
  switch (errnoOf(error)) {
    case 'ENOENT':
      return 'there is no such program'
    case 'EACCES':
      return 'it may not be run'
    default:
      return errnoOf(error) ?? 'the system does not say why'
  }
}

/**
 * What a program wrote, on one line: control characters are shown and not sent to a terminal.
 *
 * @param bytes What it wrote.
 * @param most Characters.
 * @returns Empty where it wrote nothing.
 */
export function shownOutput(bytes: Uint8Array, most = 400): string {
  const text = Buffer.from(bytes)
    .toString('utf8')
    .trim()
    .replace(/[ \t]*\r?\n\s*/g, '; ')
    .replace(
      // eslint-disable-next-line no-control-regex -- they are what is shown
      /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
      (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`,
    )
  const all = Array.from(text)
  return all.length <= most ? text : `…${all.slice(-most).join('')}`
}
