/**
 * The authorities that an entry of a file of evidence names, held against those of the store.
 *
 * @module
 */

import { didYouMean } from '../diagnostics.js'
import type { Inventory } from '../inventory/inventory.js'
import type { Observation } from './evidence.js'
import type { Entry } from './evidence-reader.js'
import { shown } from './json-text.js'
import { isAuthority } from './recognise.js'

/**
 * Roots of which a certificate was offered; also those that are no longer in the store.
 *
 * @returns None where the key is absent; `undefined`, and a diagnostic, for what is not an authority of ours.
 */
export function rootsIn(
  entry: Entry,
  key: 'accepts' | 'refuses',
  inventory: Inventory,
): readonly string[] | undefined {
  const roots = entry.has(key) ? entry.texts(key) : []
  const strange = roots?.find((one) => !isKnown(one, inventory))
  if (strange === undefined) return roots
  nameless(entry, key, strange, inventory)
  return undefined
}

/**
 * Whose key signed a leaf that the ledger lacks.
 *
 * @returns Nothing where the key is absent; `undefined`, and a diagnostic, for what is not an authority of ours.
 */
export function signerIn(
  entry: Entry,
  inventory: Inventory,
): Pick<Observation, 'under' | 'serial'> | undefined {
  if (!entry.has('under')) return {}
  const [under, serial] = [entry.text('under'), entry.text('serial')]
  if (under === undefined || serial === undefined) return undefined
  if (inventory.authorities.has(under)) return { under, serial }
  nameless(entry, 'under', under, inventory)
  return undefined
}

/** Says that an authority is not known here. */
export function nameless(
  entry: Entry,
  key: string,
  name: string,
  { authorities }: Inventory,
): void {
  const near = didYouMean(name, authorities.keys())
  entry.fault(key, 'evidence/address', `nothing is called ${shown(name)}`, {
    hint: near === undefined ? undefined : `did you mean ${near}?`,
  })
}

function isKnown(address: string, { authorities, ledger }: Inventory): boolean {
  if (!isAuthority(address)) return false
  return authorities.has(address) || ledger.lines.some((line) => line.address === address)
}
