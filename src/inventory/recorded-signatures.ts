/**
 * Signatures that the ledger vouches for: `apply` checks each one before it writes the line (authority/issue.ts).
 *
 * @module
 */

import { fingerprintOf, type Certificate } from '../x509/certificate.js'
import type { Ledger } from './ledger.js'

/**
 * Tells for which certificate and issuer the ledger has both lines: the very certificate was issued here, by the
 * very authority, or by one that is cross-certified as it. A line that came from files after a killed run does not
 * count, an adopted one neither, and none of a ledger whose chain breaks.
 */
export function recordedSignatures({
  events,
  fault,
}: Pick<Ledger, 'events' | 'fault'>): (certificate: Certificate, issuer: Certificate) => boolean {
  if (fault !== undefined) return () => false
  const signers = new Map<string, string>()
  const issuers = new Map<string, string>()
  for (const event of events) {
    if (event.event === 'issued' && event.healed !== true) {
      signers.set(event.fingerprint, event.issuer)
    } else if (event.event === 'authority' || event.event === 'crossed') {
      issuers.set(event.fingerprint, event.address)
    }
  }
  return (certificate, issuer) => {
    const signer = signers.get(fingerprintOf(certificate))
    return signer !== undefined && issuers.get(fingerprintOf(issuer)) === signer
  }
}
