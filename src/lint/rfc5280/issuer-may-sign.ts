/**
 * The rule `rfc5280/issuer-may-sign`.
 *
 * @module
 */

import type { Rule } from '../rule.js'

/** RFC 5280 §4.2.1.3, §4.2.1.9: the issuer is an authority, and may sign certificates. */
export const issuerMaySign: Rule = {
  name: 'rfc5280/issuer-may-sign',
  source: 'RFC 5280 §4.2.1.3, §4.2.1.9',
  binding: true,
  applies: (_, { issuer }) => issuer !== undefined,
  check: (_, { issuer }) => {
    if (issuer!.basicConstraints?.ca !== true) return 'its issuer is not an authority'
    return issuer!.keyUsage?.includes('keyCertSign') === false
      ? "its issuer's key usage does not permit to sign certificates"
      : undefined
  },
}
