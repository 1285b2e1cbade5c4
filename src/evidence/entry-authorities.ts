/**
 * The authorities that a line of evidence names, held against those of the store.
 *
 * @module
 */

import { didYouMean } from '../diagnostics.js'
import type { Inventory } from '../inventory/inventory.js'
import type { EventOf } from '../inventory/ledger-events.js'
import type { Entry } from './entry.js'
import { shown } from './json-lines.js'
import { isAuthority } from './recognise.js'

/**
 * Finds an authority that is not known here. A root of which a certificate was offered can have left the
 * store; a name in `trusts` that is not an address of ours can be of another authority.
 *
 * @returns Whether all are known; else there is a diagnostic.
 */
export function knowsAuthorities(
  { trusts, accepts = [], refuses = [], under }: EventOf<'observed'>,
  entry: Entry,
  inventory: Inventory,
): boolean {
  const { authorities } = inventory
  const isHere = (one: string): boolean => authorities.has(one)
  const wasHere = (one: string): boolean => isKnown(one, inventory)
  const named = {
    trusts: trusts?.filter(isAuthority).find((one) => !isHere(one)),
    accepts: accepts.find((one) => !wasHere(one)),
    refuses: refuses.find((one) => !wasHere(one)),
    under: under === undefined || isHere(under) ? undefined : under,
  }
  let all = true
  for (const [key, name] of Object.entries(named)) {
    if (name === undefined) continue
    all = false
    const near = didYouMean(name, authorities.keys())
    entry.fault(key, 'evidence/address', `unknown authority ${shown(name)}`, {
      hint: near === undefined ? undefined : `did you mean ${near}?`,
    })
  }
  return all
}

function isKnown(address: string, { authorities, ledger }: Inventory): boolean {
  if (!isAuthority(address)) return false
  return authorities.has(address) || ledger.lines.some((line) => line.address === address)
}
