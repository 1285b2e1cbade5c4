/**
 * The rule `rfc5280/basic-constraints-ca`.
 *
 * @module
 */

import type { Rule } from '../rule.js'
import { isAuthority } from '../scope.js'

/** RFC 5280 §4.2.1.9: an authority says that it is one. */
export const basicConstraintsCa: Rule = {
  name: 'rfc5280/basic-constraints-ca',
  source: 'RFC 5280 §4.2.1.9',
  binding: true,
  applies: isAuthority,
  check: (certificate) =>
    certificate.basicConstraints?.ca === true
      ? undefined
      : 'its basicConstraints do not say that it is an authority',
}
