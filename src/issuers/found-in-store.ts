/**
 * The key of an authority of the store, for another certificate of the same authority that `adopt` takes.
 *
 * @module
 */

import { latin1Of } from '../bytes.js'
import type { FoundAuthority } from '../inventory/inventory.js'
import type { Store } from '../inventory/store.js'
import { readFoundKey, type FoundKey } from '../keys/found-key.js'

/**
 * Reads it in the form in which it lies there: one under a passphrase stays under it.
 *
 * @returns `undefined` where the store does not have it, or not whole.
 * @throws {NomadPkiError} `ERR_KEY_MALFORMED`, `ERR_STORE_UNREADABLE`
 */
export async function keyInStore(
  { name, generation, certificate, key: { state } }: FoundAuthority,
  store: Store,
): Promise<FoundKey | undefined> {
  if (certificate === undefined || (state !== 'present' && state !== 'encrypted')) return undefined
  const bytes = await store.readAuthorityKey(name, generation)
  if (bytes === undefined) return undefined
  return state === 'encrypted'
    ? { publicKey: certificate.publicKey, pem: latin1Of(bytes) }
    : readFoundKey(bytes)
}
