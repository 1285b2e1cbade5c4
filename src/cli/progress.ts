/**
 * A bar with count, rate and what is being done; on a terminal only, and gone when it is over.
 *
 * @module
 */

import { barOf } from '../report/bar.js'
import { printable } from '../report/style.js'
import { thousands } from '../report/style.js'
import type { Context } from './context.js'

/** Shows how far it is. */
export interface Progress {
  /** So many are done, and this is being done now. */
  update(done: number, doing: string): void
  /** Removes the bar. */
  clear(): void
}

const silent: Progress = { update: () => undefined, clear: () => undefined }

/** Ten pictures a second are enough, and cost nothing. */
const interval = 100

/**
 * Begins a bar.
 *
 * @param context The world.
 * @param total How many there are to do.
 * @param options `quiet`: no bar.
 */
export function createProgress(
  context: Context,
  total: number,
  options: { readonly quiet: boolean },
): Progress {
  const { stderr } = context
  if (options.quiet || !stderr.isTTY || context.env['TERM'] === 'dumb' || total === 0) return silent
  const began = context.now()
  const fancy = isFancy(context.env)
  let shownAt = -Infinity
  let shown = false
  return {
    update(done, doing) {
      const now = context.now()
      if (now - shownAt < interval) return
      shownAt = now
      shown = true
      const line = progressLine({
        done,
        total,
        seconds: (now - began) / 1000,
        doing,
        columns: stderr.columns,
        fancy,
      })
      stderr.write(`\r${line}\u001b[K`)
    },
    clear() {
      if (shown) stderr.write('\r\u001b[K')
      shown = false
    },
  }
}

/** Whether the terminal shows more than ASCII. */
export function isFancy(env: Context['env']): boolean {
  return /utf-?8/i.test(env['LC_ALL'] ?? env['LC_CTYPE'] ?? env['LANG'] ?? '')
}

/** One picture of the bar, never wider than the terminal. */
export function progressLine(state: {
  readonly done: number
  readonly total: number
  /** Since the beginning. */
  readonly seconds: number
  readonly doing: string
  readonly columns: number
  readonly fancy: boolean
}): string {
  const { done, total, seconds, columns } = state
  const bar = barOf(done, total, state.fancy)
  const rate = seconds > 0.5 && done > 0 ? `  ${thousands(Math.round(done / seconds))}/s` : ''
  const head = `${bar}  ${thousands(done)}/${thousands(total)}${rate}`
  const room = columns - head.length - 3
  const doing = printable(state.doing)
  if (room < 8) return head.slice(0, Math.max(0, columns - 1))
  return `${head}  ${doing.length > room ? `…${doing.slice(1 - room)}` : doing}`
}
