/**
 * The rule `rfc5280/san-critical`.
 *
 * @module
 */

import { extensionOids } from '../../x509/oids.js'
import type { Rule } from '../rule.js'
import { extensionOf } from '../scope.js'

/** RFC 5280 §4.2.1.6: critical if, and only if, the subject is empty. */
export const sanCritical: Rule = {
  name: 'rfc5280/san-critical',
  source: 'RFC 5280 §4.1.2.6, §4.2.1.6',
  applies: ({ subjectAltName }) => subjectAltName !== undefined,
  check: (certificate) => {
    const critical = extensionOf(certificate, extensionOids.subjectAltName)?.critical === true
    const nameless = certificate.subject.attributes.length === 0
    if (critical === nameless) return undefined
    return critical
      ? 'its subjectAltName is critical, though it has a subject'
      : 'its subjectAltName is not critical, though it has no subject'
  },
}
