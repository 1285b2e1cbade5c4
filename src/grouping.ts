/**
 * Things by a key that is computed of them: `Map.groupBy`, which Node 20 does not have.
 *
 * @module
 */

/**
 * Sorts items into groups by a key, in their order.
 *
 * @param items In any order.
 * @param keyOf What those of one group have in common.
 * @returns By key, in the order in which keys were met; each group in the order of the items.
 */
export function groupBy<Key, Item>(
  items: Iterable<Item>,
  keyOf: (item: Item) => Key,
): ReadonlyMap<Key, readonly Item[]> {
  const groups = new Map<Key, Item[]>()
  for (const item of items) {
    const key = keyOf(item)
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [item])
    else group.push(item)
  }
  return groups
}
