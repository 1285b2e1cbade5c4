/**
 * The rule `rfc5480/ec-public-key`.
 *
 * @module
 */

import type { Rule } from '../rule.js'

/** RFC 5480 §2.1.1, §2.2: a curve by its name, and a point in the uncompressed form. */
export const ecPublicKey: Rule = {
  name: 'rfc5480/ec-public-key',
  source: 'RFC 5480 §2.1.1, §2.2',
  applies: ({ publicKey }) =>
    publicKey.algorithm === undefined && publicKey.name.startsWith('ecdsa'),
  check: ({ publicKey: { name } }) => {
    if (name.endsWith('explicit parameters'))
      return 'its elliptic curve is given by parameters, not by its name'
    if (name.endsWith(' compressed')) return 'its public key is a compressed point'
    return `its elliptic curve (${name}) is not one of P-256, P-384, P-521`
  },
}
