/**
 * The rule `rfc5280/issuer-name`.
 *
 * @module
 */

import { sameBytes } from '../../bytes.js'
import type { Rule } from '../rule.js'

/** RFC 5280 §6.1.3 (a)(4): chains are found by the bytes of the name; a re-encoding need not match. */
export const issuerName: Rule = {
  name: 'rfc5280/issuer-name',
  source: 'RFC 5280 §6.1.3 (a)(4)',
  binding: true,
  applies: (_, { issuer }) => issuer !== undefined,
  check: (certificate, { issuer }) =>
    sameBytes(certificate.issuer.der, issuer!.subject.der)
      ? undefined
      : 'its issuer is not, byte for byte, the subject of the certificate that signs it',
}
