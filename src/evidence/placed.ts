/**
 * Agents whose newest files lie in their places, by the receipts of their installers: all that can be known of
 * agents that speak plaintext.
 *
 * @module
 */

import type { Inventory } from '../inventory/inventory.js'
import { generationsIn } from './generations.js'

/** The addresses of agents of which the last receipt names the newest generation. */
export function placedIn(inventory: Inventory): ReadonlySet<string> {
  const made = generationsIn(inventory)
  const placed = new Set<string>()
  for (const line of inventory.ledger.events) {
    if (line.event !== 'received') continue
    const newest = made.get(line.address)?.at(-1)
    if (line.fingerprint === newest?.fingerprint && line.generation === newest.number) {
      placed.add(line.address)
    } else placed.delete(line.address)
  }
  return placed
}
