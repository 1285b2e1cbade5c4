/**
 * Whose newest files lie in their places, by the receipts of the installers: all that can be known of agents that
 * speak plaintext, and of machines.
 *
 * @module
 */

import type { Inventory } from '../inventory/inventory.js'
import { generationsIn, type MadeGeneration } from './generations.js'

/**
 * The generation that the last receipt of each address names. An address is left out where that receipt names a
 * generation that was not made here.
 */
export function lastPlaced(inventory: Inventory): ReadonlyMap<string, MadeGeneration> {
  const made = generationsIn(inventory)
  const placed = new Map<string, MadeGeneration>()
  for (const line of inventory.ledger.events) {
    if (line.event !== 'received') continue
    const { address, fingerprint, generation } = line
    const named = made
      .get(address)
      ?.findLast((one) => one.fingerprint === fingerprint && one.number === generation)
    if (named === undefined) placed.delete(address)
    else placed.set(address, named)
  }
  return placed
}

/** The addresses of which the last receipt names the newest generation. */
export function placedIn(inventory: Inventory): ReadonlySet<string> {
  const made = generationsIn(inventory)
  const placed = new Set<string>()
  for (const [address, { number }] of lastPlaced(inventory)) {
    if (made.get(address)?.at(-1)?.number === number) placed.add(address)
  }
  return placed
}
