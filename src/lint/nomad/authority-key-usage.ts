/**
 * The rule `nomad/authority-key-usage`.
 *
 * @module
 */

import type { Rule } from '../rule.js'
import { isAuthority } from '../scope.js'

/** crypto/x509 checkChainForKeyUsage: an authority's purposes bind its leaves, and agents need both. */
export const authorityKeyUsage: Rule = {
  name: 'nomad/authority-key-usage',
  source: 'crypto/x509 verify.go checkChainForKeyUsage',
  binding: true,
  applies: (certificate, context) =>
    certificate.extendedKeyUsage !== undefined && isAuthority(certificate, context),
  check: ({ extendedKeyUsage }) => {
    const found = extendedKeyUsage!
    if (found.includes('any')) return undefined
    for (const purpose of ['serverAuth', 'clientAuth']) {
      if (!found.includes(purpose)) {
        return `its extendedKeyUsage lacks ${purpose}, so no agent below it can ${purpose === 'clientAuth' ? 'dial' : 'listen'}`
      }
    }
    return undefined
  },
}
