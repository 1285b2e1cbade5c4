/**
 * The rule `nomad/signature-hash`.
 *
 * @module
 */

import type { Rule } from '../rule.js'

/** MD2, MD5 and SHA-1 with RSA, SHA-1 with DSA and ECDSA. */
const weak: ReadonlyMap<string, string> = new Map([
  ['1.2.840.113549.1.1.2', 'MD2'],
  ['1.2.840.113549.1.1.4', 'MD5'],
  ['1.2.840.113549.1.1.5', 'SHA-1'],
  ['1.2.840.10040.4.3', 'SHA-1'],
  ['1.2.840.10045.4.1', 'SHA-1'],
])

/** crypto/x509 checkSignature: Go refuses MD5 and, since 1.18, SHA-1. A root's own signature counts for nothing. */
export const signatureHash: Rule = {
  name: 'nomad/signature-hash',
  source: 'crypto/x509 checkSignature',
  binding: true,
  applies: (_, { profile }) => profile !== 'root',
  check: ({ signatureAlgorithm }) => {
    const hash = weak.get(signatureAlgorithm)
    return hash === undefined ? undefined : `it is signed with ${hash}, which agents refuse`
  },
}
