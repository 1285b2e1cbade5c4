/**
 * What was seen in a handshake, in the words of the ledger: whose leaf it is, of which generation, and
 * which of our authorities the agent named while it asked for a certificate.
 *
 * @module
 */

import { isIssuedBy } from '../checks/context.js'
import type { Inventory } from '../inventory/inventory.js'
import { formatName } from '../x509/name.js'
import { evidenceIn, newestBy, type Receipt } from './evidence.js'
import { generationsIn, sameRoots, type MadeGeneration } from './generations.js'

/** Whose leaf it is. */
export interface KnownLeaf {
  readonly address: string
  /** The generations with this leaf, ascending: a refresh gives a leaf to another one. */
  readonly generations: readonly MadeGeneration[]
}

/** What the store knows, by what a handshake shows. */
export interface Recogniser {
  /** @returns `undefined` for a leaf that the ledger does not have. */
  leaf(fingerprint: string): KnownLeaf | undefined
  /**
   * The generation that is loaded: with that leaf, and with that trust where it can be seen; else the
   * receipt of its installer says which; else it is the oldest of those that it can be.
   *
   * @param trusts As {@link Recogniser.trusts} returns them.
   */
  generation(fingerprint: string, trusts: readonly string[] | null): number | null
  /** The last that an agent's installer wrote. */
  receipt(address: string): Receipt | undefined
  /**
   * The authorities behind names. A name that several generations have stands for all of them only
   * where it was said as often; a name that is none of ours stays as its text.
   *
   * @param names As `formatName` writes them, in any order, repeated as they were said.
   */
  trusts(names: readonly string[]): readonly string[]
  /**
   * Under what a presented chain holds: who trusts one of them accepts it. Roots of ours by address,
   * without the intermediates below them, and what is none of ours by name.
   *
   * @param issuers The names of the issuers of what was presented.
   */
  roots(issuers: readonly string[]): readonly string[]
  /** Whether a name is that of several generations, so that it says of none that it is trusted. */
  readonly isAmbiguous: (name: string) => boolean
}

/** Makes one of everything that the store has. */
export function recogniser(inventory: Inventory): Recogniser {
  const leaves = new Map<string, { address: string; generations: MadeGeneration[] }>()
  for (const [address, generations] of generationsIn(inventory)) {
    for (const generation of generations) {
      const known = leaves.get(generation.fingerprint)
      if (known === undefined) {
        leaves.set(generation.fingerprint, { address, generations: [generation] })
      } else if (known.address === address) known.generations.push(generation)
    }
  }
  const receipts = newestBy(evidenceIn(inventory.ledger).receipts, ({ address }) => address)
  const authorities = authoritiesByName(inventory)
  const isRoot = (address: string): boolean => {
    const certificate = inventory.authorities.get(address)?.certificate
    return certificate !== undefined && isIssuedBy(certificate, certificate)
  }
  const isAmbiguous = (name: string): boolean => isNameOfSeveral(authorities, name)
  return {
    isAmbiguous,
    leaf: (fingerprint) => leaves.get(fingerprint),
    receipt: (address) => receipts.get(address),
    generation(fingerprint, trusts) {
      const known = leaves.get(fingerprint)
      if (known === undefined) return null
      const { generations, address } = known
      const oldest = generations[0]!.number
      if (trusts?.some(isAmbiguous) === false) {
        const ours = trusts.filter(isAuthority)
        return generations.findLast(({ trusted }) => sameRoots(trusted, ours))?.number ?? oldest
      }
      const receipt = receipts.get(address)
      return generations.find(({ number }) => number === receipt?.generation)?.number ?? oldest
    },
    trusts(names) {
      const counts = new Map<string, number>()
      for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1)
      return [...counts].flatMap(([name, times]) => {
        const found = authorities.get(name) ?? []
        if (found.length > 0 && times >= found.length) return found
        // As often as it was said: somebody with the authorities can tell more.
        return Array.from({ length: times }, () => name)
      })
    },
    roots: (issuers) => [
      ...new Set(
        issuers.flatMap((name) => {
          const found = authorities.get(name)
          if (found === undefined || isAmbiguous(name)) return [name]
          return found.filter(isRoot)
        }),
      ),
    ],
  }
}

/** The addresses of the authorities that have a name: several generations can have one. */
export type AuthoritiesByName = ReadonlyMap<string, readonly string[]>

/** Finds them, under names as `formatName` writes them. */
export function authoritiesByName({ authorities }: Inventory): AuthoritiesByName {
  const named = new Map<string, string[]>()
  for (const [address, { certificate }] of authorities) {
    if (certificate === undefined) continue
    const name = formatName(certificate.subject)
    const known = named.get(name)
    if (known === undefined) named.set(name, [address])
    else known.push(address)
  }
  return named
}

/** Whether a name says of none that it is trusted, because several have it. */
export function isNameOfSeveral(authorities: AuthoritiesByName, name: string): boolean {
  return (authorities.get(name)?.length ?? 0) > 1
}

/** Whether it is an address of ours, and no name: those have a `=`. */
export function isAuthority(trusted: string): boolean {
  return trusted.startsWith('authority/') && !trusted.includes('=')
}
