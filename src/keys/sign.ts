/**
 * Signing and checking with node:crypto.
 *
 * @module
 */

import { createPrivateKey, createPublicKey, sign, verify, type KeyObject } from 'node:crypto'
import { NomadPkiError } from '../errors.js'
import { algorithmOf, type PrivateKey, type PublicKey } from './algorithms.js'

const privateObjects = new WeakMap<PrivateKey, KeyObject>()
const publicObjects = new WeakMap<PublicKey, KeyObject>()

/**
 * The key as node:crypto takes it, made once: parsing it costs ten times what a signature does.
 *
 * @throws {NomadPkiError} `ERR_KEY_MALFORMED` if OpenSSL refuses it.
 */
export function keyObjectOf(key: PrivateKey): KeyObject {
  let object = privateObjects.get(key)
  if (object === undefined) {
    try {
      object = createPrivateKey({ key: bufferOf(key.pkcs8), format: 'der', type: 'pkcs8' })
    } catch {
      // OpenSSL's own error says nothing that helps, and might say too much.
      throw new NomadPkiError('ERR_KEY_MALFORMED', 'OpenSSL refuses the private key')
    }
    privateObjects.set(key, object)
  }
  return object
}

/**
 * The public key as node:crypto takes it, made once.
 *
 * @throws {NomadPkiError} `ERR_KEY_MALFORMED` if OpenSSL refuses it, for a point that is not on its curve.
 */
export function publicKeyObjectOf(key: PublicKey): KeyObject {
  let object = publicObjects.get(key)
  if (object === undefined) {
    try {
      object = createPublicKey({ key: bufferOf(key.spki), format: 'der', type: 'spki' })
    } catch {
      throw new NomadPkiError('ERR_KEY_MALFORMED', `OpenSSL refuses the public key (${key.name})`)
    }
    publicObjects.set(key, object)
  }
  return object
}

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
 * Checks a signature.
 *
 * @param key Whose it should be.
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

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
