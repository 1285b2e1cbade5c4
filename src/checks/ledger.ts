/**
 * A ledger whose chain does not hold.
 *
 * @module
 */

import type { Finding } from '../diagnostics.js'
import type { Inventory } from '../inventory/inventory.js'

/** The error of the first line that does not follow from the one before; empty where all follow. */
export function ledgerFindings({
  ledger,
  location,
}: Pick<Inventory, 'ledger' | 'location'>): readonly Finding[] {
  if (ledger.fault === undefined) return []
  return [
    {
      severity: 'error',
      address: 'ledger',
      reason: 'ledger-broken',
      message: `line ${ledger.fault.line} of ledger.jsonl: ${ledger.fault.message}`,
      remedy: `restore ${location}/ledger.jsonl from a backup; or, to begin a new one, move it aside`,
      file: 'ledger.jsonl',
    },
  ]
}
