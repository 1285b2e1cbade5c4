/**
 * The revocation lists that their readers cannot use, or soon cannot.
 *
 * @module
 */

import { listObstacle } from '../authority/revocation-list.js'
import type { Desired } from '../cluster/desired.js'
import type { FoundAuthority, Inventory } from '../inventory/inventory.js'
import type { EventOf } from '../inventory/ledger-events.js'
import { latestLists, listFault, revocationsIn, type ListFault } from '../inventory/revoked.js'
import { askFor, placeInEngine, signerOf } from './key-place.js'

const day = 86_400_000
/** How long readers take a list whose key is at hand. */
export const listLifetime: number = 30 * day
/** A person carries a request to the key and the answer back: twice a year is enough of that. */
export const offlineListLifetime: number = 180 * day
/** A request is signed within this time, so a list is asked for as long before its end. */
const offlineListAhead = 30 * day

/** The command that asks a key on another machine for what waits for it, its revocation list too. */
export function askList(name: string): string {
  return askFor(name, name)
}

/** A list that is to be made. */
export interface DueList {
  /** The authority. */
  readonly address: string
  readonly found: FoundAuthority
  readonly fault: ListFault
  /** The list before. */
  readonly last: EventOf<'listed'> | undefined
}

/**
 * Finds the lists of authorities that live and can sign one. An engine makes the lists of its issuers itself.
 *
 * @param now Epoch milliseconds.
 */
export function listsDue(
  desired: Pick<Desired, 'authorities'>,
  { ledger, authorities }: Pick<Inventory, 'ledger' | 'authorities'>,
  now: number,
): readonly DueList[] {
  const revocations = revocationsIn(ledger)
  const lists = latestLists(ledger)
  const concerned = new Set([...lists.keys(), ...revocations.all.map(({ issuer }) => issuer)])
  return [...concerned].flatMap((address): DueList[] => {
    const found = authorities.get(address)
    const certificate = found?.certificate
    if (found === undefined || certificate === undefined || certificate.notAfter <= now) return []
    if (placeInEngine(address, desired, { authorities }) !== undefined) return []
    const last = lists.get(address)
    const ahead = signerOf(address, desired) === 'offline' ? offlineListAhead : 0
    // A list cannot live longer than its authority: then a new one ends with the old one.
    const soon = certificate.notAfter - now <= ahead ? 0 : ahead
    const fault = listFault(address, revocations, last, now, soon)
    if (fault === undefined || listObstacle(certificate) !== undefined) return []
    return [{ address, found, fault, last }]
  })
}
