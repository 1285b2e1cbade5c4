/**
 * The agents' configurations: whether each says what the spec wants and names the files that are
 * there, told by the same comparison that the plan acts on.
 *
 * @module
 */

import type { Finding } from '../diagnostics.js'
import type { Inventory } from '../inventory/inventory.js'
import { planConfigs } from '../plan/configs.js'
import type { Desired } from '../cluster/desired.js'

/** Verifies the configurations that the spec names. */
export function verifyConfigs(desired: Desired, inventory: Inventory): readonly Finding[] {
  const { steps, findings } = planConfigs(desired.configs, inventory, { desired })
  return [
    // A plan warns of it and goes on; whether the cluster will run is another question.
    ...findings.map((finding): Finding =>
      finding.reason === 'will-not-start' ? { ...finding, severity: 'error' } : finding,
    ),
    ...steps.flatMap(({ address, reasons }) =>
      reasons.map(({ reason, message }): Finding => ({
        severity: 'error',
        address,
        reason,
        message,
        remedy: `nomad-pki apply ${address}`,
      })),
    ),
  ]
}
