/**
 * Line and column of many offsets of one text, in about the time of one pass.
 *
 * @module
 */

import type { Position } from '../diagnostics.js'

/**
 * Prepares a text, and gives the function that finds line and column of an offset in it.
 *
 * @param text The whole text.
 * @returns Line and column of an offset, both from 1, columns in code points. Offsets in rising
 * order cost least.
 */
export function positionsIn(text: string): (offset: number) => Position {
  let starts: number[] | undefined
  let lastLine = -1
  let lastOffset = 0
  let lastColumn = 1
  return (offset) => {
    starts ??= lineStarts(text)
    let low = 0
    let high = starts.length
    while (high - low > 1) {
      const middle = (low + high) >> 1
      if (starts[middle]! <= offset) low = middle
      else high = middle
    }
    let at = starts[low]!
    let column = 1
    if (low === lastLine && offset >= lastOffset) {
      at = lastOffset
      column = lastColumn
    }
    while (at < offset) {
      at += text.codePointAt(at)! > 0xffff ? 2 : 1
      column += 1
    }
    lastLine = low
    lastOffset = at
    lastColumn = column
    return { line: low + 1, column }
  }
}

function lineStarts(text: string): number[] {
  const starts = [0]
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) starts.push(at + 1)
  return starts
}
