/**
 * Several entries into one map of YAML in one edit.
 *
 * @module
 */

import { isMap } from 'yaml'
import type { Splice } from '../splice.js'
import { insertEntry, insertInto } from './yaml-edit.js'
import { pairOf } from './yaml-layout.js'
import { asMeaning, mapAt, plainOf, proved, rootOf, type YamlEdit } from './yaml-meaning.js'
import type { Plain } from './yaml-write.js'

/**
 * Puts several entries into one map, with one proof for all of them: for thousands.
 *
 * @param text A good YAML text.
 * @param path The keys to the map; what is missing is made.
 * @param entries Keys and values, in their order.
 */
export function insertEntries(
  text: string,
  path: readonly string[],
  entries: readonly (readonly [key: string, value: Plain])[],
): YamlEdit {
  const [first, ...more] = entries
  if (first === undefined) return { text }
  const begun = insertEntry(text, path, ...first)
  if ('fault' in begun || more.length === 0) return begun
  const together = insertTogether(begun.text, path, more)
  if (together !== undefined && !('fault' in together)) return together
  // A layout in which they do not stand at one place.
  let edit: YamlEdit = begun
  for (const [key, value] of more) {
    edit = insertEntry(edit.text, path, key, value)
    if ('fault' in edit) break
  }
  return edit
}

/** Each is written behind the last entry that is there, so all of them in their order are one splice. */
function insertTogether(
  text: string,
  path: readonly string[],
  entries: readonly (readonly [key: string, value: Plain])[],
): YamlEdit | undefined {
  const root = rootOf(text)
  let map = root
  for (const step of path) {
    const held = map === undefined ? undefined : pairOf(map, step)?.value
    map = isMap(held) ? held : undefined
  }
  if (root === undefined || map === undefined) return undefined
  const parts: string[] = []
  let place: Splice | undefined
  for (const [key, value] of entries) {
    const [splice, ...others] = insertInto(text, root, map, [key], value)
    if (splice === undefined || others.length > 0) return undefined
    if (splice.start !== splice.end || splice.start !== (place?.start ?? splice.start)) {
      return undefined
    }
    place = splice
    parts.push(splice.text)
  }
  const wanted = plainOf(text, (plain) => {
    const own = mapAt(plain, path)!
    for (const [key, value] of entries) own.set(key, asMeaning(value))
  })
  return proved(text, [{ ...place!, text: parts.join('') }], wanted)
}
