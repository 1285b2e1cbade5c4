/**
 * Certificates that an engine showed and whose keys are not in this store: another administrator's, or those of a
 * store that was lost. While the agent is known to use one, nothing is missing; else its key is as good as lost.
 *
 * @module
 */

import type { ReasonGiven } from '../checks/reasons.js'
import type { Finding } from '../diagnostics.js'
import { formatInstant } from '../duration.js'
import { proofsIn, type Proof } from '../evidence/proven.js'
import type { FoundGeneration, Inventory } from '../inventory/inventory.js'

/** Takes from reasons what an agent disproves by using its certificate. */
export type InUse = (
  address: string,
  generation: FoundGeneration,
  reasons: ReasonGiven[],
) => ReasonGiven[]

/**
 * Says which certificates of other stores their agents are known to have.
 *
 * @param inventory The ledger says what was seen.
 * @param options `now`: epoch milliseconds.
 * @returns Drops the reason `key-elsewhere` of a generation that its agent was last known to have.
 */
export function usedElsewhere(inventory: Inventory, options: { readonly now: number }): InUse {
  let proofs: ReadonlyMap<string, Proof> | undefined
  return (address, { key, number }, reasons) => {
    if (key.state !== 'elsewhere') return reasons
    proofs ??= proofsIn(inventory, options)
    if (!hasIt(proofs.get(address), number)) return reasons
    return reasons.filter(({ reason }) => reason !== 'key-elsewhere')
  }
}

/** Whether an agent was last known to have a generation. */
export function hasIt(proof: Proof | undefined, number: number): boolean {
  return proof !== undefined && !proof.foreign && proof.proven?.number === number
}

/** What is told of a generation whose key is elsewhere, and which its agent has. */
export function madeElsewhere(address: string, { chain, directory }: FoundGeneration): Finding {
  const [leaf] = chain
  const until = leaf === undefined ? '' : ` until ${formatInstant(leaf.notAfter)}`
  return {
    severity: 'note',
    address,
    reason: 'key-elsewhere',
    message: `${directory} was made elsewhere, its agent has it, and it is good${until}; its key is not in this store`,
    remedy: `nothing is to be done until then; for a key of this store: nomad-pki rotate leaves ${address}`,
  }
}
