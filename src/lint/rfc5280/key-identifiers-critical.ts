/**
 * The rule `rfc5280/key-identifiers-critical`.
 *
 * @module
 */

import { extensionOids } from '../../x509/oids.js'
import type { Rule } from '../rule.js'
import { extensionOf } from '../scope.js'

/** RFC 5280 §4.2.1.1, §4.2.1.2: never critical. Go cannot parse those that are. */
export const keyIdentifiersCritical: Rule = {
  name: 'rfc5280/key-identifiers-critical',
  source: 'RFC 5280 §4.2.1.1, §4.2.1.2',
  binding: true,
  applies: () => true,
  check: (certificate) =>
    extensionOf(certificate, extensionOids.authorityKeyIdentifier)?.critical === true ||
    extensionOf(certificate, extensionOids.subjectKeyIdentifier)?.critical === true
      ? 'an identifier of a key is critical'
      : undefined,
}
