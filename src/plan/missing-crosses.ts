/**
 * The cross-certificates that a root lacks.
 *
 * @module
 */

import { generationOf } from '../address.js'
import { isCrossOf } from '../checks/context.js'
import type { DesiredAuthority } from '../cluster/desired.js'
import type { Inventory } from '../inventory/inventory.js'
import type { Step } from './plan.js'

/**
 * Finds the older roots that are to certify a root and have not, or have certified another key.
 *
 * @param wanted The root.
 * @param now Epoch milliseconds.
 * @returns Their addresses.
 */
export function missingCrosses(
  { address, crossedBy }: DesiredAuthority,
  inventory: Inventory,
  now: number,
): readonly string[] {
  const certificate = inventory.authorities.get(address)?.certificate
  return crossedBy.filter((by) => {
    // An ended root certifies no other.
    if ((inventory.authorities.get(by)?.certificate?.notAfter ?? Infinity) <= now) return false
    const cross = inventory.authorities.get(address)?.crossed.get(generationOf(by))
    return cross === undefined || certificate === undefined || !isCrossOf(cross, certificate)
  })
}

/** The step that has the missing ones made. */
export function crossSteps(
  wanted: DesiredAuthority,
  inventory: Inventory,
  now: number,
): readonly Step[] {
  const missing = missingCrosses(wanted, inventory, now)
  if (missing.length === 0) return []
  const message = `${missing.join(', ')} will certify it too`
  return [
    { address: wanted.address, action: 'cross', reasons: [{ reason: 'cross-missing', message }] },
  ]
}
