/**
 * What a store has already, for a second run of `adopt`.
 *
 * @module
 */

import type { MaterialFile } from '../adoption/collect.js'
import type { StoreIdentity } from '../adoption/renewals.js'
import type { SurveyedAgent } from '../adoption/survey-agents.js'
import { parseAddress } from '../address.js'
import { isNomadPkiError } from '../errors.js'
import type { Inventory } from '../inventory/inventory.js'
import type { Store } from '../inventory/store.js'
import { parseGenerationName } from '../inventory/generation-name.js'
import { keyInStore } from '../issuers/found-in-store.js'
import { readFoundKey } from '../keys/found-key.js'
import { samePublicKey } from '../keys/public-key.js'
import { fingerprintOf, isTwin, sameCertificate, type Certificate } from '../x509/certificate.js'

/** Lists the identities that have a current certificate. */
export function identitiesIn({ identities, ledger }: Inventory): readonly StoreIdentity[] {
  const made = new Map<string, number>()
  const adopted = new Set<string>()
  const generations = new Map<string, Map<string, number>>()
  for (const line of ledger.events) {
    const { event, address, at } = line
    if (event === 'removed') generations.delete(address)
    if (event !== 'issued' && event !== 'adopted' && event !== 'refreshed' && event !== 'turned') {
      continue
    }
    const { fingerprint, generation } = line
    if (event === 'adopted') adopted.add(fingerprint)
    else if (!made.has(fingerprint)) made.set(fingerprint, at)
    const own = generations.get(address) ?? new Map<string, number>()
    generations.set(address, own.set(fingerprint, generation))
  }
  return [...identities.values()].flatMap((found): StoreIdentity[] => {
    const { address, current, generations: directories } = found
    const leaf = current?.chain[0]
    if (current === undefined || leaf === undefined) return []
    const fingerprint = fingerprintOf(leaf)
    const numbers = directories.map((name) => parseGenerationName(name)?.number ?? 0)
    return [
      {
        address,
        leaf,
        number: current.number,
        next: Math.max(current.number, ...numbers) + 1,
        madeHere: adopted.has(fingerprint) ? undefined : (made.get(fingerprint) ?? leaf.notBefore),
        generations: generations.get(address) ?? new Map<string, number>(),
      },
    ]
  })
}

/**
 * Reads the keys that the store has for certificates which the old tool renewed with the same key: the
 * folder often has the certificate alone.
 *
 * @throws {NomadPkiError} `ERR_STORE_UNREADABLE`
 */
export async function keysInStore(
  files: readonly MaterialFile[],
  agents: readonly SurveyedAgent[],
  {
    identities,
    inventory,
  }: { readonly identities: readonly StoreIdentity[]; readonly inventory: Inventory | undefined },
  store: Store,
): Promise<readonly MaterialFile[]> {
  const keys: MaterialFile[] = []
  if (inventory === undefined) return keys
  const shown = [
    ...files.flatMap(({ materials }) =>
      materials.flatMap((one): Certificate[] =>
        one.kind === 'certificate' ? [one.certificate] : [],
      ),
    ),
    ...agents.flatMap(({ inUse }) => [...(inUse?.chain ?? []), ...(inUse?.roots ?? [])]),
  ]
  for (const found of inventory.authorities.values()) {
    const { address, certificate } = found
    const isRenewal = (one: Certificate): boolean =>
      certificate !== undefined && isTwin(one, certificate) && !sameCertificate(one, certificate)
    const key = shown.some(isRenewal) ? await keyInStore(found, store) : undefined
    if (key !== undefined)
      keys.push({ file: address, materials: [{ kind: 'key', place: address, key }] })
  }
  for (const { address, leaf } of identities) {
    const isRenewal = (one: Certificate): boolean =>
      samePublicKey(one.publicKey, leaf.publicKey) && !sameCertificate(one, leaf)
    const place = parseAddress(address)
    if (place.kind !== 'identity' || !shown.some(isRenewal)) continue
    const found = (await store.readIdentity(place))?.current?.key
    if (found === undefined) continue
    try {
      const key = readFoundKey(found.bytes)
      keys.push({ file: address, materials: [{ kind: 'key', place: address, key }] })
    } catch (error) {
      // What is wrong with a key in the store, plan and verify say.
      if (!isNomadPkiError(error)) throw error
    }
  }
  return keys
}
