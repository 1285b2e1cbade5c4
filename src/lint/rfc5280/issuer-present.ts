/**
 * The rule `rfc5280/issuer-present`.
 *
 * @module
 */

import type { Rule } from '../rule.js'

/** RFC 5280 §4.1.2.4: the issuer's name is not empty. */
export const issuerPresent: Rule = {
  name: 'rfc5280/issuer-present',
  source: 'RFC 5280 §4.1.2.4',
  applies: () => true,
  check: ({ issuer }) => (issuer.attributes.length === 0 ? 'its issuer has no name' : undefined),
}
