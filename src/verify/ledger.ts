/**
 * The ledger: whether its chain holds, and whether it still contains what was written down elsewhere.
 *
 * @module
 */

import { ledgerFindings } from '../checks/ledger.js'
import type { Finding } from '../diagnostics.js'
import type { Inventory } from '../inventory/inventory.js'
import { emptyHead } from '../inventory/ledger.js'

/**
 * Checks the chain of the ledger and its end, and that a store with identities has one.
 *
 * @param inventory What is.
 * @param head A head noted elsewhere (`status` prints it), hex; a beginning of at least 8 digits will do.
 */
export function verifyLedger(inventory: Inventory, head?: string): readonly Finding[] {
  const { ledger, location } = inventory
  const findings: Finding[] = [...ledgerFindings(inventory)]
  const say = (
    severity: Finding['severity'],
    reason: string,
    message: string,
    remedy: string,
  ): void => {
    findings.push({ severity, address: 'ledger', reason, message, remedy, file: 'ledger.jsonl' })
  }
  if (ledger.fault === undefined && ledger.lines.length === 0 && inventory.identities.size > 0) {
    say(
      'warning',
      'ledger-broken',
      'the store has identities and no ledger, so their issuers are unknown',
      `restore ${location}/ledger.jsonl from a backup`,
    )
  }
  if (ledger.tornBytes > 0) {
    say(
      'warning',
      'ledger-broken',
      `its last line is torn after ${ledger.tornBytes} bytes: an append was interrupted`,
      'nomad-pki apply',
    )
  }
  if (head !== undefined && !contains(inventory, head.trim().toLowerCase())) {
    say(
      'error',
      'ledger-cut',
      `the head ${head.trim().slice(0, 16)}, noted elsewhere, is not in it: lines were cut off or rewritten since`,
      `restore ${location}/ledger.jsonl from a backup, and find out what wrote to the store`,
    )
  }
  return findings
}

function contains({ ledger }: Inventory, head: string): boolean {
  if (!/^[0-9a-f]{8,64}$/.test(head)) return false
  return (
    ledger.head.startsWith(head) ||
    // The head of an empty ledger is in every one, and so proves nothing.
    ledger.lines.some(({ prev }) => prev !== emptyHead && prev.startsWith(head))
  )
}
