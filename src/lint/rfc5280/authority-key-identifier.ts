/**
 * The rule `rfc5280/authority-key-identifier`.
 *
 * @module
 */

import type { Rule } from '../rule.js'
import { isSelfIssued } from '../scope.js'

/** RFC 5280 §4.2.1.1: everybody but a root has it, and it is the issuer's own. */
export const authorityKeyIdentifier: Rule = {
  name: 'rfc5280/authority-key-identifier',
  each: true,
  source: 'RFC 5280 §4.2.1.1',
  applies: () => true,
  check: (certificate, { issuer, profile }) => {
    const identifier = certificate.authorityKeyIdentifier
    const root = profile === 'root' || (issuer === undefined && isSelfIssued(certificate))
    if (identifier === undefined) {
      return root ? undefined : 'it has no authorityKeyIdentifier with the identifier of a key'
    }
    const wanted = root ? certificate.subjectKeyIdentifier : issuer?.subjectKeyIdentifier
    if (wanted === undefined || wanted === identifier) return undefined
    return `its authorityKeyIdentifier ${identifier} is not the issuer's ${wanted}`
  },
}
