/**
 * The rule `rfc5280/key-usage-authority`.
 *
 * @module
 */

import type { Rule } from '../rule.js'
import { isAuthority } from '../scope.js'

/** RFC 5280 §4.2.1.3: an authority signs certificates and revocation lists, and enciphers nothing. */
export const keyUsageAuthority: Rule = {
  name: 'rfc5280/key-usage-authority',
  source: 'RFC 5280 §4.2.1.3, RFC 8813 §3',
  applies: (certificate, context) =>
    certificate.keyUsage !== undefined && isAuthority(certificate, context),
  check: ({ keyUsage }) => {
    if (!keyUsage!.includes('keyCertSign')) return 'its keyUsage lacks keyCertSign'
    if (!keyUsage!.includes('cRLSign')) return 'its keyUsage lacks cRLSign'
    for (const usage of keyUsage!) {
      if (!allowed.includes(usage)) return `its keyUsage has ${usage}, which no authority needs`
    }
    return undefined
  },
}

const allowed: readonly string[] = ['keyCertSign', 'cRLSign', 'digitalSignature']
