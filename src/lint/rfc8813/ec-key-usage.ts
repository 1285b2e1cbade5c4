/**
 * The rule `rfc8813/ec-key-usage`.
 *
 * @module
 */

import type { Rule } from '../rule.js'

/** RFC 8813 §3: an EC key signs or agrees; it enciphers nothing. `nomad tls` and cfssl say that it does. */
export const ecKeyUsage: Rule = {
  name: 'rfc8813/ec-key-usage',
  source: 'RFC 8813 §3',
  applies: ({ publicKey, keyUsage }) => keyUsage !== undefined && isEc(publicKey.name),
  check: ({ keyUsage }) => {
    for (const usage of keyUsage!) {
      if (usage === 'keyEncipherment' || usage === 'dataEncipherment') {
        return `its keyUsage has ${usage}, which no elliptic curve key can do`
      }
    }
    return undefined
  },
}

function isEc(name: string): boolean {
  return name.startsWith('ecdsa') || name === 'ed25519'
}
