/**
 * What was adopted: certificates that another tool made. They are held against what Nomad demands, and
 * not against the form that this project gives its own; the next renewal brings that.
 *
 * @module
 */

import type { Inventory } from '../inventory/inventory.js'

/** Gives the fingerprints, in hex, of all certificates that the ledger notes as adopted. */
export function adoptedIn({ ledger }: Pick<Inventory, 'ledger'>): ReadonlySet<string> {
  const adopted = new Set<string>()
  for (const event of ledger.events) {
    if (event.event === 'adopted' || (event.event === 'authority' && event.adopted === true)) {
      adopted.add(event.fingerprint)
    }
  }
  return adopted
}
