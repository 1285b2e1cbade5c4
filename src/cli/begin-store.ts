/**
 * The beginning of a store, which is a decision of its own: where a store is lost, a command that
 * simply made another would make another authority, and cut off every running agent.
 *
 * @module
 */

import { randomBytes } from 'node:crypto'
import { lostStoreRemedy } from '../checks/lost-store.js'
import type { Desired } from '../cluster/desired.js'
import type { Finding } from '../diagnostics.js'
import { NomadPkiError } from '../errors.js'
import { beginning, isBegun } from '../inventory/begun.js'
import type { Store } from '../inventory/store.js'

/**
 * Makes the store and notes its beginning as the first line of its ledger.
 *
 * @param store A store without content.
 * @param cluster The cluster that it is for.
 * @param at Epoch milliseconds.
 * @throws {NomadPkiError} `ERR_FILE_EXISTS` where it has content; `ERR_STORE_TRACKED`,
 *   `ERR_STORE_LOCKED`, `ERR_STORE_UNWRITABLE`
 */
export async function beginStore(store: Store, cluster: string, at: number): Promise<void> {
  const lock = await store.lock({ command: 'init' })
  try {
    // Under the lock: of two that begin it at the same time the second one is refused.
    if (await isBegun(store)) throw hasContent(store)
    const batch = store.batch()
    batch.record(beginning(randomBytes(16).toString('hex'), cluster, at))
    await batch.commit()
  } finally {
    await lock.release()
  }
}

/** Refuses to begin a store that has content. */
export function hasContent({ location }: Store): NomadPkiError {
  return new NomadPkiError('ERR_FILE_EXISTS', `the store ${location} has content`, {
    hint: 'it is in use: nomad-pki plan; a new store goes into another folder (`store` in the spec)',
  })
}

/**
 * Refuses to go on where no store was begun.
 *
 * @param workspace Without `desired`, the remedy names what a spec without an engine has.
 * @param flag ` --file …` as it was given.
 * @throws {NomadPkiError} `ERR_STORE_NOT_BEGUN`
 */
export async function requireBegun(
  { store, desired = { authorities: [] } }: BegunIn,
  flag = '',
): Promise<void> {
  if (await isBegun(store)) return
  throw new NomadPkiError('ERR_STORE_NOT_BEGUN', notBegunText(store), {
    hint: lostStoreRemedy(desired, flag),
  })
}

/** A store, and what the spec says. */
interface BegunIn {
  readonly store: Store
  readonly desired?: Pick<Desired, 'authorities'> | undefined
}

/** The same as a finding of a plan: what `apply` would refuse. */
export function notBegun(
  store: Pick<Store, 'location'>,
  desired: Pick<Desired, 'authorities'>,
  flag: string,
): Finding {
  return {
    severity: 'error',
    address: 'store',
    reason: 'store-not-begun',
    message: notBegunText(store),
    remedy: lostStoreRemedy(desired, flag),
  }
}

function notBegunText({ location }: Pick<Store, 'location'>): string {
  return `there is no store at ${location}: it is lost, or was never begun`
}
