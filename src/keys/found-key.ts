/**
 * A private key of another tool, in the form that stores and agents take.
 *
 * @module
 */

import { NomadPkiError } from '../errors.js'
import type { PublicKey } from './algorithms.js'
import { encodePrivateKey, parsePrivateKey, publicHalfOf } from './private-key.js'
import { samePublicKey } from './public-key.js'

/** A private key as text. */
export interface FoundKey {
  readonly publicKey: PublicKey
  /** PKCS#8 in PEM. A secret: it goes into the store and nowhere else. */
  readonly pem: string
}

/**
 * Reads a private key, and holds its public half against its private one.
 *
 * @param input PEM, as text or bytes; or DER.
 * @throws {NomadPkiError} `ERR_KEY_ENCRYPTED`, `ERR_KEY_ALGORITHM`, `ERR_KEY_MALFORMED`
 */
export function readFoundKey(input: string | Uint8Array): FoundKey {
  const key = parsePrivateKey(input)
  // The public half that stands in a key need not be that of its private half.
  if (!samePublicKey(publicHalfOf(input), key.publicKey)) {
    throw new NomadPkiError(
      'ERR_KEY_MALFORMED',
      'the public half in this private key belongs to another key',
    )
  }
  return { publicKey: key.publicKey, pem: encodePrivateKey(key) }
}
