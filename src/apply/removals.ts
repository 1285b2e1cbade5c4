/**
 * Removes what the spec no longer names: only ever by a step that `--prune` asked for.
 *
 * @module
 */

import { parseAddress } from '../address.js'
import { NomadPkiError } from '../errors.js'
import type { Inventory } from '../inventory/inventory.js'
import type { StoreBatch } from '../inventory/store.js'
import type { Step } from '../plan/plan.js'
import { formatName } from '../x509/name.js'

/** Puts the removal of an orphan into the batch, and its line into the ledger. */
export function removeOrphan(
  step: Step,
  batch: StoreBatch,
  { at, inventory }: { readonly at: number; readonly inventory: Inventory },
): undefined {
  const address = parseAddress(step.address)
  switch (address.kind) {
    case 'identity':
      batch.removeIdentity(address)
      break
    case 'authority':
      batch.removeAuthority(address.name, address.generation)
      break
    case 'bundle':
      batch.removeBundle(address.name)
      break
    case 'config':
      throw new NomadPkiError('ERR_INTERNAL', `a configuration is never removed: ${step.address}`)
  }
  const certificate = inventory.authorities.get(step.address)?.certificate
  batch.record({
    event: 'removed',
    address: step.address,
    at,
    reason: 'orphan',
    // Agents may trust it still, and they say its name.
    ...(certificate !== undefined && { subject: formatName(certificate.subject) }),
  })
}
