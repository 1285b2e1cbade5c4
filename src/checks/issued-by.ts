/**
 * Who names whom as its issuer.
 *
 * @module
 */

import { sameBytes } from '../bytes.js'
import type { Certificate } from '../x509/certificate.js'
import { verifySignature } from '../x509/signature.js'

/**
 * Whether a certificate is an anchor among those that are there: it names itself as its issuer, or
 * none of the others signed it. Agents trust such a root as it is, also if another root signed it elsewhere.
 *
 * @param others All authorities that are there; it may stand among them.
 */
export function isAnchor(certificate: Certificate, others: Iterable<Certificate>): boolean {
  if (isIssuedBy(certificate, certificate)) return true
  for (const other of others) {
    if (other !== certificate && isIssuedBy(certificate, other)) return false
  }
  return true
}

/**
 * Whether a certificate names another as its issuer: the DN's bytes and the key identifiers. The
 * signature is another matter (`verifySignature`), too dear for ten thousand leaves in every plan.
 */
export function isIssuedBy(certificate: Certificate, issuer: Certificate): boolean {
  return (
    sameBytes(certificate.issuer.der, issuer.subject.der) &&
    (certificate.authorityKeyIdentifier === undefined ||
      issuer.subjectKeyIdentifier === undefined ||
      certificate.authorityKeyIdentifier === issuer.subjectKeyIdentifier)
  )
}

/** Whether a certificate names another as its issuer, and that one's key signed it. */
export function isSignedUnder(certificate: Certificate, issuer: Certificate): boolean {
  return isIssuedBy(certificate, issuer) && verifySignature(certificate, issuer)
}
