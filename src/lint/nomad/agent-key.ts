/**
 * The rule `nomad/agent-key`.
 *
 * @module
 */

import { handshakeKeyFault } from '../../nomad/load-fault.js'
import { roleProfiles } from '../../nomad/roles.js'
import type { Rule } from '../rule.js'
import { roleOf } from '../scope.js'

/** helper/tlsutil/config.go:435-449: agents take ECDSA and RSA; P-224 never completes a handshake. */
export const agentKey: Rule = {
  name: 'nomad/agent-key',
  each: true,
  source: 'helper/tlsutil/config.go:435-449, crypto/tls',
  binding: true,
  applies: (_, context) => roleOf(context) !== undefined,
  check: ({ publicKey }, context) => {
    // The usual ones by their name alone.
    if (publicKey.name === 'ecdsa-p256') return undefined
    return handshakeKeyFault(publicKey, roleProfiles[roleOf(context)!].agent)
  },
}
