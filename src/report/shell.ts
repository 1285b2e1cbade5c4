/**
 * Text that a shell reads back as the very same characters.
 *
 * @module
 */

import { shellQuote } from '../shell-quote.js'

/** What `env` prints for: three shells, and what reads files of variables. */
export type EnvironmentFormat = 'sh' | 'fish' | 'powershell' | 'systemd' | 'docker' | 'json'

/**
 * Environment variables as text: lines that a shell evaluates, a file for systemd's `EnvironmentFile=` or for
 * Docker's `--env-file`, or an object in JSON.
 *
 * @param variables Names and values.
 * @param format For whom.
 * @returns The text without a line break at its end; `undefined` where the format cannot say a value.
 */
export function environmentText(
  variables: readonly (readonly [string, string])[],
  format: EnvironmentFormat,
): string | undefined {
  if (format === 'json') return JSON.stringify(Object.fromEntries(variables), null, 2)
  // Docker takes the rest of the line as it is, quotes too: a value has one line.
  if (format === 'docker' && variables.some(([, value]) => /[\r\n]/.test(value))) return undefined
  return variables.map(([name, value]) => assignment(name, value, format)).join('\n')
}

function assignment(
  name: string,
  value: string,
  format: Exclude<EnvironmentFormat, 'json'>,
): string {
  switch (format) {
    case 'sh':
      return `export ${name}=${shellQuote(value)}`
    case 'fish':
      // fish: in single quotes only \' and \\ are escapes.
      return `set -gx ${name} '${value.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
    case 'powershell':
      // PowerShell takes typographic single quotes for single quotes, too (CharExtensions.IsSingleQuote).
      return `$env:${name} = '${value.replace(/['\u2018-\u201b]/g, '$&$&')}'`
    case 'systemd':
      // systemd.exec(5), EnvironmentFile=: in double quotes a backslash escapes these four, and nothing is expanded.
      return `${name}="${value.replace(/["\\`$]/g, '\\$&')}"`
    case 'docker':
      return `${name}=${value}`
  }
}
