/**
 * What was seen in a handshake, in the words of the ledger: the owner of the leaf, its generation, and
 * which of our authorities the agent named while it asked for a certificate.
 *
 * @module
 */

import { isAnchor } from '../checks/issued-by.js'
import type { Inventory } from '../inventory/inventory.js'
import { formatName } from '../x509/name.js'
import {
  certificatesIn,
  generationsIn,
  sameRoots,
  type MadeGeneration,
  type MadeGenerations,
} from './generations.js'

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
   * oldest of those that it can be.
   *
   * @param trusts As {@link Recogniser.trusts} returns them.
   */
  generation(fingerprint: string, trusts: readonly string[] | null): number | null
  /**
   * The authorities behind names. A name that several generations have stays as its text, because it
   * says of no key that it is trusted; so does a name that is not ours.
   *
   * @param names As `formatName` writes them, in any order, repeated as they were said.
   */
  trusts(names: readonly string[]): readonly string[]
  /**
   * The authorities that a presented chain ends in: an agent that trusts one of them accepts it. Our roots by address,
   * without the intermediates below them; other authorities by name.
   *
   * @param issuers The names of the issuers of what was presented.
   */
  roots(issuers: readonly string[]): readonly string[]
  /** Whether a name is that of several generations, so that it says of none that it is trusted. */
  readonly isAmbiguous: (name: string) => boolean
}

/** Makes one of everything that the store has, and of what the ledger says it had. */
export function recogniser(inventory: Inventory): Recogniser {
  const { leaves } = leavesIn(inventory)
  const names = authorityNames(inventory)
  const isRoot = (address: string): boolean => {
    const certificate = inventory.authorities.get(address)?.certificate
    return certificate === undefined || isAnchor(certificate, certificatesIn(inventory))
  }
  const isAmbiguous = (name: string): boolean => names.withName(name).length > 1
  return {
    isAmbiguous,
    leaf: (fingerprint) => leaves.get(fingerprint),
    generation(fingerprint, trusts) {
      const known = leaves.get(fingerprint)
      if (known === undefined) return null
      const { generations } = known
      const oldest = generations[0]!.number
      if (trusts?.some(isAmbiguous) !== false) return oldest
      const ours = trusts.filter(isAuthority)
      return generations.findLast(({ trusted }) => sameRoots(trusted, ours))?.number ?? oldest
    },
    trusts: (said) => [
      ...new Set(
        said.map((name) => {
          const [found, ...more] = names.withName(name)
          return found === undefined || more.length > 0 ? name : found
        }),
      ),
    ],
    roots: (issuers) => [
      ...new Set(
        issuers.flatMap((name) => {
          const found = names.withName(name)
          return found.length === 1 ? found.filter(isRoot) : [name]
        }),
      ),
    ],
  }
}

/** Whose leaf each is, and what was made, both by the ledger. */
export function leavesIn(inventory: Inventory): {
  readonly leaves: ReadonlyMap<string, KnownLeaf>
  readonly made: MadeGenerations
} {
  const made = generationsIn(inventory)
  const leaves = new Map<string, { address: string; generations: MadeGeneration[] }>()
  for (const [address, generations] of made) {
    for (const generation of generations) {
      const known = leaves.get(generation.fingerprint)
      if (known === undefined) {
        leaves.set(generation.fingerprint, { address, generations: [generation] })
      } else if (known.address === address) known.generations.push(generation)
    }
  }
  return { leaves, made }
}

/** Names of authorities, and when they end. */
export interface AuthorityNames {
  /** Addresses of those with a name, as `formatName` writes it; several generations can have one. */
  readonly withName: (name: string) => readonly string[]
  readonly nameOf: (address: string) => string | undefined
  /** Epoch milliseconds. */
  readonly endOf: (address: string) => number | undefined
}

/**
 * Gathers them: of what the store has, and of what was removed from it, because agents may still trust
 * that.
 */
export function authorityNames({ authorities, ledger }: Inventory): AuthorityNames {
  const known = new Map<string, { name: string | undefined; notAfter: number | undefined }>()
  for (const event of ledger.events) {
    const { address } = event
    if ((event.event !== 'authority' && event.event !== 'removed') || !isAuthority(address))
      continue
    const before = known.get(address)
    const notAfter = event.event === 'authority' ? event.notAfter : undefined
    known.set(address, {
      name: event.subject ?? before?.name,
      notAfter: notAfter ?? before?.notAfter,
    })
  }
  for (const [address, { certificate }] of authorities) {
    if (certificate === undefined) continue
    known.set(address, {
      name: formatName(certificate.subject),
      notAfter: certificate.notAfter,
    })
  }
  const named = new Map<string, string[]>()
  for (const [address, { name }] of known) {
    if (name !== undefined) named.set(name, [...(named.get(name) ?? []), address])
  }
  return {
    withName: (name) => named.get(name) ?? [],
    nameOf: (address) => known.get(address)?.name,
    endOf: (address) => known.get(address)?.notAfter,
  }
}

/** Whether it is an address of ours, and no name: those have a `=`. */
export function isAuthority(trusted: string): boolean {
  return trusted.startsWith('authority/') && !trusted.includes('=')
}
