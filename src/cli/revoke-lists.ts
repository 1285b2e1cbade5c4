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
import { isNomadPkiError } from '../errors.js'
import { evidenceIn } from '../evidence/evidence.js'
import type { Inventory } from '../inventory/inventory.js'
import { latestLists, type Revocations } from '../inventory/revoked.js'
import type { Certificate } from '../x509/certificate.js'
import type { NewList } from '../report/revocation.js'
import { encodeCrl, type CrlEntry } from '../x509/make-crl.js'

/** For so long readers take a list. */
const listLifetime: number = 30 * 86_400_000

/** How to make them. */
export interface ListOptions {
  readonly issuers: Issuers
  /** Epoch milliseconds. */
  readonly now: number
  /** Whether nothing is signed: the lists have no `pem`. */
  readonly rehearse: boolean
  /** `missing`: only lists that are not there or have ended. Default: all. */
  readonly only?: 'missing' | undefined
}

/** Makes the lists of some authorities; an obstacle of one keeps no other from its list. */
export async function newLists(
  authorities: ReadonlySet<string>,
  revoked: Revocations,
  inventory: Inventory,
  { issuers, now, rehearse, only }: ListOptions,
): Promise<readonly NewList[]> {
  const lists: NewList[] = []
  const { compromised } = evidenceIn(inventory.ledger, { now })
  const latest = latestLists(inventory.ledger)
  for (const address of authorities) {
    const last = latest.get(address)
    const found = inventory.authorities.get(address)
    if (only === 'missing' && found?.list !== undefined && (last?.nextUpdate ?? 0) > now) continue
    const certificate = found?.certificate
    const content = {
      number: (last?.number ?? 0) + 1,
      thisUpdate: now,
      nextUpdate: Math.min(now + listLifetime, certificate?.notAfter ?? Infinity),
      entries: entriesOf(address, revoked, last?.thisUpdate),
    }
    const list = {
      ...{ address, name: authorityNameOf(address), generation: generationOf(address) },
      ...{ number: content.number, nextUpdate: content.nextUpdate, entries: content.entries },
    }
    const obstacle =
      certificate === undefined
        ? 'its certificate is not in the store'
        : certificate.notAfter <= now
          ? 'its certificate has ended, and all that it signed with it'
          : compromised.some((one) => one.address === address)
            ? 'it is marked as compromised: others may sign lists in its name'
            : listObstacle(certificate)
    if (obstacle !== undefined || rehearse) {
      lists.push({ ...list, ...(obstacle !== undefined && { obstacle }) })
      continue
    }
    try {
      const issuer = await issuers.open({ ...list, path: pathOf(certificate!, inventory) })
      lists.push({ ...list, pem: encodeCrl(await signList(issuer, content)) })
    } catch (error) {
      if (!isNomadPkiError(error) || error.code === 'ERR_INTERRUPTED') throw error
      lists.push({ ...list, obstacle: error.message })
    }
  }
  return lists
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
