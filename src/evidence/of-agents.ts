/**
 * What the ledger says of some agents alone: their judgement costs what they are, and not what the cluster is.
 *
 * @module
 */

import type { Inventory } from '../inventory/inventory.js'
import type { LedgerEvent } from '../inventory/ledger-events.js'

/**
 * Gives an inventory whose ledger has the events of some agents and those of no agent.
 *
 * It judges these agents as the whole one does, but where an agent presents a leaf that is not its own: whose
 * it is only the whole one says.
 *
 * @param inventory The whole one.
 * @param addresses Of the agents.
 * @returns The whole one where another copy of the store was seen: that concerns every agent.
 */
export function ofAgents(inventory: Inventory, addresses: readonly string[]): Inventory {
  const { events } = inventory.ledger
  const wanted = new Set(addresses)
  const own: LedgerEvent[] = []
  for (const event of events) {
    if ('under' in event && event.under !== undefined) return inventory
    const isOwn =
      !event.address.startsWith('identity/') ||
      wanted.has(event.address) ||
      ('asked' in event && event.asked !== undefined && wanted.has(event.asked))
    if (isOwn) own.push(event)
  }
  return { ...inventory, ledger: { ...inventory.ledger, events: own } }
}
