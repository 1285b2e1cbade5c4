/**
 * Keys that several identities, or an identity and an authority, have in common: one stolen file
 * would be all of them.
 *
 * @module
 */

import { kindOf } from '../address.js'
import { latin1Of } from '../bytes.js'
import type { Inventory } from '../inventory/inventory.js'

/**
 * Finds identities and authorities that have the same private key.
 *
 * @param inventory What is.
 * @returns For each address that shares its key, the other addresses with it. Generations of one
 *   identity may share theirs: a refresh keeps the key.
 */
export function sharedKeys(inventory: Inventory): ReadonlyMap<string, readonly string[]> {
  const holders = new Map<string, string | string[]>()
  // The certified keys: a key.pem that belongs to another certificate is `key-mismatch`.
  for (const [address, { certificate }] of inventory.authorities) {
    if (certificate !== undefined) note(certificate.publicKey.spki, address)
  }
  for (const [address, { current }] of inventory.identities) {
    const leaf = current?.chain[0]
    if (leaf !== undefined) note(leaf.publicKey.spki, address)
  }
  const shared = new Map<string, readonly string[]>()
  for (const holder of holders.values()) {
    if (typeof holder === 'string') continue
    // Two generations of an authority with one key: a renewed certificate, which is allowed.
    const distinct = holder.filter((address) => kindOf(address) !== 'authority')
    if (distinct.length === 0) continue
    for (const address of holder) {
      shared.set(
        address,
        holder.filter((other) => other !== address),
      )
    }
  }
  return shared

  function note(spki: Uint8Array, address: string): void {
    // The whole SPKI as a Latin-1 string: as a map's key it is as good as a hash, and cheaper.
    const text = latin1Of(spki)
    const known = holders.get(text)
    if (known === undefined) holders.set(text, address)
    else if (typeof known === 'string') holders.set(text, [known, address])
    else known.push(address)
  }
}
