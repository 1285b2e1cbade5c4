/**
 * The rule `rfc5280/name-empty`.
 *
 * @module
 */

import type { Rule } from '../rule.js'

/** X.520: attributes have at least one character. `nomad tls ca create` writes empty ones. */
export const nameEmpty: Rule = {
  name: 'rfc5280/name-empty',
  source: 'RFC 5280 §A.1 (SIZE (1..MAX))',
  applies: () => true,
  check: ({ subject }) => {
    for (const { type, value } of subject.attributes)
      if (value === '') return `its ${type} is empty`
    return undefined
  },
}
