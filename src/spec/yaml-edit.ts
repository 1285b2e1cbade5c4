/**
 * Single entries put into a YAML text or taken out of it, as splices: every other byte stays, and what
 * comes out is read again and compared before anybody sees it.
 *
 * @module
 */

import { isMap, isScalar, type Pair, type YAMLMap } from 'yaml'
import { applySplices, type Splice } from '../splice.js'
import { createReport } from './report.js'
import { readYaml } from './yaml.js'

/** Plain values, for what is written. */
export type Plain =
  string | number | boolean | null | readonly Plain[] | { readonly [key: string]: Plain }

/** What came of an edit; without a text there was no way that moves nothing else. */
export type YamlEdit = { readonly text: string } | { readonly fault: string }

/**
 * Puts an entry into a map, which is made, with all above it, where it is missing.
 *
 * @param text A good YAML text whose top is a map.
 * @param path The keys to the map.
 * @param key The new key; it must not be there.
 * @param value Its value, written in flow style.
 */
export function insertEntry(
  text: string,
  path: readonly string[],
  key: string,
  value: Plain,
): YamlEdit {
  const root = rootOf(text)
  if (root === undefined) return { fault: 'the text is not a YAML map' }
  let map = root
  let depth = 0
  for (; depth < path.length; depth += 1) {
    const pair = pairOf(map, path[depth]!)
    if (pair === undefined) break
    if (!isMap(pair.value)) {
      if (!isNullNode(pair.value))
        return { fault: `${path.slice(0, depth + 1).join('.')} is not a map` }
      const splice = fillNull(text, root, map, pair, [...path.slice(depth + 1), key], value)
      return prove(text, splice, path, key, value)
    }
    map = pair.value
  }
  return prove(
    text,
    insertInto(text, root, map, [...path.slice(depth), key], value),
    path,
    key,
    value,
  )
}

/**
 * Takes an entry out of a map.
 *
 * @param text A good YAML text.
 * @param path The keys to the map.
 * @param key The key that goes.
 * @param emptied What a block map without entries becomes: `{}` by default, or nothing, so that the
 *   next entry begins a block again.
 */
export function removeEntry(
  text: string,
  path: readonly string[],
  key: string,
  emptied: '{}' | '' = '{}',
): YamlEdit {
  const found = locate(text, path, key)
  if (found === undefined) return { fault: `${[...path, key].join('.')} is not there` }
  const { map, holder, index } = found
  const wanted = plainOf(text, (plain) => {
    const inside = mapAt(plain, path)!
    inside.delete(key)
    const above = mapAt(plain, path.slice(0, -1))
    if (inside.size === 0 && emptied === '' && !map.flow) above?.set(path.at(-1)!, null)
  })
  const pair = map.items[index]!
  let splices: Splice[]
  if (map.flow) splices = removeFromFlow(text, map, index)
  else {
    const last = map.items.length === 1
    splices = [{ ...linesOf(text, pair), text: '' }]
    // An empty map must still be one.
    if (last && holder !== undefined && emptied !== '') {
      splices.unshift(insertion(colonAfter(text, holder), ' {}'))
    }
  }
  return proved(text, splices, wanted)
}

/**
 * Gives an entry another key, or several that all have its value, in its place.
 *
 * @param text A good YAML text.
 * @param path The keys to the map.
 * @param key The key that goes.
 * @param keys Those that come.
 */
