/**
 * The rule `nomad/signature-hash`.
 *
 * @module
 */

import { weakHashOf } from '../../x509/signature.js'
import type { Rule } from '../rule.js'

/** crypto/x509 checkSignature: Go refuses MD5 and, since 1.18, SHA-1. A root's own signature counts for nothing. */
export const signatureHash: Rule = {
  name: 'nomad/signature-hash',
  source: 'crypto/x509 checkSignature',
  binding: true,
  applies: (_, { profile }) => profile !== 'root',
  check: ({ signatureAlgorithm }) => {
    const hash = weakHashOf(signatureAlgorithm)
    return hash === undefined ? undefined : `it is signed with ${hash}, which agents refuse`
  },
}
