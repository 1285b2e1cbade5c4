/**
 * The rule `rfc5280/name-constraints-critical`.
 *
 * @module
 */

import { extensionOids } from '../../x509/oids.js'
import type { Rule } from '../rule.js'
import { extensionOf } from '../scope.js'

/** RFC 5280 §4.2.1.10: critical, or a validator may pass over them. */
export const nameConstraintsCritical: Rule = {
  name: 'rfc5280/name-constraints-critical',
  source: 'RFC 5280 §4.2.1.10',
  applies: ({ nameConstraints }) => nameConstraints !== undefined,
  check: (certificate) =>
    extensionOf(certificate, extensionOids.nameConstraints)?.critical === true
      ? undefined
      : 'its nameConstraints are not critical',
}
