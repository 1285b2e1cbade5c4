/**
 * A rollout on a terminal, drawn in place.
 *
 * @module
 */

import { beginView, takeEvent, viewLines, viewTable } from '../report/rollout-view.js'
import type { Rollout } from '../rollout/order.js'
import type { RolloutEvent } from '../rollout/ports.js'
import type { Context } from './context.js'
import { pictureOn } from './picture.js'
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
  const picture = pictureOn(stderr)
  let drawnAt = -Infinity
  let ended = false
  const draw = (): void => {
    const { columns, rows } = stderr
    picture.draw(viewLines(view, { at: context.now(), columns, rows, fancy }, printer.errorStyle))
    drawnAt = performance.now()
  }
  const timer = setInterval(draw, 500)
  timer.unref()
  return {
    take(event) {
      takeEvent(view, event, context.now())
      if (!ended && performance.now() - drawnAt >= pause) draw()
    },
    above(say) {
      picture.clear()
      say()
      if (!ended) draw()
    },
    end() {
      if (ended) return
      ended = true
      clearInterval(timer)
      picture.clear()
      const text = viewTable(view, context.now(), printer.style)
      if (text !== undefined) printer.answer(text)
    },
  }
}
