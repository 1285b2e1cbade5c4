/**
 * A terminal that understands what commands write to one: text, line ends, and the few escape sequences that they
 * may use. Any other sequence fails.
 *
 * @module
 */

import { widthOf } from '../src/report/table.js'

/** What a terminal of this size shows after a text was written to it, above lines that left the screen at its top. */
export function terminalAfter(
  text: string,
  { columns, rows }: { readonly columns: number; readonly rows: number },
): readonly string[] {
  const lines: string[] = ['']
  let line = 0
  let column = 0
  const top = (): number => Math.max(0, lines.length - rows)
  const down = (): void => {
    line += 1
    if (line === lines.length) lines.push('')
  }
  // eslint-disable-next-line no-control-regex -- escape sequences are what is looked for
  for (const [part] of text.matchAll(/\u001b\[[0-9;?]*[A-Za-z]|[^]/gu)) {
    // eslint-disable-next-line no-control-regex -- see above
    const found = /^\u001b\[([0-9]*)([A-Z])$/.exec(part)
    // eslint-disable-next-line no-control-regex -- colours do not move anything
    if (/^\u001b\[[0-9;]*m$/.test(part)) continue
    if (found !== null) {
      const [, number = '', what] = found
      if (what === 'A') line = Math.max(top(), line - Number(number || 1))
      else if (what === 'K') lines[line] = lines[line]!.slice(0, column)
      else if (what === 'J') {
        lines[line] = lines[line]!.slice(0, column)
        lines.length = line + 1
      } else throw new Error(`the terminal does not know ${JSON.stringify(part)}`)
    } else if (part.startsWith('\u001b')) {
      throw new Error(`the terminal does not know ${JSON.stringify(part)}`)
    } else if (part === '\r') column = 0
    else if (part === '\n') {
      down()
      column = 0
    } else {
      if (column + widthOf(part) > columns) {
        down()
        column = 0
      }
      const before = lines[line]!.padEnd(column)
      lines[line] = before.slice(0, column) + part + before.slice(column + part.length)
      column += part.length
    }
  }
  return lines
}
