/**
 * Signing and checking with node:crypto.
 *
 * @module
 */

import {
  createPrivateKey,
  createPublicKey,
  sign,
  verify,
  type JsonWebKeyInput,
  type KeyObject,
} from 'node:crypto'
import { bufferOf } from '../bytes.js'
import { NomadPkiError } from '../errors.js'
import { memoByObject } from '../memo.js'
import { algorithmOf, type PrivateKey, type PublicKey } from './algorithms.js'
import { ecPartsAsWritten } from './generate.js'

/**
 * The key as node:crypto takes it: parsing it costs ten times what a signature does.
 *
 * @throws {NomadPkiError} `ERR_KEY_MALFORMED` if OpenSSL refuses it.
 */
export const keyObjectOf: (key: PrivateKey) => KeyObject = memoByObject(({ pkcs8 }: PrivateKey) => {
  try {
    return createPrivateKey(
      p256Jwk(pkcs8) ?? { key: bufferOf(pkcs8), format: 'der', type: 'pkcs8' },
    )
  } catch {
    // OpenSSL's own error says nothing that helps, and might say too much.
    throw new NomadPkiError('ERR_KEY_MALFORMED', 'OpenSSL refuses the private key')
  }
})

/**
 * A P-256 key as JWK: on Node 20 OpenSSL's decoder of PKCS#8 takes five times as long, and a request for each of a
 * thousand leaves is signed by a key of its own. On other curves and newer Nodes there is no such difference.
 */
function p256Jwk(pkcs8: Uint8Array): JsonWebKeyInput | undefined {
  const parts = ecPartsAsWritten(pkcs8)
  if (parts?.entry.name !== 'ecdsa-p256') return undefined
  const text = (bytes: Uint8Array): string => bufferOf(bytes).toString('base64url')
  const { scalar, point } = parts
  const key = {
    kty: 'EC',
    crv: 'P-256',
    d: text(scalar),
    x: text(point.subarray(1, 33)),
    y: text(point.subarray(33)),
  }
  return { key, format: 'jwk' }
}

/**
 * The public key as node:crypto takes it; an authority's checks thousands of signatures.
 *
 * @throws {NomadPkiError} `ERR_KEY_MALFORMED` if OpenSSL refuses it, for a point that is not on its curve.
 */
const publicKeyObjectOf: (key: PublicKey) => KeyObject = memoByObject(
  ({ spki, name }: PublicKey) => {
    try {
      return createPublicKey({ key: bufferOf(spki), format: 'der', type: 'spki' })
    } catch {
      throw new NomadPkiError('ERR_KEY_MALFORMED', `OpenSSL refuses the public key (${name})`)
    }
  },
)

/**
 * Signs, with the digest that the algorithms' table gives.
 *
 * @returns ECDSA signatures are DER (RFC 3279 §2.2.3).
 * @throws {NomadPkiError} `ERR_KEY_MALFORMED`
 */
export function signBytes(key: PrivateKey, bytes: Uint8Array): Uint8Array {
  return sign(algorithmOf(key.algorithm).hash, bytes, keyObjectOf(key))
}

/**
 * Tells whether a signature over some bytes is valid and was made by a key.
 *
 * @param key The key that should have made it.
 * @param hash The digest; `null` for Ed25519.
 * @param bytes What was signed.
 * @param signature In the form of certificates: DER for ECDSA.
 * @returns `false` also for keys and signatures that make no sense.
 */
export function verifyBytes(
  key: PublicKey,
  hash: string | null,
  bytes: Uint8Array,
  signature: Uint8Array,
): boolean {
  try {
    return verify(hash, bytes, publicKeyObjectOf(key), signature)
  } catch {
    return false
  }
}
