/**
 * The rule `rfc3279/rsa-exponent`.
 *
 * @module
 */

import type { Rule } from '../rule.js'
import { isRsa, rsaOf } from '../rsa.js'

/** NIST SP 800-56B §6.2: odd, from 65537 on, below 2^31 (crypto/rsa checkPub). */
export const rsaExponent: Rule = {
  name: 'rfc3279/rsa-exponent',
  each: true,
  source: 'NIST SP 800-56B §6.2, crypto/rsa checkPub',
  applies: isRsa,
  check: ({ publicKey }) => {
    const { exponent } = rsaOf(publicKey)
    return exponent >= 65_537 && exponent < 2 ** 31 && exponent % 2 === 1
      ? undefined
      : `the exponent of its RSA key is ${exponent}`
  },
}
