/**
 * Who names whom as its issuer.
 *
 * @module
 */

import type { Certificate } from '../x509/certificate.js'

/**
 * Whether a certificate names another as its issuer: the DN's bytes and the key identifiers. The
 * signature is another matter (`verifySignature`), too dear for ten thousand leaves in every plan.
 */
export function isIssuedBy(certificate: Certificate, issuer: Certificate): boolean {
  return (
    Buffer.compare(certificate.issuer.der, issuer.subject.der) === 0 &&
    (certificate.authorityKeyIdentifier === undefined ||
      issuer.subjectKeyIdentifier === undefined ||
      certificate.authorityKeyIdentifier === issuer.subjectKeyIdentifier)
  )
}
