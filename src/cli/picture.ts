/**
 * Lines that change in place on a terminal. Only the cursor is moved: no mode of the terminal is changed, so there is
 * nothing to put back, however the command ends.
 *
 * @module
 */

import { widthOf } from '../report/table.js'
import type { Output } from './context.js'

/** Some lines above the cursor. */
export interface Picture {
  /** Puts these lines where the ones before are; the cursor stays below them. */
  draw(lines: readonly string[]): void
  /** Removes them. */
  clear(): void
}

/**
 * Begins where the cursor is.
 *
 * @param output A terminal. Its lines are narrower than it is, and fewer than it has.
 */
export function pictureOn(output: Output): Picture {
  let drawn: readonly string[] = []
  // After the terminal became narrower a line may take several rows of it.
  const up = (): string => {
    const rows = drawn.reduce(
      (sum, line) => sum + Math.max(1, Math.ceil(widthOf(line) / output.columns)),
      0,
    )
    return rows === 0 ? '' : `\u001b[${rows}A\r`
  }
  return {
    draw(lines) {
      const text = lines.map((line) => `${line}\u001b[K\n`).join('')
      output.write(`${up()}${text}\u001b[J`)
      drawn = lines
    },
    clear() {
      if (drawn.length > 0) output.write(`${up()}\u001b[J`)
      drawn = []
    },
  }
}
