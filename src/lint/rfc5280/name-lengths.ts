/**
 * The rule `rfc5280/name-lengths`.
 *
 * @module
 */

import type { Rule } from '../rule.js'

/** Upper bounds in characters: RFC 5280 §A.1. */
const bounds: ReadonlyMap<string, number> = new Map([
  ['2.5.4.3', 64],
  ['2.5.4.4', 40],
  ['2.5.4.5', 64],
  ['2.5.4.7', 128],
  ['2.5.4.8', 128],
  ['2.5.4.9', 128],
  ['2.5.4.10', 64],
  ['2.5.4.11', 64],
  ['2.5.4.12', 64],
  ['2.5.4.17', 40],
  ['2.5.4.42', 16],
])

/** RFC 5280 §A.1: a common name has at most 64 characters, and so on. */
export const nameLengths: Rule = {
  name: 'rfc5280/name-lengths',
  source: 'RFC 5280 §A.1 (upper bounds)',
  applies: () => true,
  check: ({ subject }) => {
    for (const { oid, type, value } of subject.attributes) {
      // The lowest of all bounds, in UTF-16 units: nothing to count below it.
      if (value.length <= 16) continue
      const bound = bounds.get(oid)
      if (bound === undefined || value.length <= bound) continue
      const length = Array.from(value).length
      if (length > bound) return `its ${type} has ${length} characters, more than ${bound}`
    }
    return undefined
  },
}
