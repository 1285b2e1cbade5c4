/**
 * A signature beside what it signs (CMS SignedData, RFC 5652 §5.2 "external signatures"): of one signer, with the
 * signer's certificate in it and without signed attributes, so that the signature is over the content itself
 * (RFC 5652 §5.4). `openssl cms -verify` reads it, and `openssl cms -sign -noattr` makes it.
 *
 * @module
 */

import { sameBytes } from '../bytes.js'
import { DerReader, fail } from '../der/read.js'
import { context, integer, octetString, sequence, setOf, tags } from '../der/write.js'
import { NomadPkiError } from '../errors.js'
import { algorithmOf, type PrivateKey } from '../keys/algorithms.js'
import { samePublicKey } from '../keys/public-key.js'
import { signBytes } from '../keys/sign.js'
import { parseCertificate, type Certificate } from './certificate.js'
import { encodedOid } from './oids.js'
import { isSignedBy } from './signature.js'
import { readAs, serialHex, signatureOid } from './signed.js'

/** A signature beside its content. */
export interface DetachedSignature {
  /** The certificate of who signed, as it came: whether anybody knows it is the caller's question. */
  readonly signer: Certificate
  readonly signature: Uint8Array
  /** OID of the signature algorithm, as certificates call it. */
  readonly signatureAlgorithm: string
}

/** RFC 5652 §4, §5.1 */
const oids = { data: '1.2.840.113549.1.7.1', signedData: '1.2.840.113549.1.7.2' }

/** RFC 5754 §2 */
const digests: Readonly<Record<string, string>> = {
  sha256: '2.16.840.1.101.3.4.2.1',
  sha384: '2.16.840.1.101.3.4.2.2',
  sha512: '2.16.840.1.101.3.4.2.3',
}

/** RSA signatures are called by the key alone in CMS, and the digest says the rest (RFC 3370 §3.2). */
const rsaEncryption = '1.2.840.113549.1.1.1'
const rsaWith: Readonly<Record<string, string>> = {
  [digests.sha256!]: '1.2.840.113549.1.1.11',
  [digests.sha384!]: '1.2.840.113549.1.1.12',
  [digests.sha512!]: '1.2.840.113549.1.1.13',
}

/**
 * Signs some bytes beside them.
 *
 * @param content What is signed.
 * @param certificate Of who signs.
 * @param key Its key.
 * @returns ContentInfo, DER.
 * @throws {NomadPkiError} `ERR_KEY_MISMATCH`, `ERR_KEY_ALGORITHM` for Ed25519, `ERR_KEY_MALFORMED`
 */
export function signBeside(
  content: Uint8Array,
  certificate: Certificate,
  key: PrivateKey,
): Uint8Array {
  if (!samePublicKey(certificate.publicKey, key.publicKey)) {
    throw new NomadPkiError('ERR_KEY_MISMATCH', 'the key does not belong to the certificate')
  }
  const { hash, signatureIdentifier } = algorithmOf(key.algorithm)
  const digest = hash === null ? undefined : digests[hash]
  if (digest === undefined) {
    throw new NomadPkiError('ERR_KEY_ALGORITHM', `a key of ${key.algorithm} signs nothing here`)
  }
  const digestIdentifier = sequence(encodedOid(digest))
  const signer = sequence(
    integer(1),
    sequence(certificate.issuer.der, integer(Buffer.from(certificate.serial, 'hex'))),
    digestIdentifier,
    signatureIdentifier,
    octetString(signBytes(key, content)),
  )
  const signed = sequence(
    integer(1),
    setOf(digestIdentifier),
    sequence(encodedOid(oids.data)),
    context(0, certificate.der),
    setOf(signer),
  )
  return sequence(encodedOid(oids.signedData), context(0, signed))
}

/**
 * Reads a signature beside its content, strictly. Whether it is valid is {@link isSignedBeside}'s answer.
 *
 * @param der ContentInfo, whole.
 * @throws {NomadPkiError} `ERR_CERTIFICATE_MALFORMED`
 */
export function parseDetachedSignature(der: Uint8Array): DetachedSignature {
  return readAs('a signature (CMS) as request makes it', () => read(der))
}

/** Whether a signature is the signer's, over exactly these bytes. */
export function isSignedBeside(
  { signer, signature, signatureAlgorithm }: DetachedSignature,
  content: Uint8Array,
): boolean {
  return isSignedBy({ tbs: content, signature, signatureAlgorithm }, signer.publicKey)
}

function read(der: Uint8Array): DetachedSignature {
  const outer = new DerReader(der)
  const info = outer.enter(tags.sequence, 'the signature')
  outer.finish('the signature')
  if (info.oid('the signature') !== oids.signedData) fail('it is not signed data')
  const explicit = info.enter(0xa0, 'the signed data')
  info.finish('the signature')
  const data = explicit.enter(tags.sequence, 'the signed data')
  explicit.finish('the signed data')
  data.smallInteger('the version')
  data.content(tags.set, 'the digest algorithms')
  const content = data.enter(tags.sequence, 'what is signed')
  if (content.oid('what is signed') !== oids.data) fail('what is signed is not plain data')
  content.finish('what is signed')
  const certificates = data.enter(0xa0, "the signer's certificate")
  const signer = parseCertificate(certificates.whole("the signer's certificate"))
  certificates.finish("the signer's certificate")
  const signers = data.enter(tags.set, 'the signer')
  data.finish('the signed data')
  const one = signers.enter(tags.sequence, 'the signer')
  signers.finish('the signer')
  one.smallInteger('the version')
  const sid = one.enter(tags.sequence, 'who signed')
  const named =
    sameBytes(sid.whole('the issuer'), signer.issuer.der) &&
    serialHex(sid.integer('the serial number')) === signer.serial
  sid.finish('who signed')
  if (!named) fail('it names another certificate than the one in it')
  const digest = signatureOid(one.whole('the digest'))
  if (one.peek() === 0xa0) fail('it has signed attributes')
  const algorithm = signatureOid(one.whole('the signature algorithm'))
  const signature = one.content(tags.octetString, 'the signature')
  one.finish('the signer')
  const signatureAlgorithm =
    algorithm === rsaEncryption ? (rsaWith[digest] ?? algorithm) : algorithm
  return { signer, signature, signatureAlgorithm }
}
