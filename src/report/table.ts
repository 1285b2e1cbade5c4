/**
 * Columns that line up.
 *
 * @module
 */

import { printable } from './style.js'

// eslint-disable-next-line no-control-regex -- the escape character is what is looked for
const colours = /\u001b\[[0-9;]*m/g

/** How many columns of a terminal a text takes; colours take none. */
export function widthOf(text: string): number {
  const bare = text.replace(colours, '')
  // Names in certificates can be anything; what is ours is ASCII.
  let width = 0
  for (const character of bare) width += isWide(character.codePointAt(0)!) ? 2 : 1
  return width
}

/**
 * Lays out rows; the last column is not padded, and a column that is empty everywhere is left out.
 *
 * @param rows Cells, already painted.
 * @param options `indent`: spaces before each row; `gap`: spaces between columns; `right`: the
 *   columns that are aligned to the right.
 */
export function table(
  rows: readonly (readonly string[])[],
  options: {
    readonly indent?: number
    readonly gap?: number
    readonly right?: readonly number[]
  } = {},
): string {
  const { indent = 0, gap = 2, right = [] } = options
  const widths: number[] = []
  for (const row of rows) {
    for (const [column, cell] of row.entries()) {
      widths[column] = Math.max(widths[column] ?? 0, widthOf(cell))
    }
  }
  return rows
    .map((row) => {
      const cells = row.flatMap((cell, column) => {
        const width = widths[column]!
        if (width === 0) return []
        const padding = ' '.repeat(width - widthOf(cell))
        return [right.includes(column) ? padding + cell : cell + padding]
      })
      return (' '.repeat(indent) + cells.join(' '.repeat(gap))).trimEnd()
    })
    .join('\n')
}

/** The beginning of a text that fits; what was cut off is marked. It has no colours. */
export function cut(text: string, width: number): string {
  const clean = printable(text)
  if (widthOf(clean) <= width) return clean
  let kept = ''
  for (const character of clean) {
    if (widthOf(kept + character) > width - 1) break
    kept += character
  }
  return width < 1 ? '' : `${kept}~`
}

/**
 * Breaks a text between its words.
 *
 * @param text Without colours.
 * @param width Columns of a line.
 * @param most Lines; what is beyond them is cut off.
 */
export function wrap(text: string, width: number, most: number): readonly string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    const longer = line === '' ? word : `${line} ${word}`
    if (lines.length === most - 1 || line === '' || widthOf(longer) <= width) line = longer
    else {
      lines.push(line)
      line = word
    }
  }
  return [...lines, line].map((one) => cut(one, width))
}

function isWide(code: number): boolean {
  return (
    (code >= 0x1100 && code <= 0x115f) ||
    (code >= 0x2e80 && code <= 0xa4cf) ||
    (code >= 0xac00 && code <= 0xd7a3) ||
    (code >= 0xf900 && code <= 0xfaff) ||
    (code >= 0xfe30 && code <= 0xfe6f) ||
    (code >= 0xff00 && code <= 0xff60) ||
    (code >= 0x1f300 && code <= 0x1faff)
  )
}
