/**
 * Which generations of each identity were ever made, and what each brought: read from the ledger,
 * because old ones are pruned from the store and may still be loaded somewhere.
 *
 * @module
 */

import { isAnchor, isIssuedBy } from '../checks/issued-by.js'
import type { Inventory } from '../inventory/inventory.js'
import type { Ledger } from '../inventory/ledger.js'
import { memoByObject } from '../memo.js'
import { isTwin, type Certificate } from '../x509/certificate.js'

/** A generation as the ledger tells it. */
export interface MadeGeneration {
  /** Its number, from 1. */
  readonly number: number
  /** SHA-256 of the leaf, hex; several generations can have one leaf. */
  readonly fingerprint: string
  /** When it was made, epoch milliseconds. */
  readonly at: number
  /** When the leaf begins, epoch milliseconds; `undefined` in lines of before it was noted. */
  readonly notBefore?: number | undefined
  /** When the leaf ends, epoch milliseconds. */
  readonly notAfter: number
  /** The authority that signed the leaf, `authority/us-west/2`. */
  readonly issuer: string
  /** The roots in its `ca.pem`; `undefined` in lines that were written before they were noted. */
  readonly trusted: readonly string[] | undefined
}

/** By the identity's address, in the order of their numbers. */
export type MadeGenerations = ReadonlyMap<string, readonly MadeGeneration[]>

/**
 * Lists the generations of each identity that the ledger knows, oldest first, by the identity's address.
 */
export function generationsIn({ ledger }: Inventory): MadeGenerations {
  return madeIn(ledger)
}

/** Evidence, schedule and plan all ask for those of ten thousand agents. */
const madeIn = memoByObject(({ events }: Ledger): MadeGenerations => {
  const made = new Map<string, MadeGeneration[]>()
  const issuers = new Map<string, string>()
  for (const line of events) {
    const { event, address } = line
    if (event === 'removed') made.delete(address)
    if (event !== 'issued' && event !== 'adopted' && event !== 'refreshed' && event !== 'turned') {
      continue
    }
    const { at, generation, fingerprint, notBefore, notAfter, issuer, trusted } = line
    // A refresh keeps the leaf and so its issuer, also where another authority signs now.
    const signed = issuers.get(fingerprint) ?? issuer
    issuers.set(fingerprint, signed)
    const known = made.get(address) ?? []
    // A ledger of an earlier version may know a generation that a killed run made only by its `turned`.
    if (event === 'turned' && known.some(({ number }) => number === generation)) continue
    known.push({
      number: generation,
      fingerprint,
      at,
      ...(notBefore !== undefined && { notBefore }),
      notAfter,
      issuer: signed,
      trusted,
    })
    made.set(address, known)
  }
  return made
})

/** Whether two lists name the same roots; one that was not noted names none that could be compared. */
export function sameRoots(a: readonly string[] | undefined, b: readonly string[]): boolean {
  return a !== undefined && new Set(a).size === new Set(b).size && a.every((one) => b.includes(one))
}

/**
 * The root above an authority.
 *
 * @param address `authority/us-west/2`
 * @returns `authority/agent/2`; itself for a root; `undefined` where the store no longer tells.
 */
export function rootAbove(
  address: string,
  authorities: Inventory['authorities'],
): string | undefined {
  const certificate = authorities.get(address)?.certificate
  if (certificate === undefined) return undefined
  if (isAnchor(certificate, certificatesIn({ authorities }))) return address
  // Two levels at most: intermediates are signed by roots (spec/authorities.ts).
  for (const [above, found] of authorities) {
    if (found.certificate === undefined || !isIssuedBy(certificate, found.certificate)) continue
    if (isAnchor(found.certificate, certificatesIn({ authorities }))) return above
  }
  return undefined
}

/**
 * The generations of an authority that have one name and key, because its certificate was renewed with its
 * key: an agent that trusts one of them accepts what any of them signed.
 *
 * @returns Addresses, the given one among them.
 */
export function twinsOf(address: string, authorities: Inventory['authorities']): readonly string[] {
  const own = authorities.get(address)?.certificate
  if (own === undefined) return [address]
  return [...authorities].flatMap(([other, { certificate }]) =>
    other === address || (certificate !== undefined && isTwin(own, certificate)) ? [other] : [],
  )
}

/** The generations of the root above an authority: {@link rootAbove} and those with its key. */
export function rootsAbove(
  address: string,
  authorities: Inventory['authorities'],
): readonly string[] {
  const root = rootAbove(address, authorities)
  return root === undefined ? [] : twinsOf(root, authorities)
}

/** The certificates of all authorities of a store. */
export function certificatesIn({
  authorities,
}: Pick<Inventory, 'authorities'>): readonly Certificate[] {
  return [...authorities.values()].flatMap(({ certificate }) => certificate ?? [])
}
