/**
 * Two kinds of bad news as plain data: a {@link Diagnostic} is about a place in a text that somebody
 * wrote, a {@link Finding} about a managed thing. Rendering lives in `report/`.
 *
 * @module
 */

/** How bad it is: an error stops or breaks something, a warning will, a note is worth knowing. */
export type Severity = 'error' | 'warning' | 'note'

/** A place in a text. Lines and columns count from 1, columns in code points, as Nomad counts them. */
export interface Position {
  /** From 1. */
  readonly line: number
  /** From 1, in code points. */
  readonly column: number
}

/** Something that is wrong with a text, and where. */
export interface Diagnostic extends Position {
  /** How bad it is. */
  readonly severity: Severity
  /** The file as the user named it; absent for a text without one. */
  readonly file?: string | undefined
  /** A stable word for machines, `spec/unknown-key`. */
  readonly code: string
  /** One sentence: lower case, no full stop. */
  readonly message: string
  /** What would have been right. */
  readonly expected?: string | undefined
  /** The next step, often "did you mean …?". */
  readonly hint?: string | undefined
}

/** Something that is wrong with a managed thing, and the command that cures it. */
export interface Finding {
  /** How bad it is. */
  readonly severity: Severity
  /** What it is about, in the grammar of `address.ts`. */
  readonly address: string
  /** A word of a documented vocabulary: `checks/reasons.ts` or a lint rule's name. */
  readonly reason: string
  /** One sentence: lower case, no full stop. */
  readonly message: string
  /** The exact command, or step, that cures it. */
  readonly remedy?: string | undefined
  /** The file it was seen in. */
  readonly file?: string | undefined
}

/**
 * Line and column of an offset.
 *
 * @param text The whole text.
 * @param offset A UTF-16 offset into it; clamped to the text.
 */
export function positionOf(text: string, offset: number): Position {
  const end = Math.max(0, Math.min(offset, text.length))
  let line = 1
  let start = 0
  for (let at = text.indexOf('\n'); at !== -1 && at < end; at = text.indexOf('\n', at + 1)) {
    line += 1
    start = at + 1
  }
  let column = 1
  for (let at = start; at < end; column += 1) at += text.codePointAt(at)! > 0xffff ? 2 : 1
  return { line, column }
}

/** Whether any of them is an error. */
export function hasErrors(items: readonly { readonly severity: Severity }[]): boolean {
  return items.some((item) => item.severity === 'error')
}

/**
 * The nearest of some known words, for "did you mean": by edit distance with transpositions, and
 * only where it is near enough to be a typing mistake.
 *
 * @param word What was written.
 * @param known What could have been meant.
 */
export function didYouMean(word: string, known: Iterable<string>): string | undefined {
  if (word.length > 64) return undefined
  const wanted = word.toLowerCase()
  let best: string | undefined
  let bestDistance = Math.max(1, Math.floor(word.length / 3)) + 1
  for (const candidate of known) {
    if (candidate.length > 64) continue
    const distance = editDistance(wanted, candidate.toLowerCase())
    if (distance < bestDistance) {
      best = candidate
      bestDistance = distance
    }
  }
  return best
}

function editDistance(a: string, b: string): number {
  let before: number[] = []
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i]
    for (let j = 1; j <= b.length; j += 1) {
      let cost = Math.min(
        previous[j]! + 1,
        row[j - 1]! + 1,
        previous[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1),
      )
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        cost = Math.min(cost, before[j - 2]! + 1)
      }
      row.push(cost)
    }
    before = previous
    previous = row
  }
  return previous[b.length]!
}
