/**
 * The revocation list beside an authority: a ledger that was begun anew does not know it.
 *
 * @module
 */

import { isNomadPkiError } from '../errors.js'
import { pemBlocks } from '../keys/pem.js'
import { parseCrl, type RevokedEntry } from '../x509/crl.js'
import { isSignedBy } from '../x509/signature.js'
import type { FoundAuthority } from './inventory.js'

/** A list that its authority signed. */
export interface OwnList {
  /** 0: there is none, or it has none. */
  readonly number: number
  readonly entries: readonly RevokedEntry[]
  /** The list itself, DER; absent: there is none. */
  readonly der?: Uint8Array | undefined
}

/** Reads the list of an authority in the store, where its key signed it. */
export function listIn(found: FoundAuthority | undefined): OwnList {
  const none = { number: 0, entries: [] }
  if (found?.list === undefined || found.certificate === undefined) return none
  try {
    const { der } = pemBlocks(found.list)[0]!
    const list = parseCrl(der)
    const number = numberOf(list)
    const isOwn = number !== undefined && isSignedBy(list, found.certificate.publicKey)
    return isOwn ? { number, entries: list.entries, der } : none
  } catch (error) {
    // A damaged file is written anew.
    if (isNomadPkiError(error)) return none
    throw error
  }
}

/** The number of a list; 0 where it has none, `undefined` where it is larger than this program counts. */
export function numberOf({
  number = '0',
}: {
  readonly number?: string | undefined
}): number | undefined {
  const counted = Number.parseInt(number, 16)
  return Number.isSafeInteger(counted) ? counted : undefined
}
