/**
 * The rule `rfc5280/critical-unknown`.
 *
 * @module
 */

import { handledExtensions } from '../../x509/oids.js'
import type { Rule } from '../rule.js'

/** RFC 5280 §4.2: what is critical and not understood refuses the certificate. */
export const criticalUnknown: Rule = {
  name: 'rfc5280/critical-unknown',
  source: 'RFC 5280 §4.2',
  binding: true,
  applies: () => true,
  check: ({ extensions }) => {
    for (const { oid, critical } of extensions) {
      if (critical && !handledExtensions.has(oid)) {
        return `its extension ${oid} is critical, and agents don't know it`
      }
    }
    return undefined
  },
}
