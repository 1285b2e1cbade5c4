/**
 * Revocation lists in a folder: the newest one of each authority that is adopted goes with it, so that the next list
 * has the next number and keeps what was revoked.
 *
 * @module
 */

import { sameBytes } from '../bytes.js'
import { numberOf, type OwnList } from '../inventory/list-in.js'
import type { RevocationList } from '../x509/crl.js'
import { formatName } from '../x509/name.js'
import { isSignedBy } from '../x509/signature.js'
import type { AdoptedAuthority, AdoptedList } from './adopted.js'
import type { LeftOut } from './materials.js'

/** A list, and where it was found. */
export interface FoundList {
  readonly place: string
  readonly der: Uint8Array
  readonly list: RevocationList
}

/**
 * Gives each authority its list.
 *
 * @param present The lists of the store, by the address of their authorities; the number is the last that was told.
 */
export function withLists(
  authorities: readonly AdoptedAuthority[],
  found: readonly FoundList[],
  present: ReadonlyMap<string, OwnList>,
): { readonly authorities: readonly AdoptedAuthority[]; readonly leftOut: readonly LeftOut[] } {
  const leftOut: LeftOut[] = []
  const say = (place: string, message: string, hint?: string): void => {
    leftOut.push({ kind: 'left-out', place, code: 'adoption/unused', message, hint })
  }
  const own = new Map<string, AdoptedList[]>()
  for (const { place, der, list } of found) {
    const number = numberOf(list)
    const signers = authorities.filter(({ certificate }) => isOf(list, certificate))
    const name = formatName(list.issuer)
    if (signers.length === 0) {
      leftOut.push({
        kind: 'left-out',
        place,
        code: 'adoption/issuer',
        message: `it is a revocation list in the name of ${name}, and no authority that is adopted signed it`,
      })
    } else if (list.isPartial) {
      say(place, `it is a part of the revocation list of ${name} (a delta list, or of some kinds)`)
    } else if (number === undefined) {
      say(place, `the number of this revocation list is larger than this program counts`)
    } else {
      // Versions of one key share its lists.
      for (const { address } of signers) {
        const { thisUpdate, nextUpdate, entries } = list
        const one = { place, der, number, thisUpdate, nextUpdate, entries }
        own.set(address, [...(own.get(address) ?? []), one])
      }
    }
  }
  const told = new Set<string>()
  const adopted = authorities.map((authority): AdoptedAuthority => {
    const { address } = authority
    const [newest, ...older] = (own.get(address) ?? []).sort(
      (a, b) => b.number - a.number || b.thisUpdate - a.thisUpdate,
    )
    if (newest === undefined) return authority
    for (const { place, der } of older) {
      if (told.has(place) || sameBytes(der, newest.der)) continue
      told.add(place)
      say(place, `a later revocation list of ${address} is in ${newest.place}`)
    }
    const before = present.get(address)
    if (before?.der !== undefined && sameBytes(before.der, newest.der)) return authority
    const fault = before && obstacle(newest, before)
    if (fault === undefined) return { ...authority, list: newest }
    if (!told.has(newest.place)) {
      told.add(newest.place)
      say(newest.place, `it is a revocation list of ${address}, and ${fault}`)
    }
    return authority
  })
  return { authorities: adopted, leftOut }
}

function isOf(list: RevocationList, certificate: AdoptedAuthority['certificate']): boolean {
  return (
    sameBytes(list.issuer.der, certificate.subject.der) && isSignedBy(list, certificate.publicKey)
  )
}

/** Why the list of the store stays. */
function obstacle({ number, entries }: AdoptedList, before: OwnList): string | undefined {
  const isNew = before.der === undefined && before.number === 0
  if (number <= before.number && !isNew) {
    return `the store has made list ${before.number}, and this is list ${number}`
  }
  const serials = new Set(entries.map(({ serial }) => serial))
  const lost = before.entries.find(({ serial }) => !serials.has(serial))
  return lost && `that of the store revokes ${lost.serial}, which this one does not`
}
