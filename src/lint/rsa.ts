/**
 * What an RSA key in a certificate says beyond its length.
 *
 * @module
 */

import { DerReader } from '../der/read.js'
import { tags } from '../der/write.js'
import type { PublicKey } from '../keys/algorithms.js'
import type { Certificate } from '../x509/certificate.js'

/** Whether the certificate's key is RSA (and not RSA-PSS). */
export function isRsa({ publicKey: { name } }: Certificate): boolean {
  return name.startsWith('rsa-') && name !== 'rsa-pss'
}

/** Reads it. The exponent is exact up to 2^53. */
export function rsaOf({ spki }: PublicKey): {
  readonly nullParameters: boolean
  readonly exponent: number
} {
  const info = new DerReader(spki).enter(tags.sequence, 'the public key')
  const algorithm = info.enter(tags.sequence, 'its algorithm')
  algorithm.oid('its algorithm')
  const nullParameters = algorithm.peek() === tags.null
  const key = new DerReader(info.octetsOfBits('the public key')).enter(tags.sequence, 'RSA key')
  key.integer('the modulus')
  let exponent = 0
  for (const byte of key.integer('the exponent')) exponent = exponent * 256 + byte
  return { nullParameters, exponent }
}
