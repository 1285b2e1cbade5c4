/**
 * Writes certificates. It decides nothing: what stands in one is `authority/`'s matter.
 *
 * @module
 */

import { bitString, context, integer, sequence, time } from '../der/write.js'
import type { Extension } from './extension.js'
import { encodeExtension } from './extensions.js'

/** What is signed. RFC 5280 §4.1.2 */
export interface TbsFields {
  /** Hex of a number that is not negative. */
  readonly serial: string
  /** AlgorithmIdentifier, DER. */
  readonly signatureIdentifier: Uint8Array
  /** The issuer's Name, DER: the bytes of its subject. */
  readonly issuer: Uint8Array
  /** Epoch milliseconds, written to the second. */
  readonly notBefore: number
  readonly notAfter: number
  /** Name, DER. */
  readonly subject: Uint8Array
  /** SubjectPublicKeyInfo, DER. */
  readonly spki: Uint8Array
  readonly extensions: readonly Extension[]
}

const version3 = context(0, integer(2))

/**
 * Writes a TBSCertificate of version 3.
 *
 * @throws {NomadPkiError} `ERR_NAME_INVALID` for times that cannot be written.
 */
export function encodeTbs(fields: TbsFields): Uint8Array {
  return sequence(
    version3,
    integer(Buffer.from(fields.serial, 'hex')),
    fields.signatureIdentifier,
    fields.issuer,
    sequence(time(fields.notBefore), time(fields.notAfter)),
    fields.subject,
    fields.spki,
    context(3, sequence(...fields.extensions.map(encodeExtension))),
  )
}

/**
 * Joins the signed bytes, the algorithm and the signature into the DER of a certificate: what an issuer of
 * your own returns.
 *
 * @param tbs The bytes that were signed: `IssuerInput.tbs`.
 * @param signatureIdentifier AlgorithmIdentifier, DER: `IssuerInput.expected.outerSignatureAlgorithm`.
 * @param signature As certificates have it: DER for ECDSA (RFC 3279 §2.2.3), the plain octets for RSA and Ed25519.
 * @returns The certificate, DER.
 * @see RFC 5280 §4.1
 */
export function assembleCertificate(
  tbs: Uint8Array,
  signatureIdentifier: Uint8Array,
  signature: Uint8Array,
): Uint8Array {
  return sequence(tbs, signatureIdentifier, bitString(signature))
}
