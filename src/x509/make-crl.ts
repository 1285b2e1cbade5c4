/**
 * Writes certificate revocation lists (RFC 5280 §5) of version 2. Nomad reads none; other software may.
 *
 * @module
 */

import { context, element, integer, sequence, tags, time } from '../der/write.js'
import { pemEncode } from '../keys/pem.js'
import type { Extension } from './extension.js'
import { authorityKeyIdentifier, encodeExtension } from './extensions.js'
import { revocationReasons, type RevocationReason } from '../revocation-reasons.js'
import { listOids } from './oids.js'

/** A revoked certificate. */
export interface CrlEntry {
  /** Hex of a number that is not negative. */
  readonly serial: string
  /** When it was revoked, epoch milliseconds. */
  readonly at: number
  readonly reason: RevocationReason
}

/** What a list says. */
export interface CrlFields {
  /** AlgorithmIdentifier of the signature, DER. */
  readonly signatureIdentifier: Uint8Array
  /** The issuer's Name, DER: the bytes of its subject. */
  readonly issuer: Uint8Array
  /** Epoch milliseconds, written to the second. */
  readonly thisUpdate: number
  readonly nextUpdate: number
  /** Each list of an issuer has a higher one than those before. */
  readonly number: number
  /** The identifier of the key that signs, hex. */
  readonly keyIdentifier: string
  readonly entries: readonly CrlEntry[]
}

const version2 = integer(1)

/**
 * Writes a TBSCertList: the bytes that the issuer signs.
 *
 * @throws {NomadPkiError} `ERR_NAME_INVALID` for times that cannot be written.
 */
export function encodeTbsCrl(fields: CrlFields): Uint8Array {
  const entries = fields.entries.map(encodeEntry)
  const extensions: readonly Extension[] = [
    authorityKeyIdentifier(fields.keyIdentifier),
    { oid: listOids.number, critical: false, value: integer(octetsOf(fields.number)) },
  ]
  return sequence(
    version2,
    fields.signatureIdentifier,
    fields.issuer,
    time(fields.thisUpdate),
    time(fields.nextUpdate),
    // An empty list leaves the entries out (RFC 5280 §5.1.2.6).
    ...(entries.length === 0 ? [] : [sequence(...entries)]),
    context(0, sequence(...extensions.map(encodeExtension))),
  )
}

/** A number beyond 2^31, which {@link integer} takes as bytes. */
function octetsOf(number: number): Uint8Array {
  const digits = number.toString(16)
  return Buffer.from(digits.length % 2 === 0 ? digits : `0${digits}`, 'hex')
}

/** Writes a list as a PEM block. RFC 7468 §6 */
export function encodeCrl(der: Uint8Array): string {
  return pemEncode('X509 CRL', der)
}

function encodeEntry({ serial, at, reason }: CrlEntry): Uint8Array {
  const code = revocationReasons[reason]
  const value = element(tags.enumerated, Uint8Array.of(code))
  return sequence(
    integer(Buffer.from(serial, 'hex')),
    time(at),
    // An absent code says the same as `unspecified` (RFC 5280 §5.3.1).
    ...(code === 0
      ? []
      : [sequence(encodeExtension({ oid: listOids.entryReason, critical: false, value }))]),
  )
}
