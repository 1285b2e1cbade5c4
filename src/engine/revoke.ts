/**
 * Revokes certificates in the engine that signed them: its list, and whatever asks it, then say so.
 *
 * @module
 */

import { inParallel } from '../in-parallel.js'
import type { Certificate } from '../x509/certificate.js'
import { encodeCertificate } from '../x509/certificates.js'
import { colons } from './certificates.js'
import { callsInFlight, type EngineSession } from './session.js'
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

/** A certificate that is to be revoked. */
export interface ToRevoke {
  readonly mount: string
  /** Hex, as the ledger has it. */
  readonly serial: string
  /** The whole of it, where it is at hand. */
  readonly certificate?: Certificate | undefined
}

/**
 * Revokes certificates, some at a time. An engine that does not come back within the time of one call is not waited
 * for once for each of them: the others are then asked for once.
 *
 * @returns What came of each, in their order.
 */
export async function revokeAllInEngine(
  session: EngineSession,
  wanted: readonly ToRevoke[],
): Promise<readonly RevokedInEngine[]> {
  let repeat = true
  return inParallel(wanted, callsInFlight, async (one) => {
    const said = await revokeInEngine(session, one, repeat)
    if (said.is === 'refused' || said.is === 'unknown') repeat = false
    return said
  })
}

/** Revokes by serial number. What the engine did not keep is revoked by the certificate itself. */
async function revokeInEngine(
  session: EngineSession,
  { mount, serial, certificate }: ToRevoke,
  repeat: boolean,
): Promise<RevokedInEngine> {
  const bySerial = await ask({ serial_number: colons(serial) })
  if (!isUnknownSerial(bySerial)) return endOf(bySerial)
  if (certificate === undefined) return { is: 'missing' }
  return endOf(await ask({ certificate: encodeCertificate(certificate) }))

  async function ask(body: Readonly<Record<string, string>>): Promise<EngineVerdict> {
    for (let tries = 1; ; tries += 1) {
      const verdict = await session.call({ method: 'POST', path: `${mount}/revoke`, body, repeat })
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
