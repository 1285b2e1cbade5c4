/**
 * A certificate as a value, and reading one: strictly, and whole. What is malformed anywhere, also
 * inside an extension that is known here, is not a certificate.
 *
 * @module
 */

import { sameBytes } from '../bytes.js'
import { DerReader, fail } from '../der/read.js'
import { tags } from '../der/write.js'
import type { PublicKey } from '../keys/algorithms.js'
import { parsePublicKey } from '../keys/public-key.js'
import { memoByObject } from '../memo.js'
import { sha256 } from '../sha256.js'
import type { Extension, ExtensionFields } from './extension.js'
import { readExtensionList, readExtensions } from './extensions.js'
import { parseName, type Name } from './name.js'
import { readAs, readSigned, serialHex, signatureOid } from './signed.js'

export type { Extension, GeneralName, NameConstraints } from './extension.js'

/** A parsed certificate. Instants are epoch milliseconds, identifiers lower-case hex. */
export interface Certificate extends ExtensionFields {
  /** The whole certificate, DER. */
  readonly der: Uint8Array
  /** TBSCertificate, DER: the bytes that are signed. */
  readonly tbs: Uint8Array
  /** 1, 2 or 3. */
  readonly version: number
  /** The content octets of the serial number in hex, without a leading 00 that is only there for the sign. */
  readonly serial: string
  /** Whether the serial number is negative as encoded (Go refuses it). */
  readonly serialNegative: boolean
  /** The name of what signed it. */
  readonly issuer: Name
  /** The name of what it certifies. */
  readonly subject: Name
  /** Epoch milliseconds. */
  readonly notBefore: number
  /** Epoch milliseconds. */
  readonly notAfter: number
  /** The key that it certifies. */
  readonly publicKey: PublicKey
  /** OID of the outer signature algorithm. */
  readonly signatureAlgorithm: string
  /** AlgorithmIdentifier inside the signed part, DER. */
  readonly innerSignatureAlgorithm: Uint8Array
  /** AlgorithmIdentifier beside the signature, DER; equal to the inner one in a sound certificate. */
  readonly outerSignatureAlgorithm: Uint8Array
  /** The signature's octets; empty in what is not signed yet. */
  readonly signature: Uint8Array
  /** All extensions in their order. */
  readonly extensions: readonly Extension[]
}

/**
 * Reads one certificate from DER, with all that its extensions say.
 *
 * @param der DER, and nothing behind it.
 * @throws {NomadPkiError} `ERR_CERTIFICATE_MALFORMED`
 * @see RFC 5280 §4.1
 */
export function parseCertificate(der: Uint8Array): Certificate {
  return readAs('a certificate', () => {
    const { tbs, outerSignatureAlgorithm, signature } = readOuter(der)
    return readTbs(tbs, { der, outerSignatureAlgorithm, signature })
  })
}

/**
 * Reads what is to be signed as if it were a certificate, with an empty signature: for looking at it
 * before it is signed.
 *
 * @param tbs TBSCertificate, DER.
 * @throws {NomadPkiError} `ERR_CERTIFICATE_MALFORMED`
 */
export function parseTbs(tbs: Uint8Array): Certificate {
  return readAs('a certificate', () => readTbs(tbs))
}

/**
 * Reads a certificate whose signed part is known already: only what stands around it is read.
 *
 * @param expected The signed part as a value, from {@link parseTbs}.
 * @param der The certificate.
 * @returns `undefined` if it is about anything else.
 * @throws {NomadPkiError} `ERR_CERTIFICATE_MALFORMED`
 */
export function completeCertificate(
  expected: Certificate,
  der: Uint8Array,
): Certificate | undefined {
  return readAs('a certificate', () => {
    const { tbs, outerSignatureAlgorithm, signature } = readOuter(der)
    const same =
      sameBytes(tbs, expected.tbs) &&
      sameBytes(outerSignatureAlgorithm, expected.innerSignatureAlgorithm)
    return same ? { ...expected, der, tbs, outerSignatureAlgorithm, signature } : undefined
  })
}

