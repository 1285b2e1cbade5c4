/**
 * The revocation lists that `revoke` makes: one for each generation of an authority of which something is
 * revoked, signed by that generation where it can sign now.
 *
 * @module
 */

import { authorityNameOf, generationOf } from '../address.js'
import type { Issuers } from '../authority/issuers.js'
import { listObstacle, signList, type ListContent } from '../authority/revocation-list.js'
import { isIssuedBy } from '../checks/issued-by.js'
import { keylessText, placeInEngine, signerOf } from '../checks/key-place.js'
import { askList, listLifetime, offlineListLifetime } from '../checks/lists-due.js'
import type { Desired } from '../cluster/desired.js'
import { isNomadPkiError } from '../errors.js'
import { evidenceIn } from '../evidence/evidence.js'
import { rootAbove } from '../evidence/generations.js'
import type { Inventory } from '../inventory/inventory.js'
import { listIn } from '../inventory/list-in.js'
import { latestLists, listFault, type Revocations } from '../inventory/revoked.js'
import { isRevocationReason, type RevocationReason } from '../revocation-reasons.js'
import type { Certificate } from '../x509/certificate.js'
import type { RevokedEntry } from '../x509/crl.js'
import type { NewList } from '../report/revocation.js'
import { encodeCrl, type CrlEntry } from '../x509/make-crl.js'

/** How to make them. */
export interface ListOptions {
  readonly issuers: Issuers
  /** Where the spec says that the keys are. */
  readonly desired: Pick<Desired, 'authorities'>
  /** Epoch milliseconds. */
  readonly now: number
  /** Whether nothing is signed: the lists have no `pem`. */
  readonly rehearse: boolean
  /** `missing`: only lists that are not there, have ended or lack an entry. Default: all. */
  readonly only?: 'missing' | undefined
}

/**
 * Makes the lists of some authorities; an obstacle of one keeps no other from its list. An engine makes the lists of
 * its issuers itself.
 */
export async function newLists(
  authorities: ReadonlySet<string>,
  revoked: Revocations,
  inventory: Inventory,
  { issuers, desired, now, rehearse, only }: ListOptions,
): Promise<readonly NewList[]> {
  const lists: NewList[] = []
  const { compromised } = evidenceIn(inventory.ledger, { now })
  const marked = new Set(compromised.map(({ address }) => address))
  const latest = latestLists(inventory.ledger)
  for (const address of authorities) {
    if (placeInEngine(address, desired, inventory) !== undefined) continue
    const last = latest.get(address)
    const found = inventory.authorities.get(address)
    if (
      only === 'missing' &&
      found?.list !== undefined &&
      listFault(address, revoked, last, now) === undefined
    ) {
      continue
    }
    const certificate = found?.certificate
    const signer = signerOf(address, desired)
    const lifetime = signer === 'offline' ? offlineListLifetime : listLifetime
    const content = {
      ...nextList(address, revoked, inventory),
      thisUpdate: now,
      nextUpdate: Math.min(now + lifetime, certificate?.notAfter ?? Infinity),
    }
    const list = {
      ...{ address, name: authorityNameOf(address), generation: generationOf(address) },
      ...{ number: content.number, nextUpdate: content.nextUpdate, entries: content.entries },
      // The key still signs what is true. Readers that trust the root need the list until they drop it.
      compromised: marked.has(rootAbove(address, inventory.authorities) ?? address),
    }
    const over = overText(address, certificate, inventory, now)
    if (over !== undefined) {
      lists.push({ ...list, obstacle: over, needed: false })
      continue
    }
    const unable =
      certificate === undefined ? 'its certificate is not in the store' : listObstacle(certificate)
    if (unable === undefined && signer === 'offline') {
      const elsewhere = `the key of ${address} is on another machine`
      lists.push({ ...list, needed: true, obstacle: elsewhere, ask: askList(list.name) })
      continue
    }
    const obstacle = unable ?? (rehearse ? keyless(address, inventory, desired) : undefined)
    if (obstacle !== undefined || rehearse) {
      lists.push({ ...list, needed: true, ...(obstacle !== undefined && { obstacle }) })
      continue
    }
    try {
      const issuer = await issuers.open({ ...list, path: pathOf(certificate!, inventory) })
      lists.push({ ...list, needed: true, pem: encodeCrl(await signList(issuer, content)) })
    } catch (error) {
      if (!isNomadPkiError(error) || error.code === 'ERR_INTERRUPTED') throw error
      lists.push({ ...list, needed: true, obstacle: error.message })
    }
  }
  return lists
}

