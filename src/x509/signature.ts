/**
 * Whether an issuer's key made a certificate's signature.
 *
 * @module
 */

import { verifyBytes } from '../keys/sign.js'
import type { PublicKey } from '../keys/algorithms.js'
import { memoByObject } from '../memo.js'
import type { Certificate } from './certificate.js'

/**
 * The signature algorithms that Go takes from a peer (crypto/x509 signatureAlgorithmDetails, without
 * MD5 and SHA-1, which it refuses), with the kind of key that makes them.
 */
const algorithms: ReadonlyMap<
  string,
  readonly [kind: 'rsa' | 'ecdsa' | 'ed25519', hash: string | null]
> = new Map([
  ['1.2.840.113549.1.1.11', ['rsa', 'sha256']],
  ['1.2.840.113549.1.1.12', ['rsa', 'sha384']],
  ['1.2.840.113549.1.1.13', ['rsa', 'sha512']],
  ['1.2.840.10045.4.3.2', ['ecdsa', 'sha256']],
  ['1.2.840.10045.4.3.3', ['ecdsa', 'sha384']],
  ['1.2.840.10045.4.3.4', ['ecdsa', 'sha512']],
  ['1.3.101.112', ['ed25519', null]],
])

/** MD2, MD5 and SHA-1 with RSA, SHA-1 with DSA and ECDSA. */
const weak: ReadonlyMap<string, string> = new Map([
  ['1.2.840.113549.1.1.2', 'MD2'],
  ['1.2.840.113549.1.1.4', 'MD5'],
  ['1.2.840.113549.1.1.5', 'SHA-1'],
  ['1.2.840.10040.4.3', 'SHA-1'],
  ['1.2.840.10045.4.1', 'SHA-1'],
])

/** The hash of a signature algorithm that Go refuses for its hash: `SHA-1`. */
export function weakHashOf(oid: string): string | undefined {
  return weak.get(oid)
}

/** Whether signatures of this algorithm are checked at all; others are never valid here. */
export function isKnownSignature(oid: string): boolean {
  return algorithms.has(oid)
}

/** Ten thousand leaves check the signature of their authority once. */
const checks = memoByObject((certificate: Certificate) =>
  memoByObject((key: PublicKey) => isSignedBy(certificate, key)),
)

/**
 * Checks a certificate's signature, and nothing else: whether the issuer may sign is decided by
 * `verifyChain`.
 *
 * @param certificate The signed one.
 * @param issuer The one whose key should have signed.
 */
export function verifySignature(certificate: Certificate, issuer: Certificate): boolean {
  return checks(certificate)(issuer.publicKey)
}

/** The same for a bare key, without memory. */
export function isSignedBy(
  certificate: Pick<Certificate, 'tbs' | 'signature' | 'signatureAlgorithm'>,
  key: PublicKey,
): boolean {
  const algorithm = algorithms.get(certificate.signatureAlgorithm)
  if (algorithm === undefined) return false
  const [kind, hash] = algorithm
  if (!key.name.startsWith(kind)) return false
  return verifyBytes(key, hash, certificate.tbs, certificate.signature)
}
