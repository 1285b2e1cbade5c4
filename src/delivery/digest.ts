/**
 * SHA-256 of bytes.
 *
 * @module
 */

import { createHash } from 'node:crypto'

/** SHA-256, hex: of an archive it is the fingerprint. */
export function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}
