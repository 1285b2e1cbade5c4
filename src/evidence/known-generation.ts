/**
 * Which generation an agent is known to have: by a handshake, by the receipt of its installer, or by
 * what was seen before it fell silent.
 *
 * @module
 */

import type { Inventory } from '../inventory/inventory.js'
import type { Copies } from './copies.js'
import { newestBy, type Observation, type Receipt } from './evidence.js'
import { sameRoots, type MadeGeneration } from './generations.js'
import type { Ports } from './ports.js'
import type { TrustReader } from './trust.js'

/** What the judgement of one agent rests on. */
export interface Facts {
  readonly address: string
  /** In the order of their numbers, at least one. */
  readonly generations: readonly MadeGeneration[]
  readonly newest: MadeGeneration
  readonly ports: Ports
  /** What was seen before it fell silent. */
  readonly before: readonly Observation[]
  readonly receipts: readonly Receipt[]
  readonly now: number
  readonly trust: TrustReader
  readonly inventory: Inventory
  /** What another copy of this store made. */
  readonly copies: Copies
  /** Whether it listens for RPC. */
  readonly dialed: boolean
}

/** The generation that was last known of an agent that fell silent. */
export function knownOf(facts: Facts): MadeGeneration | undefined {
  const { generations, before, ports, receipts } = facts
  if (ports.seen.length > 0) return undefined
  const receipt = lastOf(receipts)
  const seenAt = Math.max(...before.map(({ at }) => at))
  if (receipt !== undefined && receipt.at > seenAt) {
    return namedBy(receipt, generations)
  }
  return oldest(before.map((one) => shownBy(one, receipt, facts)))
}

/** The generation that a receipt names. */
export function namedBy(
  receipt: Receipt,
  generations: readonly MadeGeneration[],
): MadeGeneration | undefined {
  return generations.find(
    ({ number, fingerprint }) =>
      number === receipt.generation && fingerprint === receipt.fingerprint,
  )
}

/** The receipt that came last. */
export function lastOf(receipts: readonly Receipt[]): Receipt | undefined {
  return newestBy(receipts, () => '').get('')
}

/** The one with the lowest number; `undefined` is lower than all. */
export function oldest(all: readonly (MadeGeneration | undefined)[]): MadeGeneration | undefined {
  return all.reduce((least, one) => (numberOf(one) < numberOf(least) ? one : least), all[0])
}

/**
 * The generation that a handshake showed. Those of one leaf are told apart by what it trusts; where
 * that is not seen, by a receipt; else it is the oldest of them.
 */
export function shownBy(
  one: Observation,
  receipt: Receipt | undefined,
  { generations, ports, trust }: Facts,
): MadeGeneration | undefined {
  const ofLeaf = generations.filter(({ fingerprint }) => fingerprint === one.fingerprint)
  // What was made later it cannot have had; where all were, two clocks disagree.
  const before = ofLeaf.filter(({ at }) => at <= one.at)
  const candidates = before.length > 0 ? before : ofLeaf
  const [first, ...others] = candidates
  if (first === undefined || others.length === 0) return first
  // A port that asks for no certificate says nothing of trust where another one says it.
  const telling = [one, ...ports.seen].find(
    (port) => port.fingerprint === one.fingerprint && trust.roots(port) !== undefined,
  )
  const roots = telling && trust.roots(telling)
  if (roots !== undefined) {
    return candidates.findLast(({ trusted }) => sameRoots(trusted, roots)) ?? first
  }
  if (others.every(({ trusted }) => sameRoots(trusted, first.trusted ?? []))) return others.at(-1)
  return candidates.find(({ number }) => number === receipt?.generation) ?? first
}

function numberOf(one: MadeGeneration | undefined): number {
  return one?.number ?? -1
}
