/**
 * RSA keys that somebody else made: what makes one unfit, as far as its public half shows.
 *
 * @module
 */

import { bufferOf } from '../bytes.js'
import { DerReader } from '../der/read.js'
import { tags } from '../der/write.js'
import type { PublicKey } from './algorithms.js'

/** Primes below 752 (CA/Browser Forum BR §6.1.6): a sound modulus has no such factor. */
const smallPrimes: bigint = product(752)

/**
 * Why an RSA key is not taken.
 *
 * @param key Any key.
 * @returns A clause; `undefined` for a sound one, and for keys of other kinds.
 * @throws {NomadPkiError} `ERR_DER_MALFORMED`
 */
export function rsaFault({ name, spki }: PublicKey): string | undefined {
  if (!/^rsa-\d+$/.test(name)) return undefined
  const info = new DerReader(spki).enter(tags.sequence, 'the public key')
  info.whole("the public key's algorithm")
  const key = new DerReader(info.octetsOfBits('the public key')).enter(tags.sequence, 'RSA key')
  const modulus = numberOf(key.integer('the modulus'))
  const exponent = numberOf(key.integer('the exponent'))
  key.finish('RSA key')
  const bits = Number(name.slice('rsa-'.length))
  if (bits < 2048) return `it has ${bits} bits, fewer than 2048`
  // NIST FIPS 186-5 §5.4 from below; Go takes none above (crypto/rsa checkPublicKeySize).
  if (exponent < 65_537n || exponent % 2n === 0n || exponent > 2_147_483_647n) {
    return `its exponent is ${exponent < 2n ** 64n ? exponent : 'larger than 64 bits'}, and must be odd, from 65537 to 2147483647`
  }
  if (greatestCommonDivisor(smallPrimes, modulus % smallPrimes) !== 1n) {
    return 'its modulus has a small factor'
  }
  return undefined
}

function numberOf(octets: Uint8Array): bigint {
  const hex = bufferOf(octets).toString('hex')
  return hex === '' ? 0n : BigInt(`0x${hex}`)
}

function greatestCommonDivisor(a: bigint, b: bigint): bigint {
  while (b !== 0n) [a, b] = [b, a % b]
  return a
}

function product(below: number): bigint {
  let all = 1n
  for (let number = 2; number < below; number += 1) {
    let prime = true
    for (let factor = 2; factor * factor <= number; factor += 1)
      if (number % factor === 0) prime = false
    if (prime) all *= BigInt(number)
  }
  return all
}
