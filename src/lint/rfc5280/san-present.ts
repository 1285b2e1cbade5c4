/**
 * The rule `rfc5280/san-present`.
 *
 * @module
 */

import type { Rule } from '../rule.js'
import { isLeaf } from '../scope.js'

/** RFC 5280 §4.2.1.6, RFC 9525 §2: names stand there. Without one, constraints bind nothing. */
export const sanPresent: Rule = {
  name: 'rfc5280/san-present',
  source: 'RFC 5280 §4.2.1.6, RFC 9525 §2',
  applies: isLeaf,
  check: ({ subjectAltName }) =>
    subjectAltName === undefined
      ? 'it has no subjectAltName: dialers refuse it, and no name constraint binds it'
      : undefined,
}