/** Whether two are the same certificate, byte for byte. */
export function sameCertificate(a: Certificate, b: Certificate): boolean {
  return sameBytes(a.der, b.der)
}

/** Whether two certificates are of one authority: of one name and key. The one renews the other, or crosses it. */
export function isTwin(a: Certificate, b: Certificate): boolean {
  return sameBytes(a.subject.der, b.subject.der) && sameBytes(a.publicKey.spki, b.publicKey.spki)
}

/**
 * Gives the fingerprint of a certificate, as other tools do: SHA-256 of its DER, in hex. Gates and
 * evidence ask for that of a root once for every agent.
 */
export const fingerprintOf: (certificate: Certificate) => string = memoByObject(
  ({ der }: Certificate) => sha256(der),
)

/** The fingerprint as messages and `--override` have it: `SHA256:` and 64 hex digits. */
export function fingerprintText(certificate: Certificate): string {
  return `SHA256:${fingerprintOf(certificate)}`
}

function readOuter(
  der: Uint8Array,
): Pick<Certificate, 'tbs' | 'outerSignatureAlgorithm' | 'signature'> {
  const { tbs, algorithm, signature } = readSigned(der, 'the certificate')
  return { tbs, outerSignatureAlgorithm: algorithm, signature }
}

/** What stands around the signed part. */
type Around = Pick<Certificate, 'der' | 'outerSignatureAlgorithm' | 'signature'>

/** @param around Absent in what is not signed yet. */
function readTbs(tbs: Uint8Array, around?: Around): Certificate {
  const reader = new DerReader(tbs)
  const fields = reader.enter(tags.sequence, 'what is signed')
  reader.finish('what is signed')
  let version = 1
  if (fields.peek() === 0xa0) {
    const explicit = fields.enter(0xa0, 'the version')
    version = explicit.smallInteger('the version') + 1
    explicit.finish('the version')
    if (version > 3) fail(`its version is ${version}`)
  }
  const number = fields.integer('the serial number')
  const innerSignatureAlgorithm = fields.whole('the signature algorithm')
  const issuer = parseName(fields.whole('the issuer'), 'the issuer')
  const validity = fields.enter(tags.sequence, 'the validity')
  const notBefore = validity.time('notBefore')
  const notAfter = validity.time('notAfter')
  validity.finish('the validity')
  const subject = parseName(fields.whole('the subject'), 'the subject')
  const publicKey = parsePublicKey(fields.whole('the public key'))
  if (version > 1) {
    // Unique identifiers, which are not used (RFC 5280 §4.1.2.8).
    for (const tag of [0x81, 0x82]) if (fields.peek() === tag) fields.content(tag, 'an identifier')
  }
  const extensions =
    version === 3 && fields.peek() === 0xa3
      ? readExtensionList(fields.enter(0xa3, 'extensions'))
      : []
  fields.finish('what is signed')
  const outerSignatureAlgorithm = around?.outerSignatureAlgorithm ?? innerSignatureAlgorithm
  // Written out, and in one object: a plan reads ten thousand, and each spread copies all fields.
  const said = readExtensions(extensions)
  return {
    der: around?.der ?? unsigned,
    tbs,
    version,
    serial: serialHex(number),
    serialNegative: number[0]! >= 0x80,
    issuer,
    subject,
    notBefore,
    notAfter,
    publicKey,
    signatureAlgorithm: signatureOid(outerSignatureAlgorithm),
    innerSignatureAlgorithm,
    outerSignatureAlgorithm,
    signature: around?.signature ?? unsigned,
    extensions,
    basicConstraints: said.basicConstraints,
    keyUsage: said.keyUsage,
    extendedKeyUsage: said.extendedKeyUsage,
    subjectAltName: said.subjectAltName,
    nameConstraints: said.nameConstraints,
    subjectKeyIdentifier: said.subjectKeyIdentifier,
    authorityKeyIdentifier: said.authorityKeyIdentifier,
  }
}

const unsigned = new Uint8Array(0)
