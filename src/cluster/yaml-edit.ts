/**
 * Single entries put into a YAML text or taken out of it, as splices: every other byte stays, and what
 * comes out is read again and compared before anybody sees it.
 *
 * @module
 */

import { isMap, isScalar, type Pair, type YAMLMap } from 'yaml'
import type { Splice } from '../splice.js'
import {
  pairOf,
  isNullNode,
  rangeOf,
  endOf,
  newlineOf,
  insertion,
  lineStart,
  lineEnd,
  restIsComment,
  nextLine,
  indentOf,
  stepOf,
  linesOf,
  colonAfter,
  commaAfter,
} from './yaml-layout.js'
import {
  mapAt,
  plainOf,
  proved,
  asMeaning,
  rootOf,
  type Meaning,
  type YamlEdit,
} from './yaml-meaning.js'
import {
  flow,
  isJson,
  quoteKey,
  quoteText,
  written,
  writtenFlow,
  type Plain,
} from './yaml-write.js'

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
    return { fault: `${[...path, key].join('.')} is not a simple value` }
  const wanted = plainOf(text, (plain) => mapAt(plain, path)!.set(key, value))
  return proved(text, [{ start: range[0], end: range[1], text: quoteText(value) }], wanted)
}

/**
 * Gives an entry a value, whatever it had; an entry that is not there is made.
 *
 * @param text A good YAML text.
 * @param path The keys to the map.
 * @param key The key.
 * @param value What it becomes, written in flow style.
 */
export function setEntry(
  text: string,
  path: readonly string[],
  key: string,
  value: Plain,
): YamlEdit {
  const found = locate(text, path, key)
  if (found === undefined) return insertEntry(text, path, key, value)
  const pair = found.map.items[found.index]!
  const range = rangeOf(pair.value)
  if (range === undefined || isNullNode(pair.value)) {
    return { fault: `${[...path, key].join('.')} has no value` }
  }
  const wanted = plainOf(text, (plain) => mapAt(plain, path)!.set(key, asMeaning(value)))
  const end = range[0] + text.slice(range[0], range[1]).trimEnd().length
  const fresh = isJson(text) ? JSON.stringify(value) : flow(value)
  return proved(text, [{ start: range[0], end, text: fresh }], wanted)
}

/** The keys of a map, in order; `undefined` where there is no map. */
export function keysAt(text: string, path: readonly string[]): readonly string[] | undefined {
  const plain = plainOf(text, () => undefined)
  const map = plain === undefined ? undefined : mapAt(plain, path)
  return map === undefined ? undefined : [...map.keys()]
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

/** Where an entry goes behind the last one of a map: one splice, where they stand at one place. */
export function insertInto(
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
