/**
 * Text that a shell reads back as the very same characters.
 *
 * @module
 */

/** The shells that `env` prints for. */
export type Shell = 'sh' | 'fish' | 'powershell'

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

/** Lines that set environment variables when the shell evaluates them. */
export function exportsText(
  variables: readonly (readonly [string, string])[],
  shell: Shell,
): string {
  return variables.map(([name, value]) => assignment(name, value, shell)).join('\n')
}

function assignment(name: string, value: string, shell: Shell): string {
  switch (shell) {
    case 'sh':
      return `export ${name}=${shellQuote(value)}`
    case 'fish':
      // fish: in single quotes only \' and \\ are escapes.
      return `set -gx ${name} '${value.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
    case 'powershell':
      // PowerShell takes typographic single quotes for single quotes, too (CharExtensions.IsSingleQuote).
      return `$env:${name} = '${value.replace(/['\u2018-\u201b]/g, '$&$&')}'`
  }
}
