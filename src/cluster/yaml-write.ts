/**
 * Keys and values as YAML text, in the style of what stands around them.
 *
 * @module
 */

/** Plain values, for what is written. */
export type Plain =
  string | number | boolean | null | readonly Plain[] | { readonly [key: string]: Plain }

/** Nested lines (`block`) or one line of flow style for keys within keys. */
export function written(
  keys: readonly string[],
  value: Plain,
  indent: string,
  step: string,
  eol: string,
): string {
  const [first, ...rest] = keys as [string, ...string[]]
  if (rest.length === 0) return `${indent}${quoteKey(first)}: ${flow(value)}`
  return `${indent}${quoteKey(first)}:${eol}${written(rest, value, indent + step, step, eol)}`
}

/** One line of flow style for keys within keys. */
export function writtenFlow(keys: readonly string[], value: Plain, quoted: boolean): string {
  const [first, ...rest] = keys as [string, ...string[]]
  const key = quoted ? JSON.stringify(first) : quoteKey(first)
  if (rest.length === 0) return `${key}: ${quoted ? JSON.stringify(value) : flow(value)}`
  return `${key}: { ${writtenFlow(rest, value, quoted)} }`
}

/** A spec written as JSON keeps its quotes. */
export function isJson(text: string): boolean {
  return /^\s*\{\s*"/.test(text)
}

/** Plain where every YAML reader takes it for text, 1.1 ones too; else double quotes. */
export function quoteKey(key: string): string {
  if (/^[A-Za-z_][A-Za-z0-9._-]*$/.test(key) && !/^(true|false|null|yes|no|on|off|y|n)$/i.test(key))
    return key
  return JSON.stringify(key)
}

/** A value that is text, plain where no reader takes it for something else. */
export function quoteText(text: string): string {
  if (
    /^[A-Za-z_/.][A-Za-z0-9_/.-]*$/.test(text) &&
    !/^(true|false|null|yes|no|on|off|y|n|[.~].*)$/i.test(text)
  )
    return text
  // Spans of time and IPv4 addresses are texts to every reader.
  if (/^([0-9]+[ywdhms])+$|^[0-9]+(\.[0-9]+){3}$/.test(text)) return text
  return JSON.stringify(text)
}

/** A value on one line. */
export function flow(value: Plain): string {
  if (typeof value === 'string') return quoteText(value)
  if (value === null || typeof value !== 'object') return JSON.stringify(value)
  if (Array.isArray(value)) return `[${(value as readonly Plain[]).map(flow).join(', ')}]`
  const entries = Object.entries(value as { readonly [key: string]: Plain })
  if (entries.length === 0) return '{}'
  return `{ ${entries.map(([key, one]) => `${quoteKey(key)}: ${flow(one)}`).join(', ')} }`
}
