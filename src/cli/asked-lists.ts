/**
 * Revocation lists of a key on another machine: which are asked for, which were signed before, and how both
 * stores keep them.
 *
 * @module
 */

import { authorityNameOf, generationOf } from '../address.js'
import { sameBytes } from '../bytes.js'
import { signerOf } from '../checks/key-place.js'
import { listsDue, offlineListLifetime } from '../checks/lists-due.js'
import { formatInstant } from '../duration.js'
import { NomadPkiError } from '../errors.js'
import type { Inventory } from '../inventory/inventory.js'
import type { EventOf } from '../inventory/ledger-events.js'
import { listIn } from '../inventory/list-in.js'
import type { Ledger } from '../inventory/ledger.js'
import { revocationsIn } from '../inventory/revoked.js'
import type { StoreBatch } from '../inventory/store.js'
import { expectedList, listContent, type AskedList } from '../issuers/offline-list.js'
import type { OfflineRequest } from '../issuers/offline-request.js'
import { parseCrl } from '../x509/crl.js'
import { encodeCrl } from '../x509/make-crl.js'
import { nextList } from './revoke-lists.js'
import type { Workspace } from './workspace.js'

/**
 * The lists that wait for keys on another machine.
 *
 * @param now Epoch milliseconds.
 */
export function listsToAsk(
  { desired }: Pick<Workspace, 'desired'>,
  inventory: Inventory,
  now: number,
): readonly AskedList[] {
  const revoked = revocationsIn(inventory.ledger)
  return listsDue(desired, inventory, now).flatMap(({ address }): AskedList[] => {
    if (signerOf(address, desired) !== 'offline') return []
    const { number, entries } = nextList(address, revoked, inventory)
    return [
      {
        ...{ address, number },
        lifetime: offlineListLifetime,
        // A list tells moments to the second.
        entries: entries.map((one) => ({ ...one, at: Math.floor(one.at / 1000) * 1000 })),
      },
    ]
  })
}

/** The last time that a list of an authority was asked for. */
export function listAskedFor(
  address: string,
  { events }: Pick<Ledger, 'events'>,
): EventOf<'list-requested'> | undefined {
  return events.findLast(
    (event): event is EventOf<'list-requested'> =>
      event.event === 'list-requested' && event.address === address,
  )
}

/**
 * The list in a store, where it is the one that is asked for.
 *
 * @returns DER.
 */
export function listFor(
  asked: AskedList,
  request: OfflineRequest,
  { authorities }: Pick<Inventory, 'authorities'>,
): Uint8Array | undefined {
  const { der } = listIn(authorities.get(asked.address))
  return der !== undefined && sameBytes(parseCrl(der).tbs, expectedList(asked, request))
    ? der
    : undefined
}

/**
 * Refuses a list whose number another one has here: readers would see two lists with one number.
 *
 * @throws {NomadPkiError} `ERR_REFUSED`
 */
export function requireNewNumbers(
  request: OfflineRequest,
  inventory: Pick<Inventory, 'authorities'>,
): void {
  for (const asked of request.lists) {
    const { address, number } = asked
    const before = listIn(inventory.authorities.get(address))
    if (number > before.number || listFor(asked, request, inventory) !== undefined) continue
    throw new NomadPkiError(
      'ERR_REFUSED',
      `the request asks for revocation list ${number} of ${address}, and the store here has list ${before.number}, which says something else`,
      {
        address,
        hint: `copy ${address}/crl.pem of the store here into the store that asks, and ask again there: its entries are taken over`,
      },
    )
  }
}

/** What a person is to look at twice: what the list before revoked and this one does not, and authorities. */
export function listNotes(request: OfflineRequest, inventory: Inventory): readonly string[] {
  const { authorities } = inventory
  return request.lists.flatMap(({ address, entries }) => {
    const serials = new Set(entries.map(({ serial }) => serial))
    const before = listIn(authorities.get(address))
    const left = before.entries.filter(({ serial }) => !serials.has(serial))
    const own = [...authorities.values()].filter(
      ({ certificate }) => certificate !== undefined && serials.has(certificate.serial),
    )
    return [
      ...left.map(
        ({ serial, at }) =>
          `The list ${before.number} of ${address} revokes ${serial} (${formatInstant(at)}), and this one does not: that is right after its end.`,
      ),
      ...own.map(
        (one) =>
          `The list of ${address} has the serial number of ${one.address}: software that reads lists then refuses all below it.`,
      ),
    ]
  })
}

/**
 * Puts the lists that a store lacks.
 *
 * @param lists DER, in the order of the request.
 * @param line What the ledger says more of each.
 * @returns How many are new.
 */
export function putLists(
  request: OfflineRequest,
  lists: readonly Uint8Array[],
  batch: StoreBatch,
  {
    inventory,
    at,
    line,
  }: {
    readonly inventory: Pick<Inventory, 'authorities'>
    /** Epoch milliseconds. */
    readonly at: number
    readonly line: (asked: AskedList) => Partial<EventOf<'listed'>>
  },
): number {
  let count = 0
  request.lists.forEach((asked, index) => {
    if (listFor(asked, request, inventory) !== undefined) return
    count += 1
    const { address, number } = asked
    const { thisUpdate, nextUpdate } = listContent(asked, request)
    batch.putList(authorityNameOf(address), generationOf(address), encodeCrl(lists[index]!))
    batch.record({ event: 'listed', address, at, number, thisUpdate, nextUpdate, ...line(asked) })
  })
  return count
}
