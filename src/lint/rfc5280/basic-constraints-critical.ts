/**
 * The rule `rfc5280/basic-constraints-critical`.
 *
 * @module
 */

import { extensionOids } from '../../x509/oids.js'
import type { Rule } from '../rule.js'
import { extensionOf, isAuthority } from '../scope.js'

/** RFC 5280 §4.2.1.9: critical in an authority's certificate. */
export const basicConstraintsCritical: Rule = {
  name: 'rfc5280/basic-constraints-critical',
  source: 'RFC 5280 §4.2.1.9',
  applies: isAuthority,
  check: (certificate) =>
    extensionOf(certificate, extensionOids.basicConstraints)?.critical === false
      ? 'its basicConstraints are not critical'
      : undefined,
}
