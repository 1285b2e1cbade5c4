/**
 * The rule `rfc5280/extended-key-usage-critical`.
 *
 * @module
 */

import { extensionOids } from '../../x509/oids.js'
import type { Rule } from '../rule.js'
import { extensionOf } from '../scope.js'

/** RFC 5280 §4.2.1.12: `any` beside others is not critical, and names say more than `any`. */
export const extendedKeyUsageCritical: Rule = {
  name: 'rfc5280/extended-key-usage-critical',
  source: 'RFC 5280 §4.2.1.12',
  applies: ({ extendedKeyUsage }) => extendedKeyUsage !== undefined,
  check: (certificate) => {
    if (certificate.extendedKeyUsage!.includes('any')) return 'its extendedKeyUsage is any'
    return extensionOf(certificate, extensionOids.extendedKeyUsage)?.critical === true
      ? 'its extendedKeyUsage is critical'
      : undefined
  },
}
