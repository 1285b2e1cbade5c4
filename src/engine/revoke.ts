/**
 * Revokes a certificate in the engine that signed it: its list, and whatever asks it, then say so.
 *
 * @module
 */

import type { Certificate } from '../x509/certificate.js'
import { encodeCertificate } from '../x509/certificates.js'
import { colons } from './certificates.js'
import type { EngineSession } from './session.js'
import type { EngineVerdict } from './verdict.js'

/** What came of it. */
export type RevokedInEngine =
  /** It is revoked there now; it may have been before. */
  | { readonly is: 'revoked' }
  /** The engine does not have it, and nobody here has it to show. */
  | { readonly is: 'missing' }
  /** It may not be revoked there: one sentence, lower case, no full stop. */
  | { readonly is: 'refused' | 'unknown'; readonly reason: string }

/** How often it is asked again where an answer was lost: a second call changes nothing. */
const mostTries = 3

/**
 * Revokes by serial number. What the engine did not keep is revoked by the certificate itself.
 *
 * @param serial Hex, as the ledger has it.
 * @param certificate The whole of it, where it is at hand.
 */
export async function revokeInEngine(
  session: EngineSession,
  mount: string,
  serial: string,
  certificate?: Certificate,
): Promise<RevokedInEngine> {
  const bySerial = await ask({ serial_number: colons(serial) })
  if (!isUnknownSerial(bySerial)) return endOf(bySerial)
  if (certificate === undefined) return { is: 'missing' }
  return endOf(await ask({ certificate: encodeCertificate(certificate) }))

  async function ask(body: Readonly<Record<string, string>>): Promise<EngineVerdict> {
    for (let tries = 1; ; tries += 1) {
      const verdict = await session.call({ method: 'POST', path: `${mount}/revoke`, body })
      if (verdict.is !== 'unknown' || !verdict.passing || tries === mostTries) return verdict
    }
  }
}

function endOf(verdict: EngineVerdict): RevokedInEngine {
  switch (verdict.is) {
    case 'done':
      return { is: 'revoked' }
    case 'unknown':
      return { is: 'unknown', reason: verdict.reason }
    default:
      return { is: 'refused', reason: verdict.reason }
  }
}

/** OpenBao 2.7 and Vault: `certificate with serial 17:ab:0c not found.` */
function isUnknownSerial(verdict: EngineVerdict): boolean {
  return (
    verdict.is === 'refused' &&
    verdict.status === 400 &&
    /certificate with serial \S+ not found/i.test(verdict.reason)
  )
}
