/**
 * Values to literals, in a form that HCL 1, JSON and HashiCorp's readers of both take alike.
 *
 * @module
 */

/** A value without parts. */
export type Scalar = string | number | boolean

/**
 * Writes a value as a literal that HCL 1 and JSON read alike.
 *
 * @param value Anything for which {@link unwritable} says nothing.
 * @returns The literal, with quotes where it is a string.
 */
export function writeLiteral(value: Scalar): string {
  // JSON's escapes are a subset of HCL 1's, and JSON.stringify emits neither "\/" nor pairs of
  // surrogates. DEL, U+E123 and the separators that some tools take for newlines go as escapes.
  return JSON.stringify(value).replace(
    /[\u007f-\u009f\u2028\u2029\ue123\ufeff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

/**
 * Says why a value cannot be written as a literal that HCL 1, JSON and HashiCorp's readers of both take alike.
 *
 * @param value The value.
 * @returns A clause, lower case; `undefined` if it can be written.
 */
export function unwritable(value: Scalar): string | undefined {
  if (typeof value === 'number' && !Number.isSafeInteger(value)) return 'it is not an integer'
  if (typeof value !== 'string') return undefined
  if (value.includes('${')) return 'it contains "${", for which HCL 1 has no escape'
  if (value.includes('\0')) return 'it contains a NUL character'
  if (/\p{Surrogate}/u.test(value)) return 'it contains half a surrogate pair'
  return undefined
}
