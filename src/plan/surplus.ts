/**
 * Which old generations go, so that as many stay as the spec keeps. The one that an agent was last
 * known to have stays until it is known to have the newest: no other is left to go back to.
 *
 * @module
 */

import { generationName } from '../inventory/generation-name.js'
import type { FoundIdentity, Inventory } from '../inventory/inventory.js'
import { proofsIn, type Proof } from '../evidence/proven.js'

/** Says which directories of an identity go, oldest first. */
export type SurplusOf = (
  found: FoundIdentity | undefined,
  /** How many generations stay, from 1. */
  keep: number,
  /** How many are being made, and count already. Default: none. */
  fresh?: number,
) => readonly string[]

/**
 * Prepares the answer; the ledger is read when there is the first surplus.
 *
 * @param inventory What is.
 * @param options `now`: epoch milliseconds.
 */
export function surplusIn(inventory: Inventory, options: { readonly now: number }): SurplusOf {
  let proofs: ReadonlyMap<string, Proof> | undefined
  return (found, keep, fresh = 0) => {
    if (found === undefined) return []
    const surplus = found.generations.length + fresh - keep
    if (surplus <= 0) return []
    proofs ??= proofsIn(inventory, options)
    const { proven, newest } = proofs.get(found.address) ?? {}
    // While one is being made, the newest of the ledger is the newest no longer, and the link turns
    // to another before anything is removed.
    const runs = fresh > 0 || proven?.number !== newest?.number ? proven : undefined
    const stays = new Set([
      ...(fresh > 0 ? [] : [found.current?.directory, found.unfinished?.directory]),
      runs && generationName(runs.number, runs.fingerprint),
    ])
    return found.generations.filter((directory) => !stays.has(directory)).slice(0, surplus)
  }
}