/** The number of the last list of an authority that the ledger or the store has; 0 without one. */
export function lastNumber(
  address: string,
  { ledger, authorities }: Pick<Inventory, 'ledger' | 'authorities'>,
): number {
  const told = latestLists(ledger).get(address)?.number ?? 0
  return Math.max(told, listIn(authorities.get(address)).number)
}

/**
 * What the next list of an authority says: all that is revoked, under a number that no list had and none was asked for
 * with.
 */
export function nextList(
  address: string,
  revoked: Revocations,
  inventory: Pick<Inventory, 'ledger' | 'authorities'>,
): Pick<ListContent, 'number' | 'entries'> {
  const { ledger, authorities } = inventory
  const last = latestLists(ledger).get(address)
  const before = listIn(authorities.get(address))
  const asked = ledger.events.flatMap((event) =>
    event.event === 'list-requested' && event.address === address ? [event.number] : [],
  )
  return {
    number: Math.max(lastNumber(address, inventory), ...asked) + 1,
    entries: [
      ...untoldEntries(address, revoked, before.entries),
      ...entriesOf(address, revoked, last?.thisUpdate),
    ],
  }
}

/** Why an authority needs no list; `undefined` where it may need one. */
function overText(
  address: string,
  certificate: Certificate | undefined,
  { ledger }: Inventory,
  now: number,
): string | undefined {
  if (certificate !== undefined) {
    return certificate.notAfter > now
      ? undefined
      : 'its certificate has ended, and all that it signed with it'
  }
  const last = ledger.events.findLast(
    (one) => one.address === address && (one.event === 'authority' || one.event === 'removed'),
  )
  return last?.event === 'removed' ? 'it was removed from the store, its key too' : undefined
}

/** What a rehearsal can tell without opening a key. */
function keyless(
  address: string,
  { authorities }: Inventory,
  desired: Pick<Desired, 'authorities'>,
): string | undefined {
  const why = keylessText(signerOf(address, desired), authorities.get(address)?.key.state)
  return why === undefined ? undefined : `the key of ${address} ${why}`
}

/**
 * What stands in a list. An entry leaves it after one list that was made beyond the end of its certificate
 * (RFC 5280 §3.3).
 */
function entriesOf(
  address: string,
  { all }: Revocations,
  lastMade: number | undefined,
): readonly CrlEntry[] {
  return all.flatMap(({ issuer, serial, at, reason, notAfter = Infinity }) =>
    issuer === address && notAfter >= (lastMade ?? -Infinity) ? [{ serial, at, reason }] : [],
  )
}

/** What the list before revoked and the ledger does not tell: revoked for good. */
function untoldEntries(
  address: string,
  { all }: Revocations,
  before: readonly RevokedEntry[],
): readonly CrlEntry[] {
  const told = new Set(all.flatMap(({ issuer, serial }) => (issuer === address ? [serial] : [])))
  return before.flatMap(({ serial, at, reason }) =>
    told.has(serial) ? [] : [{ serial, at, reason: reasonIn(reason) }],
  )
}

function reasonIn(word: string | undefined): RevocationReason {
  return word !== undefined && isRevocationReason(word) ? word : 'unspecified'
}

/** A certificate and those above it, the root last. */
function pathOf(
  certificate: Certificate,
  { authorities }: Inventory,
): readonly [Certificate, ...Certificate[]] {
  if (isIssuedBy(certificate, certificate)) return [certificate]
  for (const { certificate: above } of authorities.values()) {
    if (above === undefined || above === certificate || !isIssuedBy(certificate, above)) continue
    return [certificate, above]
  }
  return [certificate]
}
