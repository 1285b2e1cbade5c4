/**
 * A word that a shell reads back as the very same characters.
 *
 * @module
 */

/**
 * A word for a POSIX shell: as it is where nothing in it means anything, else in single quotes.
 *
 * @param word Anything without a NUL.
 */
export function shellQuote(word: string): string {
  if (/^[A-Za-z0-9_@%+=:,./-]+$/.test(word)) return word
  // POSIX.1-2017 §2.2.2: inside single quotes everything is literal, and a single quote can't occur.
  return `'${word.replaceAll("'", `'\\''`)}'`
}
