/**
 * What the store has and the spec no longer names.
 *
 * @module
 */

import type { CheckContext } from '../checks/context.js'
import { neededByDeferred } from '../checks/deferral.js'
import type { Desired } from '../cluster/desired.js'
import type { Inventory } from '../inventory/inventory.js'
import type { Orphan } from './plan.js'

/**
 * Lists what the spec no longer names, and what no agent still needs.
 *
 * @param desired What should be.
 * @param inventory What is.
 * @param identities `named`: the addresses of all that the spec names; `left`: those of them whose nodes renew
 *   themselves and were seen with a certificate of their own.
 * @param context What agents keep until their renewal.
 */
export function findOrphans(
  desired: Desired,
  inventory: Inventory,
  { named, left }: { readonly named: ReadonlySet<string>; readonly left: ReadonlySet<string> },
  context: CheckContext,
): readonly Orphan[] {
  const orphans: Orphan[] = []
  for (const [address, { current }] of inventory.identities) {
    const notAfter = current?.chain[0]?.notAfter
    if (!named.has(address)) orphans.push({ address, notAfter })
    else if (left.has(address)) orphans.push({ address, notAfter, seenOwn: true })
  }
  const authorities = new Set(desired.authorities.map(({ address }) => address))
  // What agents still have of an earlier stage is not an orphan before their renewal.
  const needed = neededByDeferred(desired, inventory, context)
  for (const [address, { certificate }] of inventory.authorities) {
    if (!authorities.has(address) && !needed.has(address))
      orphans.push({ address, notAfter: certificate?.notAfter })
  }
  const bundles = new Set(desired.bundles.map(({ address }) => address))
  for (const [address] of inventory.bundles) if (!bundles.has(address)) orphans.push({ address })
  return orphans
}
