/**
 * Comparing keys as HashiCorp's decoder does: Go's `strings.EqualFold`, which is Unicode's simple
 * case folding. Upper then lower case gives the same classes for all that can stand in a key.
 *
 * @module
 */

const ascii = /^[\u0020-\u007e]*$/

/**
 * Gives a form of a key that is equal for keys that match: HashiCorp's decoder compares them without case.
 *
 * @param key Without quotes and escapes.
 * @returns The form; compare it, don't show it.
 * @see Go's `strings.EqualFold`
 */
export function foldKey(key: string): string {
  if (isFolded(key)) return key
  if (ascii.test(key)) return key.toLowerCase()
  let folded = ''
  for (const character of key) folded += foldCharacter(character)
  return folded
}

/** Most keys are lower case already; this is asked of every key of every file. */
function isFolded(key: string): boolean {
  for (let at = 0; at < key.length; at += 1) {
    const code = key.charCodeAt(at)
    if (code > 0x7a || (code >= 0x41 && code <= 0x5a)) return false
  }
  return true
}

/** Simple folding maps one code point to one: "ß" stays itself, though it upper-cases to "SS". */
function foldCharacter(character: string): string {
  if (character < '\u0080') return character.toLowerCase()
  // The dotless i upper-cases to "I", and yet folds to nothing but itself.
  if (character === 'ı') return character
  const upper = single(character.toUpperCase(), character)
  return single(upper.toLowerCase(), upper)
}

function single(changed: string, before: string): string {
  const one = changed.length === 1 || (changed.length === 2 && changed.codePointAt(0)! > 0xffff)
  return one ? changed : before
}

/**
 * Tells whether HashiCorp's decoder takes two keys for one, in any case of letters.
 *
 * @param a A key, without quotes and escapes.
 * @param b Another one.
 * @returns Whether they match.
 */
export function sameKey(a: string, b: string): boolean {
  return a === b || foldKey(a) === foldKey(b)
}
