/**
 * JSON objects from another machine, one a line: strictly (RFC 8259), without repeated keys, and only as
 * deep and as long as evidence is. An object can also fill several lines, where `{` and `}` have a line
 * each: so installers write receipts, and `cat` puts them one after another.
 *
 * @module
 */

import { positionOf, type Position } from '../diagnostics.js'

/** One object of the file. */
export interface JsonObject {
  /** By key. */
  readonly values: ReadonlyMap<string, unknown>
  /** Where the value of a key begins; for an absent key, where the object begins. */
  readonly positionOf: (key: string) => Position
}

/** What stopped the reader. */
export interface JsonFault {
  readonly position: Position
  /** One sentence: lower case, no full stop. */
  readonly message: string
}

/** How deep values may be nested. */
const depthLimit = 16

/** Longer than any text of evidence, UTF-16 units. */
const textLimit = 16_384

/** Longer than the members of a region with a hundred thousand clients, UTF-16 units. */
const objectLimit = 8 * 1024 * 1024

/**
 * Reads the JSON objects of a text, one a line, with the place of each value.
 *
 * @param text Anything.
 * @returns The objects up to the first fault, and that; a text of white space alone is a fault.
 */
export function* jsonLines(text: string): Generator<JsonObject | JsonFault> {
  let line = 1
  let count = 0
  for (let at = 0; at < text.length;) {
    const end = endOfObject(text, at)
    const source = text.slice(at, end)
    if (source.trim() !== '') {
      count += 1
      const found = read(source, line)
      yield found
      if ('message' in found) return
    }
    line += newlinesIn(source) + 1
    at = end + 1
  }
  if (count === 0) yield { position: { line: 1, column: 1 }, message: 'there is nothing in it' }
}

/** The end of a line, or of the line with the `}` where the first has a `{` alone. */
function endOfObject(text: string, at: number): number {
  const end = indexOr(text, '\n', at)
  if (text.slice(at, Math.min(end, at + 100)).trim() !== '{') return end
  const closing = /^\}[\t ]*\r?$/gm
  closing.lastIndex = end
  const found = closing.exec(text)
  return found === null ? text.length : found.index + found[0].length
}

function indexOr(text: string, sign: string, at: number): number {
  const found = text.indexOf(sign, at)
  return found === -1 ? text.length : found
}

function newlinesIn(text: string): number {
  let count = 0
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) count += 1
  return count
}

function read(source: string, first: number): JsonObject | JsonFault {
  const positionAt = (offset: number): Position => {
    const { line, column } = positionOf(source, offset)
    return { line: first + line - 1, column }
  }
  const fault = (at: number, message: string): JsonFault => ({ position: positionAt(at), message })
  const start = source.search(/\S/)
  if (source.length > objectLimit) {
    return fault(start, `this object is longer than ${objectLimit} characters`)
  }
  const outline = outlineOf(source)
  if ('message' in outline) return fault(outline.at, outline.message)
  let value: unknown
  try {
    value = JSON.parse(source)
  } catch {
    return outline.whole
      ? fault(start, 'this is not JSON')
      : fault(source.length, 'it ends in the middle')
  }
  if (outline.twice !== undefined) {
    const { at, key } = outline.twice
    return fault(at, `the key ${shown(key)} stands twice in one object`)
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return fault(start, `it is ${kindOf(value)}, not an object`)
  }
  return {
    values: new Map(Object.entries(value)),
    positionOf: (key) => positionAt(outline.offsets.get(key) ?? start),
  }
}

/** What JSON.parse does not say of a text. */
interface Outline {
  /** Where the values of the outermost keys begin. */
  readonly offsets: ReadonlyMap<string, number>
  /** The first key that an object has twice. */
  readonly twice: { readonly at: number; readonly key: string } | undefined
  /** Whether every bracket and every text has its end. */
  readonly whole: boolean
}

/** Looks at brackets and texts alone, so that it also holds limits for what is not JSON. */
function outlineOf(source: string): Outline | { readonly at: number; readonly message: string } {
  const offsets = new Map<string, number>()
  let twice: Outline['twice']
  let whole = true
  // The keys of each object that is open; a list has none.
  const open: (Set<string> | undefined)[] = []
  for (let at = 0; at < source.length; at += 1) {
    const sign = source[at]
    if (sign === '{' || sign === '[') {
      if (open.length > depthLimit) {
        return { at, message: `values are nested deeper than ${depthLimit}` }
      }
      open.push(sign === '{' ? new Set() : undefined)
    } else if (sign === '}' || sign === ']') open.pop()
    else if (sign === '"') {
      const end = endOfText(source, at)
      if (end - at > textLimit) {
        return { at, message: `this text is longer than ${textLimit} characters` }
      }
      whole &&= end < source.length
      const keys = open.at(-1)
      const colon = afterSpace(source, end + 1)
      if (keys !== undefined && source[colon] === ':') {
        const key = keyOf(source.slice(at, end + 1))
        if (keys.has(key)) twice ??= { at, key }
        keys.add(key)
        if (open.length === 1) offsets.set(key, afterSpace(source, colon + 1))
      }
      at = end
    }
  }
  return { offsets, twice, whole: whole && open.length === 0 }
}

/** Where the closing quote stands; the length of the source where there is none. */
function endOfText(source: string, at: number): number {
  let end = at + 1
  while (end < source.length && source[end] !== '"') end += source[end] === '\\' ? 2 : 1
  return Math.min(end, source.length)
}

function afterSpace(source: string, at: number): number {
  let next = at
  while (/[\t\n\r ]/.test(source[next] ?? '')) next += 1
  return next
}

function keyOf(quoted: string): string {
  try {
    return JSON.parse(quoted) as string
  } catch {
    return quoted
  }
}

/** A text of unknown length and origin, to stand in a message. */
export function shown(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text)
}

/** What a value is, to stand in a message. */
export function kindOf(value: unknown): string {
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object' && value !== null) return 'an object'
  return typeof value === 'string' ? shown(value) : String(value)
}
