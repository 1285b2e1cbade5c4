/**
 * The rule `nomad/p521-leaf`.
 *
 * @module
 */

import type { Rule } from '../rule.js'
import { isLeaf } from '../scope.js'

/** Agents take P-521; Chromium doesn't negotiate it. */
export const p521Leaf: Rule = {
  name: 'nomad/p521-leaf',
  source: 'Chromium ERR_SSL_VERSION_OR_CIPHER_MISMATCH',
  severity: 'warning',
  applies: isLeaf,
  check: ({ publicKey }) =>
    publicKey.name === 'ecdsa-p521'
      ? 'its key is on P-521, which browsers do not negotiate: no Web UI'
      : undefined,
}
