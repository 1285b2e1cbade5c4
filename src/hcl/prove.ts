/**
 * The proof that an edit did what it should and nothing else: after it, every item but the one
 * edited, every other attribute in that one, and every comment reads as before, byte by byte.
 *
 * @module
 */

import { itemsNamed, means, type Attribute } from './edit.js'
import { foldKey } from './fold.js'
import type { Document, Item, ObjectValue, Range } from './tree.js'

/**
 * Compares two documents around one top-level block.
 *
 * @param before As it was; the block occurs in it at most once.
 * @param after As it would be written, parsed again.
 * @param key The block that was edited.
 * @param attributes What was set in it.
 * @returns What differs that should not, or `undefined`.
 */
export function disproof(
  before: Document,
  after: Document,
  key: string,
  attributes: readonly Attribute[],
): string | undefined {
  if (before.syntax !== after.syntax) return 'the syntax changed'
  const folded = foldKey(key)
  const others = ({ root, text }: Document): string[] =>
    slices(
      text,
      root.items.filter(({ keys }) => foldKey(keys[0]!.name) !== folded),
    )
  if (!equal(others(before), others(after))) return 'another block changed'
  if (!equal(slices(before.text, before.comments), slices(after.text, after.comments))) {
    return 'a comment changed'
  }
  const [found, more] = itemsNamed(after.root, key)
  if (found === undefined || more !== undefined) return `"${key}" does not occur exactly once`
  const target = objectIn(found)
  if (target === undefined) return `"${key}" is not a block`
  const wanted = new Set(attributes.map(({ name }) => foldKey(name)))
  const rest = (document: Document, object: ObjectValue): string[] =>
    slices(
      document.text,
      object.items.filter(({ keys }) => !wanted.has(foldKey(keys[0]!.name))),
    )
  const [was] = itemsNamed(before.root, key)
  const held = was === undefined ? undefined : objectIn(was)
  if (!equal(held === undefined ? [] : rest(before, held), rest(after, target))) {
    return 'another attribute changed'
  }
  if (was !== undefined && !equal(slices(before.text, was.keys), slices(after.text, found.keys))) {
    return 'the key changed'
  }
  for (const { name, value } of attributes) {
    const [item, second] = itemsNamed(target, name)
    if (item?.value.type !== 'literal' || second !== undefined)
      return `"${name}" does not occur exactly once`
    if (!means(after, item.value, value)) return `"${name}" has the wrong value`
  }
  return undefined
}

/**
 * Finds the object that an item holds: its value, or in JSON the one object of its list.
 *
 * @param item An item of a document.
 * @returns `undefined` where it holds something else.
 */
export function objectIn({ value }: Item): ObjectValue | undefined {
  if (value.type === 'object') return value
  const [only, more] = value.type === 'list' ? value.items : []
  return only?.type === 'object' && more === undefined ? only : undefined
}

function slices(text: string, ranges: readonly Range[]): string[] {
  return ranges.map(({ start, end }) => text.slice(start, end))
}

function equal(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((text, at) => text === b[at])
}
