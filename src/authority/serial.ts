/**
 * Serial numbers.
 *
 * @module
 */

import { randomFillSync } from 'node:crypto'

const length = 16
const pool = Buffer.alloc(length * 64)
let used = pool.length

/**
 * A new serial number in hex: 16 octets, of which two bits are fixed so that the number is positive
 * and has no leading zeros (RFC 5280 §4.1.2.2; Nomad's own are 128 bits, too).
 */
export function randomSerial(): string {
  if (used === pool.length) {
    randomFillSync(pool)
    used = 0
  }
  const bytes = pool.subarray(used, used + length)
  used += length
  bytes[0] = (bytes[0]! & 0x7f) | 0x40
  return bytes.toString('hex')
}
