/**
 * SHA-256.
 *
 * @module
 */

import { hash } from 'node:crypto'

/**
 * Computes the SHA-256 of bytes, or of a text in UTF-8.
 *
 * @param data What to hash.
 * @returns 64 hex digits in lower case.
 */
export function sha256(data: Uint8Array | string): string {
  // Of 700 bytes 0.6 µs; createHash, which makes an object, needs 1.0 µs.
  return hash('sha256', data, 'hex')
}
