/**
 * Keys of generations that are not the current ones: an agent may still run on one, and a copy of it opens what
 * its certificate opens.
 *
 * @module
 */

import { latin1Of } from '../bytes.js'
import { isNomadPkiError } from '../errors.js'
import type { PublicKey } from '../keys/algorithms.js'
import { pemBlocks } from '../keys/pem.js'
import { sha256 } from '../sha256.js'
import type { Inventory } from './inventory.js'
import type { Store, StoredFile } from './store.js'

/**
 * Lists the addresses whose kept generations have a certificate of a key, and those for which the ledger notes that
 * the key was to be certified.
 *
 * @param key A public key.
 * @param inventory Which generations there are; its ledger.
 * @param store For the certificates of generations that are not current.
 */
export async function keepersOf(
  key: PublicKey,
  { identities, ledger }: Pick<Inventory, 'identities' | 'ledger'>,
  store: Pick<Store, 'readGenerations'>,
): Promise<ReadonlySet<string>> {
  const keepers = new Set<string>()
  const digest = sha256(key.spki)
  for (const event of ledger.events) {
    if (event.event === 'attempted' && event.key === digest) keepers.add(event.address)
  }
  const spki = Buffer.from(key.spki)
  for (const { address, role, region, name, generations, current } of identities.values()) {
    if (generations.every((directory) => directory === current?.directory)) continue
    const kept = await store.readGenerations({ role, region, name })
    if (kept.some(({ cert }) => cert !== undefined && isOf(cert, spki))) keepers.add(address)
  }
  return keepers
}

/** Whether the first certificate of a file has a key. What cannot be read has none. */
function isOf({ bytes }: StoredFile, spki: Buffer): boolean {
  try {
    const [leaf] = pemBlocks(latin1Of(bytes))
    return leaf !== undefined && Buffer.from(leaf.der).includes(spki)
  } catch (error) {
    if (!isNomadPkiError(error)) throw error
    return false
  }
}
