/**
 * Certificate requests (PKCS#10, RFC 2986): an envelope that brings a public key from a node whose
 * private key never leaves it. What else one asks for is shown, and decides nothing.
 *
 * @module
 */

import { latin1Of, sameBytes } from '../bytes.js'
import { DerReader, fail } from '../der/read.js'
import { bitString, context, integer, sequence, setOf, tags } from '../der/write.js'
import { isNomadPkiError, NomadPkiError } from '../errors.js'
import { algorithmOf, type PrivateKey, type PublicKey } from '../keys/algorithms.js'
import { pemBlocks, pemEncode } from '../keys/pem.js'
import { parsePublicKey } from '../keys/public-key.js'
import { signBytes } from '../keys/sign.js'
import type { Extension, GeneralName } from './extension.js'
import { encodeExtension, readExtensionList, readExtensions, subjectAltName } from './extensions.js'
import { parseName, type Name } from './name.js'
import { encodedOid } from './oids.js'
import { isSignedBy } from './signature.js'
import { readSigned, signatureOid } from './signed.js'

/** A request whose sender has proven that the key is theirs. */
export interface CertificateRequest {
  readonly der: Uint8Array
  readonly subject: Name
  readonly publicKey: PublicKey
  /** The names that it asks for; absent where it asks for none. */
  readonly subjectAltName?: readonly GeneralName[] | undefined
  /** OID of the signature algorithm. */
  readonly signatureAlgorithm: string
}

/** What a request says. */
export interface RequestContent {
  /** Name, DER. */
  readonly subject: Uint8Array
  /** The key that the request is for, and that signs it. */
  readonly key: PrivateKey
  /** Default: none. */
  readonly names?: readonly GeneralName[] | undefined
}

/** RFC 2985 §5.4.2 */
const extensionRequest = '1.2.840.113549.1.9.14'

/**
 * Reads a request and checks that it is signed by its own key.
 *
 * @param input PEM, as text or bytes, with one request in it; or DER.
 * @throws {NomadPkiError} `ERR_CERTIFICATE_MALFORMED`, also for a signature that is not its key's; `ERR_PEM_MALFORMED`
 */
export function parseRequest(input: string | Uint8Array): CertificateRequest {
  const der = typeof input !== 'string' && input[0] === tags.sequence ? input : fromPem(input)
  try {
    return readRequest(der)
  } catch (error) {
    if (!isNomadPkiError(error, 'ERR_DER_MALFORMED')) throw error
    throw new NomadPkiError(
      'ERR_CERTIFICATE_MALFORMED',
      `not a certificate request: ${error.message}`,
    )
  }
}

/**
 * Makes a certificate request (PKCS#10), signed by the key that it is for.
 *
 * @param content The subject, the names and the key.
 * @returns The request, DER.
 * @throws {NomadPkiError} `ERR_NAME_INVALID`, `ERR_KEY_MALFORMED`
 * @see RFC 2986
 */
export function makeRequest({ subject, key, names = [] }: RequestContent): Uint8Array {
  const { signatureIdentifier } = algorithmOf(key.algorithm)
  const attributes =
    names.length === 0
      ? []
      : [
          sequence(
            encodedOid(extensionRequest),
            setOf(sequence(encodeExtension(subjectAltName(names)))),
          ),
        ]
  // The attributes' tag stands there also without attributes (RFC 2986 §4.1).
  const info = sequence(integer(0), subject, key.publicKey.spki, context(0, ...attributes))
  return sequence(info, signatureIdentifier, bitString(signBytes(key, info)))
}

/**
 * Writes a certificate request as a PEM block. RFC 7468 §7
 */
export function encodeRequest(request: CertificateRequest | Uint8Array): string {
  return pemEncode('CERTIFICATE REQUEST', 'der' in request ? request.der : request)
}

/**
 * Whether two texts in PEM are requests that ask for the same: names and key, whatever the signature is.
 *
 * @param one PEM; a text that holds no sound request is the same as nothing.
 * @param other PEM
 */
export function sameRequest(one: string, other: string): boolean {
  try {
    const [left, right] = [one, other].map((text) => {
      const { der } = parseRequest(text)
      return readSigned(der, 'the request').tbs
    })
    return sameBytes(left!, right!)
  } catch (error) {
    if (isNomadPkiError(error)) return false
    throw error
  }
}

function fromPem(input: string | Uint8Array): Uint8Array {
  const text = typeof input === 'string' ? input : latin1Of(input)
  // `NEW CERTIFICATE REQUEST` is what older tools write (RFC 7468 §7).
  const found = pemBlocks(text).filter(({ label }) => /^(NEW )?CERTIFICATE REQUEST$/.test(label))
  if (found.length === 1) return found[0]!.der
  throw new NomadPkiError(
    'ERR_CERTIFICATE_MALFORMED',
    found.length === 0
      ? 'it holds no certificate request'
      : `it holds ${found.length} certificate requests`,
    { hint: 'one file, one request' },
  )
}

function readRequest(der: Uint8Array): CertificateRequest {
  const { tbs, algorithm, signature } = readSigned(der, 'the request')
  const signatureAlgorithm = signatureOid(algorithm)

  const info = new DerReader(tbs).enter(tags.sequence, 'what is signed')
  if (info.smallInteger('the version') !== 0) fail('its version is not 0')
  const subject = parseName(info.whole('the subject'), 'the subject')
  const publicKey = parsePublicKey(info.whole('the public key'))
  const extensions = info.peek() === 0xa0 ? requestedExtensions(info.enter(0xa0, 'attributes')) : []
  info.finish('what is signed')
  if (!isSignedBy({ tbs, signature, signatureAlgorithm }, publicKey)) {
    fail('it is not signed by its own key')
  }
  const { subjectAltName: names } = readExtensions(extensions)
  return { der, subject, publicKey, subjectAltName: names, signatureAlgorithm }
}

function requestedExtensions(attributes: DerReader): readonly Extension[] {
  let extensions: readonly Extension[] = []
  while (!attributes.done()) {
    const attribute = attributes.enter(tags.sequence, 'an attribute')
    const oid = attribute.oid('an attribute')
    const values = attribute.enter(tags.set, 'an attribute')
    attribute.finish('an attribute')
    if (oid !== extensionRequest) continue
    if (extensions.length > 0) fail('it asks for extensions twice')
    extensions = readExtensionList(values)
  }
  return extensions
}
