/**
 * Whether a store was begun. A store that is lost looks like one that was never there, and a new
 * authority made in its place cuts off every running agent: so a command that writes asks first.
 *
 * @module
 */

import type { LedgerEvent } from './ledger-events.js'
import type { Store } from './store.js'

/**
 * Says whether anything was ever put into a store: a ledger's line, an authority, a bundle, an
 * identity, or what a killed run left of one.
 *
 * @throws {NomadPkiError} `ERR_STORE_UNREADABLE`
 */
export async function isBegun(store: Store): Promise<boolean> {
  const ledger = await store.readLedger()
  if (ledger !== undefined && ledger.bytes.length > 0) return true
  const { authorities, bundles, identities, findings } = await store.read()
  return (
    authorities.length + bundles.length + identities.length > 0 ||
    findings.some(({ reason }) => reason === 'left-over')
  )
}

/**
 * The line that begins a ledger.
 *
 * @param id Random: it tells two stores of one cluster apart.
 * @param cluster The cluster that it is of.
 * @param at Epoch milliseconds.
 */
export function beginning(id: string, cluster: string, at: number): LedgerEvent {
  return { event: 'began', address: 'store', at, store: id, cluster }
}
