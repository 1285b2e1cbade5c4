/**
 * A rollout on a terminal, drawn in place. Only the cursor is moved: no mode of the terminal is changed, so there is
 * nothing to put back, however the command ends.
 *
 * @module
 */

import { beginView, takeEvent, viewLines, viewTable } from '../report/rollout-view.js'
import { widthOf } from '../report/table.js'
import type { Rollout } from '../rollout/order.js'
import type { RolloutEvent } from '../rollout/ports.js'
import type { Context } from './context.js'
import type { Printer } from './printer.js'
import { isFancy } from './progress.js'

/** What is drawn. */
export interface Live {
  /** Takes up an event. */
  take(event: RolloutEvent): void
  /** Has something said above what is drawn. */
  above(say: () => void): void
  /** Removes what is drawn, and prints a table of it. */
  end(): void
}

/** Milliseconds between two pictures at the least. */
const pause = 100

/**
 * Begins to draw.
 *
 * @returns `undefined` where no terminal is there, or something else is asked for: then each event is a line.
 */
export function liveRollout(
  order: Pick<Rollout, 'steps'>,
  context: Context,
  printer: Printer,
): Live | undefined {
  const { stdout, stderr, env } = context
  const isTerminal = stdout.isTTY && stderr.isTTY && env['TERM'] !== 'dumb'
  if (printer.json || printer.quiet || !isTerminal) return undefined
  const view = beginView(order, context.now())
  const fancy = isFancy(env)
  let drawn: readonly string[] = []
  let drawnAt = -Infinity
  let ended = false
  // After the terminal became narrower a line may take several rows of it.
  const up = (): string => {
    const rows = drawn.reduce(
      (sum, line) => sum + Math.max(1, Math.ceil(widthOf(line) / stderr.columns)),
      0,
    )
    return rows === 0 ? '' : `\u001b[${rows}A\r`
  }
  const draw = (): void => {
    const { columns, rows } = stderr
    const lines = viewLines(view, { at: context.now(), columns, rows, fancy }, printer.errorStyle)
    const text = lines.map((line) => `${line}\u001b[K\n`).join('')
    stderr.write(`${up()}${text}\u001b[J`)
    drawn = lines
    drawnAt = performance.now()
  }
  const clear = (): void => {
    if (drawn.length > 0) stderr.write(`${up()}\u001b[J`)
    drawn = []
  }
  const timer = setInterval(draw, 500)
  timer.unref()
  return {
    take(event) {
      takeEvent(view, event, context.now())
      if (!ended && performance.now() - drawnAt >= pause) draw()
    },
    above(say) {
      clear()
      say()
      if (!ended) draw()
    },
    end() {
      if (ended) return
      ended = true
      clearInterval(timer)
      clear()
      const text = viewTable(view, context.now(), printer.style)
      if (text !== undefined) printer.answer(text)
    },
  }
}
