/**
 * Signatures that the ledger vouches for: before the line was written, the authority's own key made them here, the
 * first of each run checked, or they were checked when they came from elsewhere (authority/issue.ts).
 *
 * @module
 */

import { fingerprintOf, type Certificate } from '../x509/certificate.js'
import type { Ledger } from './ledger.js'

/**
 * Tells for which certificate and issuer the ledger has both lines: the very certificate was issued here, by the
 * very authority, or by one that is cross-certified as it. These lines do not count:
 *
 * - one that was made from files after a killed run, or adopted
 * - one of an authority of which the ledger has two certificates: which of them signed is open
 * - any line of a ledger whose chain breaks
 */
export function recordedSignatures({
  events,
  fault,
}: Pick<Ledger, 'events' | 'fault'>): (certificate: Certificate, issuer: Certificate) => boolean {
  if (fault !== undefined) return () => false
  const signers = new Map<string, string>()
  const issuers = new Map<string, string>()
  const own = new Map<string, string>()
  const doubtful = new Set<string>()
  for (const event of events) {
    if (event.event === 'issued' && event.healed !== true) {
      signers.set(event.fingerprint, event.issuer)
    } else if (event.event === 'crossed') {
      issuers.set(event.fingerprint, event.address)
    } else if (event.event === 'authority') {
      const { address, fingerprint } = event
      if (event.healed === true || (own.get(address) ?? fingerprint) !== fingerprint) {
        doubtful.add(address)
      }
      own.set(address, fingerprint)
      issuers.set(fingerprint, address)
    }
  }
  return (certificate, issuer) => {
    const signer = signers.get(fingerprintOf(certificate))
    if (signer === undefined || doubtful.has(signer)) return false
    return issuers.get(fingerprintOf(issuer)) === signer
  }
}
