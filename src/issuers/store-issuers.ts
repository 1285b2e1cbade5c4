/**
 * The authorities' keys as the store keeps them.
 *
 * @module
 */

import { authorityAddress } from '../address.js'
import type { Issuers } from '../authority/issuers.js'
import { NomadPkiError } from '../errors.js'
import type { Store } from '../inventory/store.js'
import type { PrivateKey } from '../keys/algorithms.js'
import { generateKey } from '../keys/generate.js'
import { parsePrivateKey } from '../keys/private-key.js'
import { heldIssuer } from './held.js'
import { newAuthorityKey } from './new-key.js'

/**
 * Gives the authorities whose keys are files of a store. A key is read when it signs first.
 *
 * @param store Where the keys are.
 * @returns The port that `applyPlan` takes. Its functions throw, and document it.
 * @example
 *
 * ```ts
 * import { memoryStore, rehearsalIssuers, storeIssuers } from 'nomad-pki'
 *
 * const store = memoryStore()
 * const issuers = storeIssuers(store) // real signatures
 * const rehearsal = rehearsalIssuers() // for a dry run: no signature is valid, no key is kept
 * console.log(issuers !== rehearsal)
 * ```
 */
export function storeIssuers(store: Store): Issuers {
  return {
    async begin(authority) {
      const { name, generation, algorithm } = authority
      const made = await readKey(store, name, generation)
      return newAuthorityKey(
        authority,
        made?.algorithm === algorithm ? made : await generateKey(algorithm),
      )
    },
    async open({ name, generation, path }) {
      const held = await readKey(store, name, generation)
      if (held === undefined) {
        throw new NomadPkiError(
          'ERR_STORE_UNREADABLE',
          `the key of authority/${name}/${generation} is not in the store`,
          { address: authorityAddress(name, generation) },
        )
      }
      const [certificate, ...above] = path
      return heldIssuer({ name, certificate, above, key: held })
    },
  }
}

async function readKey(
  store: Store,
  name: string,
  generation: number,
): Promise<PrivateKey | undefined> {
  const bytes = await store.readAuthorityKey(name, generation)
  return bytes === undefined ? undefined : parsePrivateKey(bytes)
}
