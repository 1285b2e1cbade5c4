/**
 * The fingerprint of a public key, for people to compare.
 *
 * @module
 */

import { sha256 } from '../sha256.js'
import type { PublicKey } from './algorithms.js'

/**
 * Writes the fingerprint of a public key: `SHA256:` and the hex of its SubjectPublicKeyInfo's SHA-256, what
 * `openssl pkey -pubin -outform DER | openssl dgst -sha256` gives.
 */
export function keyFingerprint({ spki }: PublicKey): string {
  return `SHA256:${sha256(spki)}`
}
