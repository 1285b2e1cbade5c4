/**
 * A world for commands: a folder, a clock that stands, streams in memory, a terminal if wanted.
 *
 * @module
 */

import { filesFrom, type Context, type Input, type Output } from '../../src/cli/context.js'

/** The folder of this package. */
const packageUrl: URL = new URL('../../', import.meta.url)

/** What a test says about the world. */
export interface World {
  readonly argv: readonly string[]
  readonly cwd: string
  /** Epoch milliseconds. */
  readonly now: number
  /** A clock that goes. Default: it stands at {@link now}. */
  readonly clock?: () => number
  readonly env?: Readonly<Record<string, string>>
  /** What stdin holds. */
  readonly input?: string
  /** Whether all streams are a terminal. */
  readonly terminal?: boolean
  /** Whether nobody reads what is written. */
  readonly closed?: boolean
  readonly columns?: number
  readonly rows?: number
  /** Called on every write to stdout or stderr. */
  readonly onWrite?: (text: string) => void
  /** The signal that Ctrl-C would send. */
  readonly interrupt?: AbortSignal
}

/** The context, and what was said. */
export function testContext(world: World): {
  readonly context: Context
  stdout(): string
  stderr(): string
} {
  const out: string[] = []
  const err: string[] = []
  const isTTY = world.terminal ?? false
  const output = (texts: string[]): Output => ({
    write(text) {
      texts.push(text)
      world.onWrite?.(text)
    },
    closed: world.closed ?? false,
    isTTY,
    columns: world.columns ?? 80,
    rows: world.rows ?? 24,
  })
  const lines = (world.input ?? '').split('\n')
  const stdin: Input = {
    isTTY,
    readAll: async () => Buffer.from(world.input ?? ''),
    readLine: async () => lines.shift(),
  }
  const context: Context = {
    argv: world.argv,
    env: world.env ?? {},
    cwd: world.cwd,
    packageUrl,
    stdin,
    stdout: output(out),
    stderr: output(err),
    now: world.clock ?? (() => world.now),
    onInterrupt(notice) {
      world.interrupt?.addEventListener('abort', notice)
      return world.interrupt ?? new AbortController().signal
    },
    ...filesFrom(world.cwd, stdin),
  }
  return { context, stdout: () => out.join(''), stderr: () => err.join('') }
}
