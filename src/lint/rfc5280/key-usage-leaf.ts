/**
 * The rule `rfc5280/key-usage-leaf`.
 *
 * @module
 */

import type { Rule } from '../rule.js'
import { isLeaf } from '../scope.js'

/** RFC 5280 §4.2.1.12: TLS with ephemeral keys signs; a leaf signs no certificates and no lists. */
export const keyUsageLeaf: Rule = {
  name: 'rfc5280/key-usage-leaf',
  source: 'RFC 5280 §4.2.1.3, §4.2.1.12',
  applies: (certificate, context) =>
    certificate.keyUsage !== undefined && isLeaf(certificate, context),
  check: ({ keyUsage }) => {
    if (!keyUsage!.includes('digitalSignature')) return 'its keyUsage lacks digitalSignature'
    for (const usage of keyUsage!) {
      if (!allowed.includes(usage)) return `its keyUsage has ${usage}, which TLS has no use for`
    }
    return undefined
  },
}

const allowed: readonly string[] = ['digitalSignature', 'keyEncipherment']
