/**
 * The rule `rfc5280/key-usage-critical`.
 *
 * @module
 */

import { extensionOids } from '../../x509/oids.js'
import type { Rule } from '../rule.js'
import { extensionOf } from '../scope.js'

/** RFC 5280 §4.2.1.3: conforming authorities write it, and should make it critical. */
export const keyUsageCritical: Rule = {
  name: 'rfc5280/key-usage-critical',
  source: 'RFC 5280 §4.2.1.3',
  applies: () => true,
  check: (certificate) => {
    const extension = extensionOf(certificate, extensionOids.keyUsage)
    if (extension === undefined) return 'it has no keyUsage'
    return extension.critical ? undefined : 'its keyUsage is not critical'
  },
}
