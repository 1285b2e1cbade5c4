/**
 * How text looks: one set of symbols, sparing colours. Every report is handed a style and returns a
 * string.
 *
 * @module
 */

export { count, thousands } from '../count.js'

import type { Severity } from '../diagnostics.js'
import type { Action } from '../plan/plan.js'

/** Paints a piece of text; the plain style returns it as it is. */
export type Paint = (text: string) => string

/** What a report may use. */
export interface Style {
  readonly strong: Paint
  readonly faint: Paint
  readonly good: Paint
  readonly bad: Paint
  readonly doubtful: Paint
}

const none: Paint = (text) => text

/** No colours. */
export const plainStyle: Style = {
  strong: none,
  faint: none,
  good: none,
  bad: none,
  doubtful: none,
}

/** The sixteen colours that every terminal has, and that its owner chose. */
export const colourStyle: Style = {
  strong: sgr(1, 22),
  faint: sgr(2, 22),
  good: sgr(32, 39),
  bad: sgr(31, 39),
  doubtful: sgr(33, 39),
}

function sgr(on: number, off: number): Paint {
  return (text) => (text === '' ? '' : `\u001b[${on}m${text}\u001b[${off}m`)
}

/** The paint of a severity. */
export function paintOf(style: Style, severity: Severity): Paint {
  if (severity === 'error') return style.bad
  return severity === 'warning' ? style.doubtful : style.faint
}

/** The symbol of an action: something more, something else, something less. */
export function symbolOf(style: Style, action: Action): string {
  switch (action) {
    case 'create':
      return style.good('+')
    case 'remove':
      return style.bad('-')
    default:
      return style.doubtful('~')
  }
}

/**
 * Makes a text safe to print: what came out of a file must not move the cursor or colour the
 * terminal. Newlines and tabs become spaces.
 *
 * @param text Anything.
 */
export function printable(text: string): string {
  // The bidirectional controls reorder what stands beside them (CVE-2021-42574).
  return text
    .replace(/[\t\r\n]+/g, ' ')
    .replace(
      /[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu,
      (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`,
    )
}

/**
 * A line as `sha256sum -c` reads it.
 *
 * @param sum In hex.
 * @param file As the user named it; control characters are shown, not sent to the terminal.
 */
export function checksumLine(sum: string, file: string): string {
  return `${sum}  ${printable(file)}`
}
