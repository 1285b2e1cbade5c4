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
import { parseDetachedSignature, type DetachedSignature } from './detached-signature.js'
import type { Extension, ExtensionFields, GeneralName } from './extension.js'
import { encodeExtension, readExtensionList, readExtensions, subjectAltName } from './extensions.js'
import { parseName, type Name } from './name.js'
import { encodedOid } from './oids.js'
import { isKnownSignature, isSignedBy, weakHashOf } from './signature.js'
import { readAs, readSigned, signatureOid } from './signed.js'

/** A request whose sender has proven that the key is theirs. */
export interface CertificateRequest {
  /** All of its bytes. */
  readonly der: Uint8Array
  /** The name that it gives itself. */
  readonly subject: Name
  /** The key that it is for, and that signed it. */
  readonly publicKey: PublicKey
  /** The names that it asks for; absent where it asks for none. */
  readonly subjectAltName?: readonly GeneralName[] | undefined
  /** Every extension that it asks for, in its order. */
  readonly extensions: readonly Extension[]
  /** What those of them say that are known here. */
  readonly asked: ExtensionFields
  /** OIDs of its attributes, without the one that asks for extensions: a challenge password is one. */
  readonly attributes: readonly string[]
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

/** What a node sends: a request, and beside it the signature of the key that is in use there. */
export interface RequestFile {
  readonly request: CertificateRequest
  /** Over the request's DER; absent where there is none. */
  readonly signature?: DetachedSignature | undefined
}

/** A request with 500 names and an RSA key of 4096 bits has a third of it. */
const mostBytes = 64 * 1024

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
  return readAs('a certificate request', () => readRequest(der))
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
 * Writes what a node sends: the request, and behind it the signature beside it (`CMS`, RFC 7468 §9). What
 * reads requests takes the first block.
 *
 * @param request DER
 * @param signature Of the key in use, over the request; `undefined`: there is none.
 */
export function encodeRequestFile(request: Uint8Array, signature: Uint8Array | undefined): string {
  return encodeRequest(request) + (signature === undefined ? '' : pemEncode('CMS', signature))
}

/**
 * Reads what a node, or any other tool, made: one request in PEM or DER, and in PEM perhaps a signature behind it.
 *
 * @param input At most 64 KB.
 * @throws {NomadPkiError} `ERR_CERTIFICATE_MALFORMED`, `ERR_PEM_MALFORMED`
 */
export function parseRequestFile(input: Uint8Array): RequestFile {
  if (input.length > mostBytes) {
    throw new NomadPkiError(
      'ERR_CERTIFICATE_MALFORMED',
      `it has ${input.length} bytes, and a request has at most ${mostBytes}`,
    )
  }
  const request = parseRequest(input)
  if (input[0] === tags.sequence) return { request }
  const beside = pemBlocks(latin1Of(input)).filter(
    ({ label }) => label === 'CMS' || label === 'PKCS7',
  )
  if (beside.length > 1) {
    throw new NomadPkiError(
      'ERR_CERTIFICATE_MALFORMED',
      `there are ${beside.length} signatures beside the request`,
      { hint: 'one request, one signature' },
    )
  }
  const [one] = beside
  return one === undefined ? { request } : { request, signature: parseDetachedSignature(one.der) }
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

/**
 * Reads the public key of a request that was made in this process. Whether the request is signed by it is left to
 * whoever gets the request: {@link parseRequest}.
 *
 * @param der DER
 * @throws {NomadPkiError} `ERR_CERTIFICATE_MALFORMED`
 */
export function requestedKey(der: Uint8Array): PublicKey {
  return readAs('a certificate request', () => {
    const { tbs } = readSigned(der, 'the request')
    return readHead(new DerReader(tbs).enter(tags.sequence, 'what is signed')).publicKey
  })
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
  const { subject, publicKey } = readHead(info)
  const { extensions, others } =
    info.peek() === 0xa0
      ? readAttributes(info.enter(0xa0, 'attributes'))
      : { extensions: [], others: [] }
  info.finish('what is signed')
  const weak = weakHashOf(signatureAlgorithm)
  if (weak !== undefined) fail(`it is signed with ${weak}`)
  if (!isKnownSignature(signatureAlgorithm)) {
    fail(`its signature is of the algorithm ${signatureAlgorithm}, which is not known here`)
  }
  if (!isSignedBy({ tbs, signature, signatureAlgorithm }, publicKey)) {
    fail('it is not signed by its own key')
  }
  const asked = readExtensions(extensions)
  const { subjectAltName: names } = asked
  return {
    ...{ der, subject, publicKey, subjectAltName: names, extensions, asked },
    ...{ attributes: others, signatureAlgorithm },
  }
}

function readHead(info: DerReader): Pick<CertificateRequest, 'subject' | 'publicKey'> {
  if (info.smallInteger('the version') !== 0) fail('its version is not 0')
  const subject = parseName(info.whole('the subject'), 'the subject')
  return { subject, publicKey: parsePublicKey(info.whole('the public key')) }
}

function readAttributes(attributes: DerReader): {
  readonly extensions: readonly Extension[]
  readonly others: readonly string[]
} {
  let extensions: readonly Extension[] | undefined
  const others: string[] = []
  while (!attributes.done()) {
    const attribute = attributes.enter(tags.sequence, 'an attribute')
    const oid = attribute.oid('an attribute')
    const values = attribute.enter(tags.set, 'an attribute')
    attribute.finish('an attribute')
    if (oid !== extensionRequest) {
      others.push(oid)
      continue
    }
    if (extensions !== undefined) fail('it asks for extensions twice')
    extensions = readExtensionList(values)
  }
  return { extensions: extensions ?? [], others }
}
