/**
 * The rule `rfc5280/validity-order`.
 *
 * @module
 */

import type { Rule } from '../rule.js'

/** RFC 5280 §4.1.2.5: a life begins before it ends. */
export const validityOrder: Rule = {
  name: 'rfc5280/validity-order',
  source: 'RFC 5280 §4.1.2.5',
  binding: true,
  applies: () => true,
  check: ({ notBefore, notAfter }) =>
    notBefore < notAfter ? undefined : 'it ends before, or when, it begins',
}
