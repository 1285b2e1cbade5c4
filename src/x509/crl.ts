/**
 * Certificate revocation lists (RFC 5280 §5), read only. Nomad reads none: a list says what others may refuse.
 *
 * @module
 */

import { DerReader } from '../der/read.js'
import { tags } from '../der/write.js'
import { isNomadPkiError, NomadPkiError } from '../errors.js'
import { parseName, type Name } from './name.js'
import { readSigned, serialHex, signatureOid } from './signed.js'

/** A list. */
export interface RevocationList {
  readonly issuer: Name
  /** Epoch milliseconds. */
  readonly thisUpdate: number
  /** Epoch milliseconds; absent where the list does not say when the next one comes. */
  readonly nextUpdate?: number | undefined
  /** Serial numbers of what is revoked, hex as in `Certificate.serial`. */
  readonly revoked: ReadonlySet<string>
  /** What is signed, DER. */
  readonly tbs: Uint8Array
  readonly signature: Uint8Array
  /** OID of the signature algorithm. */
  readonly signatureAlgorithm: string
}

/**
 * Reads a list. Whose key signed it is not looked at.
 *
 * @param der The list.
 * @returns Its issuer, its dates and the serial numbers in it.
 * @throws {NomadPkiError} `ERR_CERTIFICATE_MALFORMED`
 */
export function parseCrl(der: Uint8Array): RevocationList {
  try {
    return read(der)
  } catch (error) {
    if (!isNomadPkiError(error, 'ERR_DER_MALFORMED')) throw error
    throw new NomadPkiError(
      'ERR_CERTIFICATE_MALFORMED',
      `not a certificate revocation list: ${error.message}`,
    )
  }
}

function read(der: Uint8Array): RevocationList {
  const { tbs, algorithm, signature } = readSigned(der, 'the list')
  const list = new DerReader(tbs).enter(tags.sequence, 'what is signed')
  if (list.peek() === tags.integer) list.smallInteger('the version')
  list.content(tags.sequence, 'the signature algorithm')
  const issuer = parseName(list.whole('the issuer'), 'the issuer')
  const thisUpdate = list.time('thisUpdate')
  const nextUpdate = isTime(list.peek()) ? list.time('nextUpdate') : undefined
  const revoked = new Set<string>()
  if (list.peek() === tags.sequence) {
    const entries = list.enter(tags.sequence, 'the entries')
    while (!entries.done()) {
      const entry = entries.enter(tags.sequence, 'an entry')
      revoked.add(serialHex(entry.integer('a serial number')))
      entry.time('a revocation date')
    }
  }
  if (list.peek() === 0xa0) list.content(0xa0, 'extensions')
  list.finish('what is signed')
  const signatureAlgorithm = signatureOid(algorithm)
  return { issuer, thisUpdate, nextUpdate, revoked, tbs, signature, signatureAlgorithm }
}

function isTime(tag: number): boolean {
  return tag === tags.utcTime || tag === tags.generalizedTime
}
