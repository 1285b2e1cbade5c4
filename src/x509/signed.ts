/**
 * What certificates, requests and revocation lists have in common: something that is signed, the
 * algorithm, and the signature (RFC 5280 §4.1.1, §5.1.1, RFC 2986 §4.2).
 *
 * @module
 */

import { DerReader } from '../der/read.js'
import { tags } from '../der/write.js'
import { isNomadPkiError, NomadPkiError } from '../errors.js'
import { hexOf } from './extensions.js'

/** The three parts. */
export interface SignedParts {
  /** The bytes that are signed, DER. */
  readonly tbs: Uint8Array
  /** AlgorithmIdentifier, DER. */
  readonly algorithm: Uint8Array
  /** The signature's octets. */
  readonly signature: Uint8Array
}

/**
 * Reads something whose form is wrong where its DER is.
 *
 * @param what What it is, for the message: `a certificate`.
 * @param read Reads it.
 * @throws {NomadPkiError} `ERR_CERTIFICATE_MALFORMED` for `ERR_DER_MALFORMED`; and what else `read` throws.
 */
export function readAs<Value>(what: string, read: () => Value): Value {
  try {
    return read()
  } catch (error) {
    if (!isNomadPkiError(error, 'ERR_DER_MALFORMED')) throw error
    throw new NomadPkiError('ERR_CERTIFICATE_MALFORMED', `not ${what}: ${error.message}`)
  }
}

/**
 * Takes the parts from each other.
 *
 * @param der All of it, and nothing behind it.
 * @param what What it is, for messages: `the certificate`.
 * @throws {NomadPkiError} `ERR_DER_MALFORMED`
 */
export function readSigned(der: Uint8Array, what: string): SignedParts {
  const reader = new DerReader(der)
  const outer = reader.enter(tags.sequence, what)
  reader.finish(what)
  const tbs = outer.whole('what is signed')
  const algorithm = outer.whole('the signature algorithm')
  const signature = outer.octetsOfBits('the signature')
  outer.finish(what)
  return { tbs, algorithm, signature }
}

/**
 * Gives the OID in an AlgorithmIdentifier of a signature, dotted.
 *
 * @throws {NomadPkiError} `ERR_DER_MALFORMED`
 */
export function signatureOid(identifier: Uint8Array): string {
  const what = 'the signature algorithm'
  return new DerReader(identifier).enter(tags.sequence, what).oid(what)
}

/** A serial number in hex, without the octet that keeps it positive; from the octets of its INTEGER. */
export function serialHex(number: Uint8Array): string {
  return hexOf(number.length > 1 && number[0] === 0 ? number.subarray(1) : number)
}
