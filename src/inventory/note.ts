/**
 * Lines of the ledger alone, made durable.
 *
 * @module
 */

import type { LedgerEvent } from './ledger-events.js'
import type { Store } from './store.js'

/**
 * Notes something in the ledger. The caller holds the lock of the store.
 *
 * @throws {NomadPkiError} `ERR_STORE_UNWRITABLE`
 */
export async function note(store: Store, events: readonly LedgerEvent[]): Promise<void> {
  if (events.length === 0) return
  const batch = store.batch()
  for (const event of events) batch.record(event)
  await batch.commit()
}
