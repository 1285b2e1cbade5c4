/**
 * The items of a document in the form in which HashiCorp's decoder sees them. For HCL that is the
 * tree itself. JSON says nothing about labels, so its reader guesses (json/parser/flatten.go):
 *
 * - an object that holds nothing but objects becomes several items with one key more
 * - a list of objects becomes several items with the same keys
 * - booleans in lists are dropped (json/parser/parser.go)
 *
 * @module
 */

import type { Document, Item, Key, Literal, Value } from '../hcl/index.js'
import { memoByObject } from '../memo.js'

/** An item: its keys, and what they hold. */
export interface Entry {
  readonly keys: readonly Key[]
  readonly value: Shaped
}

/** A value in the decoder's form. */
export type Shaped =
  | { readonly type: 'literal'; readonly start: number; readonly literal: Literal }
  | { readonly type: 'object'; readonly start: number; readonly entries: readonly Entry[] }
  | { readonly type: 'list'; readonly start: number; readonly items: readonly Shaped[] }

/**
 * Gives the entries of a document's root. Four checks ask for the same document: computed each time,
 * they were a third of the cost of a check.
 */
export const entriesOf: (document: Document) => readonly Entry[] = memoByObject(
  (document: Document) => entries(document.root.items, document.syntax === 'json'),
)

function entries(items: readonly Item[], json: boolean): Entry[] {
  return items.flatMap(({ keys, value }) =>
    json ? spread(keys, value) : [{ keys, value: shape(value, json) }],
  )
}

function shape(value: Value, json: boolean): Shaped {
  const { start } = value
  switch (value.type) {
    case 'literal':
      return { type: 'literal', start, literal: value }
    case 'object':
      return { type: 'object', start, entries: entries(value.items, json) }
    case 'list': {
      const kept = json
        ? value.items.filter((item) => item.type !== 'literal' || item.kind !== 'bool')
        : value.items
      return { type: 'list', start, items: kept.map((item) => shape(item, json)) }
    }
  }
}

/**
 * Past this many keys nothing that Nomad knows is left, and a verdict no longer depends on how many
 * more there are; but a text of a megabyte could hold a hundred thousand items with two hundred each.
 */
const keysLimit = 16

function spread(keys: readonly Key[], value: Value): Entry[] {
  const nested = (inner: Value): boolean => inner.type === 'object'
  if (keys.length >= keysLimit) return [{ keys, value: shape(value, true) }]
  if (value.type === 'object' && value.items.length > 0) {
    if (value.items.every((item) => nested(item.value))) {
      return value.items.flatMap((item) => spread([...keys, ...item.keys], item.value))
    }
  } else if (value.type === 'list') {
    const kept = value.items.filter((item) => item.type !== 'literal' || item.kind !== 'bool')
    if (kept.length > 0 && kept.every(nested)) return kept.flatMap((item) => spread(keys, item))
  }
  return [{ keys, value: shape(value, true) }]
}
