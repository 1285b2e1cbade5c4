/**
 * A stage of turning TLS on that was forgotten: every agent speaks TLS, and the servers still accept
 * plaintext.
 *
 * @module
 */

import type { Desired } from '../cluster/desired.js'
import type { Finding } from '../diagnostics.js'
import { transportGate } from '../evidence/transport-gate.js'
import type { Inventory } from '../inventory/inventory.js'

/** Finds it. Until the stage has done its work it is not a finding. */
export function transportFindings(
  desired: Desired,
  inventory: Inventory,
  options: { readonly now: number },
): readonly Finding[] {
  if (desired.transport !== 'upgrading' || !transportGate(desired, inventory, options).open) {
    return []
  }
  return [
    {
      severity: 'warning',
      address: 'store',
      reason: 'plaintext-accepted',
      message:
        'transport is upgrading and every agent has its certificate: the servers still accept plaintext RPC, and do not check whose certificate it is',
      remedy: 'nomad-pki rotate tls --next',
    },
  ]
}
