/**
 * The revocation lists that `revoke` makes: one for each generation of an authority of which something is
 * revoked, signed by that generation where it can sign now.
 *
 * @module
 */

import { authorityNameOf, generationOf } from '../address.js'
import type { Issuers } from '../authority/issuers.js'
import { listObstacle, signList } from '../authority/revocation-list.js'
import { isIssuedBy } from '../checks/issued-by.js'
import { keylessText, signerOf } from '../checks/key-place.js'
import type { Desired } from '../cluster/desired.js'
import { isNomadPkiError } from '../errors.js'
import { evidenceIn } from '../evidence/evidence.js'
import { rootAbove } from '../evidence/generations.js'
import type { FoundAuthority, Inventory } from '../inventory/inventory.js'
import { latestLists, listFault, type Revocations } from '../inventory/revoked.js'
import { revocationReasons, type RevocationReason } from '../revocation-reasons.js'
import { pemBlocks } from '../keys/pem.js'
import type { Certificate } from '../x509/certificate.js'
import { parseCrl, type RevokedEntry } from '../x509/crl.js'
import type { NewList } from '../report/revocation.js'
import { encodeCrl, type CrlEntry } from '../x509/make-crl.js'
import { isSignedBy } from '../x509/signature.js'

/** For so long readers take a list. */
const listLifetime: number = 30 * 86_400_000

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

/** Makes the lists of some authorities; an obstacle of one keeps no other from its list. */
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
    const before = listIn(found)
    const content = {
      number: Math.max(last?.number ?? 0, before.number) + 1,
      thisUpdate: now,
      nextUpdate: Math.min(now + listLifetime, certificate?.notAfter ?? Infinity),
      entries: [
        ...untoldEntries(address, revoked, before.entries),
        ...entriesOf(address, revoked, last?.thisUpdate),
      ],
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
    const obstacle =
      certificate === undefined
        ? 'its certificate is not in the store'
        : (listObstacle(certificate) ??
          (rehearse ? keyless(address, inventory, desired) : undefined))
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
  const signer = signerOf(address, desired)
  if (signer === 'offline') return `the key of ${address} is on another machine`
  const why = keylessText(signer, authorities.get(address)?.key.state)
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

/** The list in the store: a ledger that was begun anew does not know it. */
function listIn(found: FoundAuthority | undefined): {
  readonly number: number
  readonly entries: readonly RevokedEntry[]
} {
  const none = { number: 0, entries: [] }
  if (found?.list === undefined || found.certificate === undefined) return none
  try {
    const list = parseCrl(pemBlocks(found.list)[0]!.der)
    const number = Number.parseInt(list.number ?? '0', 16)
    const isOwn = Number.isSafeInteger(number) && isSignedBy(list, found.certificate.publicKey)
    return isOwn ? { number, entries: list.entries } : none
  } catch (error) {
    // A damaged file is written anew.
    if (isNomadPkiError(error)) return none
    throw error
  }
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
  const found = Object.keys(revocationReasons).find((one) => one === word)
  return (found as RevocationReason | undefined) ?? 'unspecified'
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
