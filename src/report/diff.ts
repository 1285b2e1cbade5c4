/**
 * What a file would become, as a unified diff without context: a line that does not change is
 * nobody's business, and it may hold a secret.
 *
 * @module
 */

import type { Style } from './style.js'
import { printable } from './style.js'

/** Beyond this the middle is told as one change. */
const mostCompared = 2_000

/**
 * Compares two texts.
 *
 * @param file What it is called.
 * @param before `undefined`: it does not exist.
 * @param after What it will hold.
 * @returns A diff in the manner of `diff -U0`; empty where nothing changes.
 */
export function diffText(
  file: string,
  before: string | undefined,
  after: string,
  style: Style,
): string {
  const [old, fresh] = [linesOf(before ?? ''), linesOf(after)]
  const hunks = hunksOf(old, fresh)
  if (hunks.length === 0) return ''
  const name = printable(file)
  const head = [`--- ${before === undefined ? '/dev/null' : name}`, `+++ ${name}`]
  const texts = hunks.flatMap(({ at, removed, to, added }) => [
    style.faint(`@@ -${range(at, removed.length)} +${range(to, added.length)} @@`),
    ...removed.map((line) => style.bad(`-${shown(line)}`)),
    ...added.map((line) => style.good(`+${shown(line)}`)),
  ])
  return [...head.map((line) => style.strong(line)), ...texts].join('\n')
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

function linesOf(text: string): readonly string[] {
  const lines = text.split('\n')
  if (lines.at(-1) === '') lines.pop()
  return lines
}

/** POSIX diff: an empty range stands behind the line before it. */
function range(index: number, length: number): string {
  if (length === 1) return String(index + 1)
  return `${length === 0 ? index : index + 1},${length}`
}

/** A whole agent can stand on one line: values of keys that sound secret are not shown. */
function shown(line: string): string {
  return printable(
    line
      .replace(/\r$/, '')
      .replaceAll('\t', '  ')
      .replace(
        /("?[\w-]*(?:encrypt|token|secret|password|passphrase|credential|private_key|license)[\w-]*"?\s*[=:]\s*)"(?:[^"\\]|\\.)*"/gi,
        '$1"(not shown)"',
      ),
  )
}
