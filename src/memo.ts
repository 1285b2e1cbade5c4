/**
 * Remembers answers, so that the same question of ten thousand agents is computed once. Each use says
 * why it is worth it. All answers must follow from the key alone and must not be changed.
 *
 * @module
 */

/**
 * Remembers one answer for each object, until the object is collected.
 *
 * @param compute Gives the answer. `more` is what it needs beyond the key; equal keys must come with
 *   equal `more`. An answer `undefined` is not remembered.
 */
export function memoByObject<Key extends object, Value, More = void>(
  compute: (key: Key, more: More) => Value,
): (key: Key, more: More) => Value {
  const known = new WeakMap<Key, Value>()
  return (key, more) => {
    const before = known.get(key)
    if (before !== undefined) return before
    const value = compute(key, more)
    if (value !== undefined) known.set(key, value)
    return value
  }
}

/**
 * Remembers one answer for each text.
 *
 * @param compute As for {@link memoByObject}.
 * @param most How many answers are remembered: the first ones. Without it the texts must be few, never
 *   those of a stranger.
 */
export function memoByText<Value, Key extends string = string, More = void>(
  compute: (key: Key, more: More) => Value,
  most: number = Infinity,
): (key: Key, more: More) => Value {
  const known = new Map<Key, Value>()
  return (key, more) => {
    const before = known.get(key)
    if (before !== undefined) return before
    const value = compute(key, more)
    if (value !== undefined && known.size < most) known.set(key, value)
    return value
  }
}

/**
 * Remembers the answer for the last key only: for questions that come in runs.
 *
 * @param compute As for {@link memoByObject}.
 */
export function memoLast<Key extends string | number, Value>(
  compute: (key: Key) => Value,
): (key: Key) => Value {
  let last: { readonly key: Key; readonly value: Value } | undefined
  return (key) => {
    if (last?.key !== key) last = { key, value: compute(key) }
    return last.value
  }
}

/**
 * Remembers the only answer, computed when it is first asked for.
 *
 * @param compute Gives the answer.
 */
export function once<Value>(compute: () => Value): () => Value {
  let held: { readonly value: Value } | undefined
  return () => (held ??= { value: compute() }).value
}