export function replaceKey(
  text: string,
  path: readonly string[],
  key: string,
  keys: readonly string[],
): YamlEdit {
  const found = locate(text, path, key)
  if (found === undefined) return { fault: `${[...path, key].join('.')} is not there` }
  const { map, index } = found
  const pair = map.items[index]!
  const keyRange = rangeOf(pair.key)!
  const wanted = plainOf(text, (plain) => {
    const holder = mapAt(plain, path)!
    const old = [...holder]
    holder.clear()
    for (const [name, inner] of old) {
      if (name === key) for (const one of keys) holder.set(one, inner)
      else holder.set(name, inner)
    }
  })
  const quoted = keys.map(quoteKey)
  const splices: Splice[] = [{ start: keyRange[0], end: keyRange[1], text: quoted[0]! }]
  if (map.flow) {
    const end = endOf(pair)
    const rest = text.slice(keyRange[1], end)
    splices.push(
      insertion(
        end,
        quoted
          .slice(1)
          .map((one) => `, ${one}${rest}`)
          .join(''),
      ),
    )
  } else {
    const { start, end } = linesOf(text, pair)
    const whole = text.slice(start, end)
    const eol = whole.endsWith('\n') ? '' : newlineOf(text)
    const before = text.slice(start, keyRange[0])
    const after = text.slice(keyRange[1], end)
    splices.push(
      insertion(
        end,
        quoted
          .slice(1)
          .map((one) => `${eol}${before}${one}${after}`)
          .join(''),
      ),
    )
  }
  return proved(text, splices, wanted)
}

/**
 * Gives an entry with a simple value another one.
 *
 * @param text A good YAML text.
 * @param path The keys to the map.
 * @param key The key.
 * @param value What it becomes.
 */
export function replaceScalar(
  text: string,
  path: readonly string[],
  key: string,
  value: string,
): YamlEdit {
  const found = locate(text, path, key)
  const node = found?.map.items[found.index]!.value
  const range = rangeOf(node)
  if (found === undefined || !isScalar(node) || range === undefined)
    return { fault: `${[...path, key].join('.')} is no simple value` }
  const wanted = plainOf(text, (plain) => mapAt(plain, path)!.set(key, value))
  return proved(text, [{ start: range[0], end: range[1], text: quoteText(value) }], wanted)
}

/** The keys of a map, in order; `undefined` where there is no map. */
export function keysAt(text: string, path: readonly string[]): readonly string[] | undefined {
  const plain = plainOf(text, () => undefined)
  const map = plain === undefined ? undefined : mapAt(plain, path)
  return map === undefined ? undefined : [...map.keys()]
}

function rootOf(text: string): YAMLMap | undefined {
  const report = createReport(text, undefined)
  const contents = readYaml(text, report)?.contents
  return isMap(contents) ? contents : undefined
}

function locate(
  text: string,
  path: readonly string[],
  key: string,
): { map: YAMLMap; holder: Pair | undefined; index: number } | undefined {
  let map = rootOf(text)
  let holder: Pair | undefined
  for (const step of path) {
    holder = map === undefined ? undefined : pairOf(map, step)
    map = isMap(holder?.value) ? holder.value : undefined
  }
  const index = map?.items.findIndex((pair) => isScalar(pair.key) && pair.key.value === key) ?? -1
  return map === undefined || index === -1 ? undefined : { map, holder, index }
}

function pairOf(map: YAMLMap, key: string): Pair | undefined {
  return map.items.find((pair) => isScalar(pair.key) && pair.key.value === key)
}

function isNullNode(node: unknown): boolean {
  return node === null || (isScalar(node) && node.value === null)
}

type Range = readonly [number, number, number]

function rangeOf(node: unknown): Range | undefined {
  return (node as { range?: Range | null } | null)?.range ?? undefined
}

/** Where the content of a pair ends, before any comment behind it. */
function endOf(pair: Pair): number {
  return isNullNode(pair.value) &&
    (rangeOf(pair.value)?.[0] ?? 0) === (rangeOf(pair.value)?.[1] ?? 0)
    ? Math.max(rangeOf(pair.key)![1], rangeOf(pair.value)?.[1] ?? 0)
    : rangeOf(pair.value)![1]
}

function newlineOf(text: string): string {
  const at = text.indexOf('\n')
  return at > 0 && text.charAt(at - 1) === '\r' ? '\r\n' : '\n'
}

function insertion(at: number, text: string): Splice {
  return { start: at, end: at, text }
}

function lineStart(text: string, at: number): number {
  return text.lastIndexOf('\n', at - 1) + 1
}

/** Where the line that holds an offset ends, before its line break. */
function lineEnd(text: string, at: number): number {
  const newline = text.indexOf('\n', at)
  const end = newline === -1 ? text.length : newline
  return text.charAt(end - 1) === '\r' ? end - 1 : end
}

