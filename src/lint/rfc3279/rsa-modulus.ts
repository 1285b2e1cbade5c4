/**
 * The rule `rfc3279/rsa-modulus`.
 *
 * @module
 */

import type { Rule } from '../rule.js'
import { isRsa } from '../rsa.js'

/** NIST SP 800-131A §3: 2048 bits or more, and whole octets. */
export const rsaModulus: Rule = {
  name: 'rfc3279/rsa-modulus',
  source: 'NIST SP 800-131A §3',
  applies: isRsa,
  check: ({ publicKey: { name } }) => {
    const bits = Number(name.slice(4))
    if (bits < 2048) return `its RSA key has ${bits} bits, fewer than 2048`
    return bits % 8 === 0
      ? undefined
      : `its RSA key has ${bits} bits, which is not a whole number of octets`
  },
}
