/**
 * What a file would become, as a unified diff without context: a line that does not change is
 * nobody's business, and it may hold a secret.
 *
 * @module
 */

import { hiddenSpans } from '../agent/index.js'
import type { Splice } from '../splice.js'
import type { Style } from './style.js'
import { printable } from './style.js'

/** Beyond this the middle is told as one change. */
const mostCompared = 2_000

/** How a diff is shown. */
export interface DiffOptions {
  /**
   * Where a text is not shown, and what is shown there, in the order of the text; `undefined`: nobody
   * knows, and nothing of it is shown. Default: all of it is shown.
   */
  readonly hide?: ((text: string) => readonly Splice[] | undefined) | undefined
}

/** Stands before a diff with something hidden in it. */
export const notAppliable = 'parts of this diff are hidden: patch does not take it'

/** The diff of an agent's configuration: whatever is not of its `tls` block stays hidden. */
export function configDiff(
  file: string,
  before: string | undefined,
  after: string,
  style: Style,
): string {
  return diffText(file, before, after, style, { hide: (text) => hiddenSpans(text, 'outside-tls') })
}

/**
 * Compares two texts.
 *
 * @param file What it is called.
 * @param before `undefined`: it does not exist.
 * @param after What it will hold.
 * @returns A diff in the manner of `diff -U0`, which `patch FILE` takes unless {@link notAppliable}
 *   stands before it; empty where nothing changes.
 */
export function diffText(
  file: string,
  before: string | undefined,
  after: string,
  style: Style,
  { hide }: DiffOptions = {},
): string {
  const [old, fresh] = [linesOf(before ?? ''), linesOf(after)]
  const hunks = hunksOf(old, fresh)
  if (hunks.length === 0) return ''
  const views = { old: viewOf(before ?? '', old, hide), fresh: viewOf(after, fresh, hide) }
  /** Lines that are not shown as they are. */
  const altered: string[] = []
  const line = (
    sign: '-' | '+',
    side: readonly string[],
    view: readonly string[],
    at: number,
  ): string => {
    const shown = shownLine(view[at]!)
    if (shown !== side[at]) altered.push(shown)
    const text = `${sign}${shown.replace(/\n$/, '')}`
    return shown.endsWith('\n') ? text : `${text}\n\\ No newline at end of file`
  }
  const name = printable(file)
  const head = [`--- ${before === undefined ? '/dev/null' : name}`, `+++ ${name}`]
  const texts = hunks.flatMap(({ at, removed, to, added }) => [
    style.faint(`@@ -${range(at, removed.length)} +${range(to, added.length)} @@`),
    ...removed.map((_, index) => style.bad(line('-', old, views.old, at + index))),
    ...added.map((_, index) => style.good(line('+', fresh, views.fresh, to + index))),
  ])
  return [
    ...(altered.length === 0 ? [] : [style.doubtful(notAppliable)]),
    ...head.map((text) => style.strong(text)),
    ...texts,
  ].join('\n')
}

/** The lines as they are shown: as many as there are, each with its end. */
function viewOf(
  text: string,
  lines: readonly string[],
  hide: DiffOptions['hide'],
): readonly string[] {
  if (hide === undefined) return lines
  const spans = hide(text)
  if (spans === undefined) return lines.map(() => '(not shown: this file cannot be read)\n')
  const view: string[] = []
  let [from, next] = [0, 0]
  for (const line of lines) {
    const to = from + line.length
    let [shown, at] = ['', from]
    while (next < spans.length && spans[next]!.start < to) {
      const span = spans[next]!
      shown += text.slice(at, Math.max(at, span.start))
      // Of one that goes over several lines each line is hidden.
      shown += span.start >= from ? span.text.replace(/\r?\n$/, '') : '(hidden)'
      at = Math.min(to, span.end)
      if (span.end > to) break
      next += 1
    }
    shown += text.slice(at, to)
    view.push(shown.endsWith('\n') || !line.endsWith('\n') ? shown : `${shown}\n`)
    from = to
  }
  return view
}

/** Tabs and line ends as they are; other control characters would steer the terminal. */
function shownLine(line: string): string {
  const end = /\r?\n?$/.exec(line)![0]
  const body = line.slice(0, line.length - end.length)
  return body.split('\t').map(printable).join('\t') + end
}

interface Hunk {
  /** Index of the first line in the old text, and in the new one. */
  readonly at: number
  readonly to: number
  readonly removed: readonly string[]
  readonly added: readonly string[]
}

function hunksOf(old: readonly string[], fresh: readonly string[]): readonly Hunk[] {
  let start = 0
  while (start < old.length && start < fresh.length && old[start] === fresh[start]) start += 1
  let end = 0
  const room = Math.min(old.length, fresh.length) - start
  while (end < room && old[old.length - 1 - end] === fresh[fresh.length - 1 - end]) end += 1
  const [a, b] = [old.slice(start, old.length - end), fresh.slice(start, fresh.length - end)]
  if (a.length === 0 && b.length === 0) return []
  const pairs = a.length * b.length > mostCompared * mostCompared ? [] : commonLines(a, b)
  const hunks: Hunk[] = []
  let [i, j] = [0, 0]
  for (const [x, y] of [...pairs, [a.length, b.length] as const]) {
    if (x > i || y > j) {
      hunks.push({ at: start + i, to: start + j, removed: a.slice(i, x), added: b.slice(j, y) })
    }
    ;[i, j] = [x + 1, y + 1]
  }
  return hunks
}

/** Pairs of indices of a longest common subsequence. */
function commonLines(
  a: readonly string[],
  b: readonly string[],
): readonly (readonly [number, number])[] {
  const width = b.length + 1
  const lengths = new Uint32Array((a.length + 1) * width)
  for (let i = a.length - 1; i >= 0; i -= 1) {
    for (let j = b.length - 1; j >= 0; j -= 1) {
      lengths[i * width + j] =
        a[i] === b[j]
          ? lengths[(i + 1) * width + j + 1]! + 1
          : Math.max(lengths[(i + 1) * width + j]!, lengths[i * width + j + 1]!)
    }
  }
  const pairs: [number, number][] = []
  for (let i = 0, j = 0; i < a.length && j < b.length;) {
    if (a[i] === b[j]) {
      pairs.push([i, j])
      i += 1
      j += 1
    } else if (lengths[(i + 1) * width + j]! >= lengths[i * width + j + 1]!) i += 1
    else j += 1
  }
  return pairs
}

/** Each with its end; the last one may have none. */
function linesOf(text: string): readonly string[] {
  return text === '' ? [] : text.split(/(?<=\n)/)
}

/** POSIX diff: an empty range stands behind the line before it. */
function range(index: number, length: number): string {
  if (length === 1) return String(index + 1)
  return `${length === 0 ? index : index + 1},${length}`
}
