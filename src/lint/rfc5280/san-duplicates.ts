/**
 * The rule `rfc5280/san-duplicates`.
 *
 * @module
 */

import type { Rule } from '../rule.js'

/** Each name once: a second says nothing, and tells of a mistake. */
export const sanDuplicates: Rule = {
  name: 'rfc5280/san-duplicates',
  source: 'zlint w_san_dns_name_duplicate',
  applies: ({ subjectAltName }) => subjectAltName !== undefined && subjectAltName.length > 1,
  check: ({ subjectAltName }) => {
    const names = subjectAltName!
    // A handful of names: comparing all is cheaper than a set, up to a point.
    if (names.length > 16) return duplicateIn(names)
    for (let at = 1; at < names.length; at += 1) {
      const name = names[at]!
      if (!('value' in name)) continue
      for (let before = 0; before < at; before += 1) {
        const other = names[before]!
        if (other.type === name.type && 'value' in other && same(other.value, name.value)) {
          return twice(name.value)
        }
      }
    }
    return undefined
  },
}

function same(a: string, b: string): boolean {
  return a === b || (a.length === b.length && a.toLowerCase() === b.toLowerCase())
}

function duplicateIn(
  names: readonly { readonly type: string; readonly value?: string }[],
): string | undefined {
  const seen = new Set<string>()
  for (const { type, value } of names) {
    if (value === undefined) continue
    const key = `${type} ${value.toLowerCase()}`
    if (seen.has(key)) return twice(value)
    seen.add(key)
  }
  return undefined
}

function twice(value: string): string {
  return `its name ${value} stands twice`
}
