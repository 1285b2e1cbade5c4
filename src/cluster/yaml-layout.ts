/**
 * Where entries stand in a YAML text: lines, indentation, commas.
 *
 * @module
 */

import { isMap, isScalar, type Pair, type YAMLMap } from 'yaml'
import type { Splice } from '../splice.js'

/** Start, end of the value, end with what belongs to it. */
export type Range = readonly [number, number, number]

/** The entry with a key. */
export function pairOf(map: YAMLMap, key: string): Pair | undefined {
  return map.items.find((pair) => isScalar(pair.key) && pair.key.value === key)
}

/** Whether nothing is written there, or `~`. */
export function isNullNode(node: unknown): boolean {
  return node === null || (isScalar(node) && node.value === null)
}

/** Where a node stands; absent for one that was not read. */
export function rangeOf(node: unknown): Range | undefined {
  return (node as { range?: Range | null } | null)?.range ?? undefined
}

/** Where the content of a pair ends, before any comment behind it. */
export function endOf(pair: Pair): number {
  return isNullNode(pair.value) &&
    (rangeOf(pair.value)?.[0] ?? 0) === (rangeOf(pair.value)?.[1] ?? 0)
    ? Math.max(rangeOf(pair.key)![1], rangeOf(pair.value)?.[1] ?? 0)
    : rangeOf(pair.value)![1]
}

/** How the lines of a text end. */
export function newlineOf(text: string): string {
  const at = text.indexOf('\n')
  return at > 0 && text.charAt(at - 1) === '\r' ? '\r\n' : '\n'
}

/** A splice that only adds. */
export function insertion(at: number, text: string): Splice {
  return { start: at, end: at, text }
}

/** Where the line that holds an offset begins. */
export function lineStart(text: string, at: number): number {
  return text.lastIndexOf('\n', at - 1) + 1
}

/** Where the line that holds an offset ends, before its line break. */
export function lineEnd(text: string, at: number): number {
  const newline = text.indexOf('\n', at)
  const end = newline === -1 ? text.length : newline
  return text.charAt(end - 1) === '\r' ? end - 1 : end
}

/** Whether nothing but space and a comment stands on the rest of a line that ends. */
export function restIsComment(text: string, at: number): boolean {
  const newline = text.indexOf('\n', at)
  return newline !== -1 && /^[ \t]*(#[^\n]*)?\r?$/.test(text.slice(at, newline))
}

/** Behind the end of the line that holds an offset; the text's end if it is the last. */
export function nextLine(text: string, at: number): number {
  const newline = text.indexOf('\n', at)
  return newline === -1 ? text.length : newline + 1
}

/** The spaces before an entry. */
export function indentOf(text: string, at: number): string {
  const start = lineStart(text, at)
  return /^ */.exec(text.slice(start, at))![0]
}

/** How deep this file indents: as its first nested block map does. */
export function stepOf(text: string, root: YAMLMap): string {
  for (const pair of root.items) {
    const inner = pair.value
    if (!isMap(inner) || inner.flow || inner.items.length === 0) continue
    const own = indentOf(text, rangeOf(pair.key)![0]).length
    const deeper = indentOf(text, rangeOf(inner.items[0]!.key)![0]).length
    if (deeper > own) return ' '.repeat(deeper - own)
  }
  return '  '
}

/** All lines of an entry of a block map: from its key's line up to the line that ends it. */
export function linesOf(text: string, pair: Pair): { start: number; end: number } {
  const start = lineStart(text, rangeOf(pair.key)![0])
  const end = contentEnd(text, endOf(pair))
  return { start, end: text.charAt(end - 1) === '\n' ? end : nextLine(text, end) }
}

/** Trailing white space and comments behind a block belong to no block. */
function contentEnd(text: string, at: number): number {
  let end = at
  while (end > 0 && /\s/.test(text.charAt(end - 1))) end -= 1
  return end
}

/** Behind the colon of a pair's key. */
export function colonAfter(text: string, pair: Pair): number {
  const end = rangeOf(pair.key)![1]
  const colon = text.indexOf(':', end)
  return colon + 1
}

/** The comma behind an item of a flow map, past space and comments. */
export function commaAfter(text: string, from: number, end: number): number | undefined {
  for (let at = from; at < end; at += 1) {
    const character = text.charAt(at)
    if (character === ',') return at
    if (character === '#') at = nextLine(text, at) - 1
    else if (!/\s/.test(character)) return undefined
  }
  return undefined
}