/** Whether nothing but space and a comment stands on the rest of a line that ends. */
function restIsComment(text: string, at: number): boolean {
  const newline = text.indexOf('\n', at)
  return newline !== -1 && /^[ \t]*(#[^\n]*)?\r?$/.test(text.slice(at, newline))
}

/** Behind the end of the line that holds an offset; the text's end if it is the last. */
function nextLine(text: string, at: number): number {
  const newline = text.indexOf('\n', at)
  return newline === -1 ? text.length : newline + 1
}

function indentOf(text: string, at: number): string {
  const start = lineStart(text, at)
  return /^ */.exec(text.slice(start, at))![0]
}

/** How deep this file indents: as its first nested block map does. */
function stepOf(text: string, root: YAMLMap): string {
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
function linesOf(text: string, pair: Pair): { start: number; end: number } {
  const start = lineStart(text, rangeOf(pair.key)![0])
  const end = contentEnd(text, endOf(pair))
  return { start, end: text.charAt(end - 1) === '\n' ? end : nextLine(text, end) }
}

/** Trailing white space and comments behind a block belong to nobody. */
function contentEnd(text: string, at: number): number {
  let end = at
  while (end > 0 && /\s/.test(text.charAt(end - 1))) end -= 1
  return end
}

/** Behind the colon of a pair's key. */
function colonAfter(text: string, pair: Pair): number {
  const end = rangeOf(pair.key)![1]
  const colon = text.indexOf(':', end)
  return colon + 1
}

/** Nested lines (`block`) or one line of flow style for keys within keys. */
function written(
  keys: readonly string[],
  value: Plain,
  indent: string,
  step: string,
  eol: string,
): string {
  const [first, ...rest] = keys as [string, ...string[]]
  if (rest.length === 0) return `${indent}${quoteKey(first)}: ${flow(value)}`
  return `${indent}${quoteKey(first)}:${eol}${written(rest, value, indent + step, step, eol)}`
}

function writtenFlow(keys: readonly string[], value: Plain, quoted: boolean): string {
  const [first, ...rest] = keys as [string, ...string[]]
  const key = quoted ? JSON.stringify(first) : quoteKey(first)
  if (rest.length === 0) return `${key}: ${quoted ? JSON.stringify(value) : flow(value)}`
  return `${key}: { ${writtenFlow(rest, value, quoted)} }`
}

function insertInto(
  text: string,
  root: YAMLMap,
  map: YAMLMap,
  keys: readonly string[],
  value: Plain,
): Splice[] {
  const eol = newlineOf(text)
  if (map.flow) return insertIntoFlow(text, map, keys, value)
  const last = map.items.at(-1)!
  const indent = indentOf(text, rangeOf(map.items[0]!.key)![0])
  const { end } = linesOf(text, last)
  const lines = written(keys, value, indent, stepOf(text, root), eol)
  return [insertion(end, text.charAt(end - 1) === '\n' ? lines + eol : eol + lines)]
}

function insertIntoFlow(
  text: string,
  map: YAMLMap,
  keys: readonly string[],
  value: Plain,
): Splice[] {
  const [start, end] = rangeOf(map)!
  const quoted = isJson(text)
  const last = map.items.at(-1)
  if (last === undefined) {
    // `{}` and `{ }`, and one with nothing but comments in it.
    const gap = text.slice(start + 1, end - 1)
    if (gap.trim() !== '') return [insertion(start + 1, ` ${writtenFlow(keys, value, quoted)},`)]
    return [{ start: start + 1, end: end - 1, text: ` ${writtenFlow(keys, value, quoted)} ` }]
  }
  const entry = writtenFlow(keys, value, quoted)
  const at = endOf(last)
  const comma = commaAfter(text, at, end)
  const keyAt = rangeOf(last.key)![0]
  const ownLine = text.slice(lineStart(text, keyAt), keyAt).trim() === '' && map.items.length > 0
  if (ownLine) {
    const indent = text.slice(lineStart(text, keyAt), keyAt)
    const eol = newlineOf(text)
    const after = comma === undefined ? at : comma + 1
    // A comment on the last entry's line is about that entry, and stays there.
    const line = restIsComment(text, after) ? lineEnd(text, after) : after
    return comma === undefined
      ? [insertion(at, ','), insertion(line, `${eol}${indent}${entry}`)]
      : [insertion(line, `${eol}${indent}${entry},`)]
  }
  if (comma === undefined) return [insertion(at, `, ${entry}`)]
  return [insertion(comma + 1, ` ${entry},`)]
}

/** A spec written as JSON keeps its quotes. */
function isJson(text: string): boolean {
  return /^\s*\{\s*"/.test(text)
}

/** The comma behind an item of a flow map, past space and comments. */
function commaAfter(text: string, from: number, end: number): number | undefined {
  for (let at = from; at < end; at += 1) {
    const character = text.charAt(at)
    if (character === ',') return at
    if (character === '#') at = nextLine(text, at) - 1
    else if (!/\s/.test(character)) return undefined
  }
  return undefined
}

function fillNull(
  text: string,
  root: YAMLMap,
  map: YAMLMap,
  pair: Pair,
  keys: readonly string[],
  value: Plain,
): Splice[] {
  const range = rangeOf(pair.value)
  const explicit = range !== undefined && range[1] > range[0]
  if (explicit)
    return [
      { start: range[0], end: range[1], text: `{ ${writtenFlow(keys, value, isJson(text))} }` },
    ]
  if (map.flow) {
    const end = rangeOf(pair.key)![1]
    const colon = /^\s*:/.exec(text.slice(end))
    const entry = `{ ${writtenFlow(keys, value, isJson(text))} }`
    return colon === null
      ? [insertion(end, `: ${entry}`)]
      : [insertion(end + colon[0].length, ` ${entry}`)]
  }
  const eol = newlineOf(text)
  const step = stepOf(text, root)
  const indent = indentOf(text, rangeOf(pair.key)![0]) + step
  const end = nextLine(text, rangeOf(pair.key)![1])
  const lines = written(keys, value, indent, step, eol)
  return [insertion(end, text.charAt(end - 1) === '\n' ? lines + eol : eol + lines)]
}

function removeFromFlow(text: string, map: YAMLMap, index: number): Splice[] {
  const [start, end] = rangeOf(map)!
  const pair = map.items[index]!
  const from = rangeOf(pair.key)![0]
  const to = endOf(pair)
  const comma = commaAfter(text, to, end)
  if (map.items.length === 1) {
    const inside = text.slice(start + 1, from) + text.slice((comma ?? to - 1) + 1, end - 1)
    if (inside.trim() === '') return [{ start: start + 1, end: end - 1, text: '' }]
  }
  if (comma !== undefined) {
    const rest = /^[ \t]*/.exec(text.slice(comma + 1))![0].length
    const after = comma + 1 + rest
    // The line goes with the entry if nothing else stands on it.
    const lineBegin = lineStart(text, from)
    const alone = text.slice(lineBegin, from).trim() === '' && restIsComment(text, after)
    return [
      alone
        ? { start: lineBegin, end: nextLine(text, after), text: '' }
        : { start: from, end: after, text: '' },
    ]
  }
  const splices: Splice[] = []
  const before = map.items[index - 1]
  if (before !== undefined) {
    const separator = commaAfter(text, endOf(before), end)
    if (separator !== undefined) splices.push({ start: separator, end: separator + 1, text: '' })
  }
  const lineBegin = lineStart(text, from)
  const alone = text.slice(lineBegin, from).trim() === '' && restIsComment(text, to)
  if (alone) splices.push({ start: lineBegin, end: nextLine(text, to), text: '' })
  else {
    const gap = /[ \t]*$/.exec(text.slice(0, from))![0].length
    splices.push({ start: from - gap, end: to, text: '' })
  }
  return splices
}

/** Plain where every YAML reader takes it for text, 1.1 ones too; else double quotes. */
export function quoteKey(key: string): string {
  if (/^[A-Za-z_][A-Za-z0-9._-]*$/.test(key) && !/^(true|false|null|yes|no|on|off|y|n)$/i.test(key))
    return key
  return JSON.stringify(key)
}

function quoteText(text: string): string {
  if (
    /^[A-Za-z_/.][A-Za-z0-9_/.-]*$/.test(text) &&
    !/^(true|false|null|yes|no|on|off|y|n|[.~].*)$/i.test(text)
  )
    return text
  // Spans of time and IPv4 addresses are texts to every reader.
  if (/^([0-9]+[ywdhms])+$|^[0-9]+(\.[0-9]+){3}$/.test(text)) return text
  return JSON.stringify(text)
}

function flow(value: Plain): string {
  if (typeof value === 'string') return quoteText(value)
  if (value === null || typeof value !== 'object') return JSON.stringify(value)
  if (Array.isArray(value)) return `[${(value as readonly Plain[]).map(flow).join(', ')}]`
  const entries = Object.entries(value as { readonly [key: string]: Plain })
  if (entries.length === 0) return '{}'
  return `{ ${entries.map(([key, one]) => `${quoteKey(key)}: ${flow(one)}`).join(', ')} }`
}

/** Values as maps and arrays, in order: what a text says, without how. */
type Meaning = Map<string, unknown>

function meaningOf(node: unknown): unknown {
  if (isMap(node)) {
    return new Map(
      node.items.map(({ key, value }) => [
        isScalar(key) ? `${typeof key.value} ${String(key.value)}` : '?',
        meaningOf(value),
      ]),
    )
  }
  if (isScalar(node)) return node.value
  const items = (node as { items?: readonly unknown[] } | null)?.items
  return items === undefined ? null : items.map(meaningOf)
}

/** The meaning of a text after a change to it; maps by their keys. */
function plainOf(text: string, change: (plain: Meaning) => void): Meaning | undefined {
  const root = rootOf(text)
  if (root === undefined) return undefined
  const plain = stripped(meaningOf(root)) as Meaning
  change(plain)
  return plain
}

function stripped(value: unknown): unknown {
  if (value instanceof Map) {
    return new Map(
      [...(value as Meaning)].map(([key, one]) => [key.replace(/^string /, ''), stripped(one)]),
    )
  }
  return Array.isArray(value) ? value.map(stripped) : value
}

function mapAt(plain: Meaning, path: readonly string[]): Meaning | undefined {
  let map: unknown = plain
  for (const key of path) map = map instanceof Map ? (map as Meaning).get(key) : undefined
  return map instanceof Map ? (map as Meaning) : undefined
}

function prove(
  text: string,
  splices: readonly Splice[],
  path: readonly string[],
  key: string,
  value: Plain,
): YamlEdit {
  const wanted = plainOf(text, (plain) => {
    let map = plain
    for (const step of path) {
      const inner = map.get(step)
      const next = inner instanceof Map ? (inner as Meaning) : new Map<string, unknown>()
      map.set(step, next)
      map = next
    }
    map.set(key, asMeaning(value))
  })
  return proved(text, splices, wanted)
}

function asMeaning(value: Plain): unknown {
  if (value === null || typeof value !== 'object') return value
  if (Array.isArray(value)) return (value as readonly Plain[]).map(asMeaning)
  return new Map(
    Object.entries(value as { readonly [key: string]: Plain }).map(([key, one]) => [
      key,
      asMeaning(one),
    ]),
  )
}

/** Reads what came out: it must say what was wanted, in this order, and nothing else. */
function proved(text: string, splices: readonly Splice[], wanted: Meaning | undefined): YamlEdit {
  const out = applySplices(text, splices)
  const found = plainOf(out, () => undefined)
  if (wanted === undefined || found === undefined || canonical(found) !== canonical(wanted)) {
    return { fault: 'this layout is not one that can be edited without moving something else' }
  }
  return { text: out }
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_, one: unknown) =>
    one instanceof Map ? { map: [...(one as Meaning)] } : one,
  )
}
