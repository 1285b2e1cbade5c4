/**
 * Work on a store that nobody else writes to meanwhile.
 *
 * @module
 */

import type { Store } from '../inventory/store.js'
import { requireBegun } from './begin-store.js'

/**
 * Takes the store's lock, works, and gives it back, whatever happens.
 *
 * @param command Who holds it, for the others.
 * @throws {NomadPkiError} `ERR_STORE_NOT_BEGUN`, `ERR_STORE_LOCKED`, `ERR_STORE_UNWRITABLE`; and whatever `work` throws.
 */
export async function underLock<Value>(
  store: Store,
  command: string,
  work: () => Promise<Value>,
): Promise<Value> {
  await requireBegun({ store })
  const lock = await store.lock({ command })
  try {
    return await work()
  } finally {
    await lock.release()
  }
}
