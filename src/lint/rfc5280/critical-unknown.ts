/**
 * The rule `rfc5280/critical-unknown`.
 *
 * @module
 */

import { extensionOids } from '../../x509/oids.js'
import type { Rule } from '../rule.js'

/** What crypto/x509 handles (parser.go processExtensions), besides policies, which we don't write. */
const handled: ReadonlySet<string> = new Set([
  ...Object.values(extensionOids),
  '2.5.29.31',
  '2.5.29.32',
  '2.5.29.33',
  '2.5.29.36',
  '2.5.29.54',
])

/** RFC 5280 §4.2: what is critical and not understood refuses the certificate. */
export const criticalUnknown: Rule = {
  name: 'rfc5280/critical-unknown',
  source: 'RFC 5280 §4.2',
  binding: true,
  applies: () => true,
  check: ({ extensions }) => {
    for (const { oid, critical } of extensions) {
      if (critical && !handled.has(oid)) {
        return `its extension ${oid} is critical, and agents don't know it`
      }
    }
    return undefined
  },
}
