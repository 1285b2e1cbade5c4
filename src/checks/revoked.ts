/**
 * A certificate that was revoked: agents take it until it ends, so only a new key cures it.
 *
 * @module
 */

import { formatInstant } from '../duration.js'
import { revocationOf, type Revocations } from '../inventory/revoked.js'
import { fingerprintOf, type Certificate } from '../x509/certificate.js'
import type { ReasonGiven } from './reasons.js'

/** Why a leaf is not to be used: it, or its key, was revoked; `undefined` where neither was. */
export function revokedReason(
  leaf: Certificate,
  revocations: Revocations,
): ReasonGiven | undefined {
  const found = revocationOf(leaf, revocations)
  if (found === undefined) return undefined
  const what = found.fingerprint === fingerprintOf(leaf) ? 'its certificate' : 'its key'
  return {
    reason: 'revoked',
    message: `${what} was revoked on ${formatInstant(found.at)} (${found.reason})`,
  }
}
