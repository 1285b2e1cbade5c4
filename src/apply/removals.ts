/**
 * Removes what the spec no longer names: only ever by a step that `--prune` asked for.
 *
 * @module
 */

import { parseAddress } from '../address.js'
import { NomadPkiError } from '../errors.js'
import type { StoreBatch } from '../inventory/store.js'
import type { Step } from '../plan/plan.js'

/** Puts the removal of an orphan into the batch, and its line into the ledger. */
export function removeOrphan(step: Step, batch: StoreBatch, at: number): undefined {
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
  batch.record({ event: 'removed', address: step.address, at, reason: 'orphan' })
}
