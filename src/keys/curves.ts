/**
 * The curves that Go knows, and whether a point lies on one. BigInt does it in microseconds; OpenSSL
 * would parse the whole key for it.
 *
 * @module
 */

import { bufferOf } from '../bytes.js'
interface Curve {
  readonly p: bigint
  readonly b: bigint
  /** Octets of a coordinate. */
  readonly length: number
}

const curve = (p: string, b: string): Curve => ({
  p: BigInt(`0x${p}`),
  b: BigInt(`0x${b}`),
  length: p.length / 2,
})

/** y² = x³ − 3x + b modulo p (SEC 2 §2.2, FIPS 186-4 §D.1.2). */
const curves: Readonly<Record<string, Curve>> = {
  'ecdsa-p224': curve(
    'ffffffffffffffffffffffffffffffff000000000000000000000001',
    'b4050a850c04b3abf54132565044b0b7d7bfd8ba270b39432355ffb4',
  ),
  'ecdsa-p256': curve(
    'ffffffff00000001000000000000000000000000ffffffffffffffffffffffff',
    '5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b',
  ),
  'ecdsa-p384': curve(
    'fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffeffffffff0000000000000000ffffffff',
    'b3312fa7e23ee7e4988e056be3f82d19181d9c6efe8141120314088f5013875ac656398d8a2ed19d2a85c8edd3ec2aef',
  ),
  'ecdsa-p521': curve(
    `01ff${'ff'.repeat(64)}`,
    '51953eb9618e1c9a1f929a21a0b68540eea2da725b99b315f3b8b489918ef109e156193951ec7e937b1652c0bd3bb1bf073573df883d2c34f1ef451fd46b503f00',
  ),
}

/**
 * Whether the octets are an uncompressed point of a curve.
 *
 * @param name `ecdsa-p256`, as {@link PublicKey} names it.
 * @param point The content of the bit string.
 * @returns `false` also for a curve that is not in the table.
 */
export function isOnCurve(name: string, point: Uint8Array): boolean {
  const found = curves[name]
  if (found === undefined || point[0] !== 4 || point.length !== 1 + 2 * found.length) return false
  const { p, b, length } = found
  const digits = bufferOf(point).toString('hex')
  const x = BigInt(`0x${digits.slice(2, 2 + 2 * length)}`)
  const y = BigInt(`0x${digits.slice(2 + 2 * length)}`)
  if (x >= p || y >= p) return false
  return (y * y - (x * x - 3n) * x - b) % p === 0n
}
