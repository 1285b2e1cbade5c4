/**
 * Edits to a text as ranges: the spec and the agents' configurations are other people's files, so
 * they are never printed anew; every byte outside a range stays where it was.
 *
 * @module
 */

/** One replacement: the text from `start` up to `end` (UTF-16 offsets) becomes `text`. */
export interface Splice {
  /** The first character that goes. */
  readonly start: number
  /** Behind the last character that goes; equal to `start` for an insertion. */
  readonly end: number
  /** What stands there afterwards. */
  readonly text: string
}

/**
 * Applies edits back to front, so that none moves another.
 *
 * @param text The original.
 * @param splices In any order; insertions at one place keep the order given.
 * @throws {RangeError} If two edits overlap or one lies outside the text: a defect of the caller.
 */
export function applySplices(text: string, splices: readonly Splice[]): string {
  const ordered = splices
    .map((splice, index) => ({ ...splice, index }))
    .sort((a, b) => a.start - b.start || a.end - b.end || a.index - b.index)
  let out = ''
  let at = 0
  for (const { start, end, text: replacement } of ordered) {
    if (start < at || end < start || end > text.length) {
      throw new RangeError(`edits overlap or leave the text at ${start}..${end}`)
    }
    out += text.slice(at, start) + replacement
    at = end
  }
  return out + text.slice(at)
}
