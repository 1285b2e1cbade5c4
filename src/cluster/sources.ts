/**
 * Where the values of a spec came from, so that complaints find their line.
 *
 * @module
 */

import { isMap, isScalar, isSeq, type Pair, type Scalar, type YAMLMap, type YAMLSeq } from 'yaml'

/** Where values came from. */
export interface Sources {
  /** Offset of an entry's value (key or index), or of the container itself without one. */
  at(container: object | undefined, entry?: string | number): number
  /** Offset of an entry's key. */
  keyAt(container: object, key: string): number
  /** Whether the text has the key, be its value good or not. */
  has(container: object, key: string): boolean
}

/** A container's node; a null scalar where an empty value stands for an empty map. */
export type Origin = YAMLMap | YAMLSeq | Scalar

/** Where a node begins; 0 for one that has no place. */
export function offsetOf(node: unknown): number {
  return (node as { range?: readonly number[] | null } | null)?.range?.[0] ?? 0
}

/** The text of a key; a number counts as its digits. */
function textOf(key: unknown): string | undefined {
  if (!isScalar(key)) return undefined
  return typeof key.value === 'string' || typeof key.value === 'number'
    ? String(key.value)
    : undefined
}

/** Answers for the containers that a reading made. */
export function createSources(origins: ReadonlyMap<object, Origin>): Sources {
  // Ten thousand nodes in one section are looked up one by one.
  const indexes = new Map<object, ReadonlyMap<string, Pair>>()
  const pairOf = (container: object, entry: string): Pair | undefined => {
    const origin = origins.get(container)
    if (!isMap(origin)) return undefined
    if (origin.items.length < 16) {
      return origin.items.find(({ key }) => textOf(key) === entry)
    }
    let index = indexes.get(container)
    if (index === undefined) {
      const made = new Map<string, Pair>()
      for (const pair of origin.items) {
        const key = textOf(pair.key)
        if (key !== undefined && !made.has(key)) made.set(key, pair)
      }
      index = made
      indexes.set(container, index)
    }
    return index.get(entry)
  }
  return {
    at(container, entry) {
      const origin = container === undefined ? undefined : origins.get(container)
      if (container === undefined || origin === undefined) return 0
      if (typeof entry === 'number') {
        return isSeq(origin) ? offsetOf(origin.items[entry] ?? origin) : offsetOf(origin)
      }
      const pair = entry === undefined ? undefined : pairOf(container, entry)
      return pair === undefined ? offsetOf(origin) : offsetOf(pair.value ?? pair.key)
    },
    keyAt(container, key) {
      return offsetOf(pairOf(container, key)?.key ?? origins.get(container))
    },
    has(container, key) {
      return pairOf(container, key) !== undefined
    },
  }
}
