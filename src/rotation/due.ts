/**
 * Which leaves a timer renews: those that are due, spread so that a fleet made in one minute is not
 * renewed in one.
 *
 * @module
 */

import { endsWithIssuer, renewBeforeOf, isOnDemand } from '../checks/identity.js'
import type { CheckContext } from '../checks/context.js'
import type { Inventory } from '../inventory/inventory.js'
import { revocationOf, revocationsIn } from '../inventory/revoked.js'
import { sha256 } from '../sha256.js'
import { renewsItself, type Desired } from '../cluster/desired.js'

/** The widest spread, as a part of `renewBefore`; it is only ever earlier. */
const spread = 0.1

/**
 * Where an address stands in the spread: from 0 to 1, always the same, evenly over many.
 *
 * @param address `identity/server/global/s1`
 */
export function jitterOf(address: string): number {
  return Number.parseInt(sha256(address).slice(0, 8), 16) / 2 ** 32
}

/**
 * How long before its end a timer renews a leaf, milliseconds: `renewBefore` (a third of the life
 * where that doesn't fit), and up to a tenth of it more. The spread also stays within a tenth of what
 * comes before, so that no leaf is due on the day it was made.
 *
 * @param renewBefore How long before its end it is due, milliseconds.
 * @param life Of the leaf, milliseconds; longer than `renewBefore`.
 */
export function renewedBefore(address: string, renewBefore: number, life: number): number {
  return renewBefore + jitterOf(address) * spread * Math.min(renewBefore, life - renewBefore)
}

/**
 * The identities that are to be renewed now: their end is near, or they were revoked. Short ones of operators are
 * made when asked for.
 *
 * @param context The authorities, and the time.
 * @returns Addresses, soonest end first.
 */
export function dueLeaves(
  desired: Desired,
  inventory: Inventory,
  context: CheckContext,
): readonly string[] {
  const due: { readonly address: string; readonly notAfter: number }[] = []
  const revoked = revocationsIn(inventory.ledger)
  for (const wanted of desired.identities) {
    const { address, profile } = wanted
    if (isOnDemand(profile) || renewsItself({ profile })) continue
    const leaf = inventory.identities.get(address)?.current?.chain[0]
    if (leaf === undefined) continue
    if (revocationOf(leaf, revoked) !== undefined) {
      due.push({ address, notAfter: leaf.notAfter })
      continue
    }
    const life = leaf.notAfter - leaf.notBefore
    const early = renewedBefore(address, renewBeforeOf(wanted, leaf), life)
    if (leaf.notAfter - context.now >= early) continue
    // It can't live longer than its issuer: the authority is what ages.
    const issuer = context.authorities.get(profile.issuer.address)
    if (leaf.notAfter > context.now && endsWithIssuer(leaf, issuer?.notAfter)) continue
    due.push({ address, notAfter: leaf.notAfter })
  }
  return due.sort((a, b) => a.notAfter - b.notAfter).map(({ address }) => address)
}
