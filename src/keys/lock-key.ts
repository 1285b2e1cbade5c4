/**
 * Private keys put under a passphrase: PKCS#8 with PBES2, AES-256-CBC and PBKDF2 with HMAC-SHA256 (RFC 8018),
 * which OpenSSL, Go's and every other reader of encrypted keys take. `unlock-key.ts` reads them.
 *
 * @module
 */

import { createCipheriv, pbkdf2Sync, randomBytes } from 'node:crypto'
import { integer, nullValue, objectIdentifier, octetString, sequence } from '../der/write.js'
import type { PrivateKey } from './algorithms.js'
import { pemEncode } from './pem.js'

/** Gives random octets for salts and vectors. */
export type Random = (length: number) => Uint8Array

/** What was encrypted, and how. */
export interface SealedOctets {
  /** AlgorithmIdentifier, DER. */
  readonly algorithm: Uint8Array
  readonly octets: Uint8Array
}

/** OWASP's figure for PBKDF2 with HMAC-SHA256: 0.15 seconds here, and as much for each guess. */
export const lockRounds = 600_000

/**
 * Encrypts octets with AES-256 under a passphrase.
 *
 * @param content What is encrypted.
 * @param passphrase Taken as UTF-8.
 * @param rounds How often the hash runs.
 * @param random For salt and vector.
 * @see RFC 8018 §6.2
 */
export function sealOctets(
  content: Uint8Array,
  passphrase: string,
  rounds: number,
  random: Random,
): SealedOctets {
  const salt = random(16)
  const iv = random(16)
  const derived = pbkdf2Sync(Buffer.from(passphrase, 'utf8'), salt, rounds, 32, 'sha256')
  const hash = sequence(objectIdentifier('1.2.840.113549.2.9'), nullValue)
  const derivation = sequence(
    objectIdentifier('1.2.840.113549.1.5.12'),
    sequence(octetString(salt), integer(rounds), hash),
  )
  const scheme = sequence(objectIdentifier('2.16.840.1.101.3.4.1.42'), octetString(iv))
  const cipher = createCipheriv('aes-256-cbc', derived, iv)
  return {
    algorithm: sequence(objectIdentifier('1.2.840.113549.1.5.13'), sequence(derivation, scheme)),
    octets: Buffer.concat([cipher.update(content), cipher.final()]),
  }
}

/**
 * Writes a private key under a passphrase.
 *
 * @param key The key.
 * @param passphrase Taken as UTF-8.
 * @param random For salt and vector. Default: node:crypto's.
 * @returns PEM, `ENCRYPTED PRIVATE KEY` (RFC 7468 §11). Each call draws a new salt.
 */
export function lockKey(key: PrivateKey, passphrase: string, random: Random = randomBytes): string {
  const { algorithm, octets } = sealOctets(key.pkcs8, passphrase, lockRounds, random)
  return pemEncode('ENCRYPTED PRIVATE KEY', sequence(algorithm, octetString(octets)))
}
