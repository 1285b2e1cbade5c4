/**
 * The rule `nomad/ed25519-authority`.
 *
 * @module
 */

import type { Rule } from '../rule.js'
import { isAuthority } from '../scope.js'

/** Agents take Ed25519 in authorities; browsers don't, so the Web UI won't open. */
export const ed25519Authority: Rule = {
  name: 'nomad/ed25519-authority',
  source: 'Chromium ERR_CERT_INVALID, NSS',
  severity: 'warning',
  applies: isAuthority,
  check: ({ publicKey }) =>
    publicKey.name === 'ed25519'
      ? 'its key is Ed25519, which browsers refuse: no Web UI'
      : undefined,
}
