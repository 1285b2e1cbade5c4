/**
 * The directory of a generation is called by its number and its leaf: `3-9f2c41ab`.
 *
 * @module
 */

/** What is such a name. */
export const generationNamePattern: RegExp = /^([1-9][0-9]{0,8})-([0-9a-f]{8})$/

/**
 * The name of a generation's directory.
 *
 * @param number From 1.
 * @param fingerprint SHA-256 of the leaf, hex.
 */
export function generationName(number: number, fingerprint: string): string {
  return `${number}-${fingerprint.slice(0, 8)}`
}

/**
 * Takes such a name apart.
 *
 * @returns The number, and the first eight digits of the leaf's SHA-256; `undefined` for any other text.
 */
export function parseGenerationName(
  directory: string,
): { readonly number: number; readonly fingerprint: string } | undefined {
  const found = generationNamePattern.exec(directory)
  return found === null ? undefined : { number: Number(found[1]), fingerprint: found[2]! }
}
