/**
 * Comparing keys as HashiCorp's decoder does: Go's `strings.EqualFold`, which is Unicode's simple
 * case folding. Upper then lower case gives the same classes for all that can stand in a key.
 *
 * @module
 */

const plain = /^[a-z0-9_]*$/
const ascii = /^[\u0020-\u007e]*$/

/**
 * A form that is equal for keys that match.
 *
 * @param key Without quotes and escapes.
 */
export function foldKey(key: string): string {
  if (plain.test(key)) return key
  if (ascii.test(key)) return key.toLowerCase()
  return Array.from(key, foldCharacter).join('')
}

/** Simple folding maps one code point to one: "ß" stays itself, though it upper-cases to "SS". */
function foldCharacter(character: string): string {
  // The dotless i upper-cases to "I", and yet folds to nothing but itself.
  if (character === 'ı') return character
  const upper = single(character.toUpperCase(), character)
  return single(upper.toLowerCase(), upper)
}

function single(changed: string, before: string): string {
  return Array.from(changed).length === 1 ? changed : before
}

/** Whether two keys match. */
export function sameKey(a: string, b: string): boolean {
  return a === b || foldKey(a) === foldKey(b)
}
