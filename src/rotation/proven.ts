/**
 * Which generation of each agent was last proven, by a handshake (`observed`) or by the receipt of its
 * installer (`received`). Made is not delivered: until the newest is proven, an agent's certificate ends
 * when the one that it was last known to have ends.
 *
 * ```text
 * made 1 ── proven 1 ── made 2 ────────────── proven 2
 *   unproven │ proven    │ undelivered, ends   │ proven
 *            │           │ with generation 1   │
 * ```
 *
 * The gate of a rotation asks more (`gate.ts`): that the proof is fresh, and what is trusted.
 *
 * @module
 */

import { sharedName } from '../address.js'
import type { Inventory } from '../inventory/inventory.js'
import { evidenceIn, type Observation, type Receipt } from './evidence.js'
import { generationsIn, type MadeGeneration } from './generations.js'

/** How an agent stands to the newest generation that was made for it. */
export type ProofState =
  /** It was last known to have the newest. */
  | 'proven'
  /** A newer one was made than the one that it was last known to have, or may have. */
  | 'undelivered'
  /** Nothing is known of it, and there is only one that it can have. */
  | 'unproven'

/** What is known of one identity. */
export interface Proof {
  readonly state: ProofState
  /** The newest that was made. */
  readonly newest: MadeGeneration
  /** The one last proven. */
  readonly proven?: MadeGeneration | undefined
  /** When that was, epoch milliseconds. */
  readonly at?: number | undefined
  /** The one whose end counts: the one last proven; else the oldest that still lives. */
  readonly counted: MadeGeneration
  /** Whether it was last seen with a leaf that was never made for it. */
  readonly foreign: boolean
}

/** Endpoints of one agent that were asked within this time were asked in one go, milliseconds. */
const oneGo = 900_000

/**
 * Reads the ledger once.
 *
 * @param inventory Its ledger.
 * @param options `now`: epoch milliseconds, which decides what still lives.
 * @returns By address, of agents alone: people's certificates are used by no agent. What the ledger
 *   does not know is not there.
 */
export function proofsIn(
  inventory: Inventory,
  options: { readonly now: number },
): ReadonlyMap<string, Proof> {
  const { observations, receipts } = evidenceIn(inventory.ledger)
  const seen = grouped(observations)
  const received = grouped(receipts)
  const proofs = new Map<string, Proof>()
  for (const [address, generations] of generationsIn(inventory)) {
    if (address.startsWith('identity/operator/')) continue
    const facts = {
      generations,
      observations: seen.get(address) ?? [],
      receipts: received.get(address) ?? [],
    }
    const last = address.endsWith(`/${sharedName}`) ? lastOfShared(facts) : lastOf(facts)
    proofs.set(address, proofFrom(generations, last, options.now))
  }
  return proofs
}

interface Facts {
  /** In the order of their numbers, at least one. */
  readonly generations: readonly MadeGeneration[]
  readonly observations: readonly Observation[]
  readonly receipts: readonly Receipt[]
}

/** What was last known of it. */
interface Last {
  /** `undefined`: a leaf that was never made for it. */
  readonly generation: MadeGeneration | undefined
  readonly at: number
}

function proofFrom(
  generations: readonly MadeGeneration[],
  last: Last | undefined,
  now: number,
): Proof {
  const newest = generations.at(-1)!
  if (last?.generation !== undefined) {
    const { generation: proven, at } = last
    const state = proven.number === newest.number ? 'proven' : 'undelivered'
    return { state, newest, proven, at, counted: proven, foreign: false }
  }
  const oldest = generations.find(({ notAfter }) => notAfter > now) ?? newest
  const foreign = last !== undefined
  // What came before has ended: an agent that still had it would have stopped.
  const state = !foreign && oldest.number === newest.number ? 'unproven' : 'undelivered'
  return { state, newest, at: last?.at, counted: oldest, foreign }
}

/**
 * Of one host: what came last counts, and of endpoints that were asked in one go the one that lags. A
 * receipt says what was switched to, and what is seen later says what came of it.
 */
function lastOf({ generations, observations, receipts }: Facts): Last | undefined {
  const receipt = inOrder(receipts).at(-1)
  const after = newestByEndpoint(observations).filter(({ at }) => at >= (receipt?.at ?? -Infinity))
  if (after.length > 0) {
    const latest = Math.max(...after.map(({ at }) => at))
    const inOneGo = after.filter(({ at }) => latest - at <= oneGo)
    return laggard(
      inOneGo.map((one) => ({ generation: shownBy(one, generations, receipt), at: latest })),
    )
  }
  return receipt && { generation: namedBy(receipt, generations), at: receipt.at }
}

/** Of many hosts with one leaf: the endpoint that lags, or the host, where none was ever asked. */
function lastOfShared({ generations, observations, receipts }: Facts): Last | undefined {
  const known: Last[] =
    observations.length > 0
      ? newestByEndpoint(observations).map((one) => ({
          generation: shownBy(one, generations, undefined),
          at: one.at,
        }))
      : [...new Map(inOrder(receipts).map((one) => [one.host, one])).values()].map((one) => ({
          generation: namedBy(one, generations),
          at: one.at,
        }))
  return laggard(known)
}

function laggard(all: readonly Last[]): Last | undefined {
  const numberOf = ({ generation }: Last): number => generation?.number ?? -1
  return all.reduce<Last | undefined>(
    (least, one) => (least === undefined || numberOf(one) < numberOf(least) ? one : least),
    undefined,
  )
}

function inOrder(receipts: readonly Receipt[]): readonly Receipt[] {
  return [...receipts].sort((a, b) => a.at - b.at)
}

function namedBy(
  { generation, fingerprint }: Receipt,
  generations: readonly MadeGeneration[],
): MadeGeneration | undefined {
  return generations.find((one) => one.number === generation && one.fingerprint === fingerprint)
}

/**
 * The generation that a handshake showed. Those of one leaf are told apart by what it asked for: the
 * roots in `ca.pem`; or by a receipt; else it is the oldest of them.
 */
function shownBy(
  { fingerprint, trusts, at }: Observation,
  generations: readonly MadeGeneration[],
  receipt: Receipt | undefined,
): MadeGeneration | undefined {
  const ofLeaf = generations.filter((one) => one.fingerprint === fingerprint)
  // What was made later it cannot have had; where all were, two clocks disagree.
  const before = ofLeaf.filter((one) => one.at <= at)
  const [first, ...others] = before.length > 0 ? before : ofLeaf
  if (first === undefined || others.length === 0) return first
  if (trusts === null) {
    return [first, ...others].find(({ number }) => number === receipt?.generation) ?? first
  }
  const fits = ({ trusted }: MadeGeneration): boolean =>
    trusted !== undefined &&
    trusted.every((root) => trusts.includes(root)) &&
    // Names that are none of ours say nothing of a generation.
    trusts.every((root) => !root.startsWith('authority/') || trusted.includes(root))
  return [first, ...others].findLast(fits) ?? first
}

function newestByEndpoint(observations: readonly Observation[]): readonly Observation[] {
  const newest = new Map<string, Observation>()
  for (const one of observations) {
    const key = `${one.endpoint} ${one.rpc}`
    const other = newest.get(key)
    if (other === undefined || one.at >= other.at) newest.set(key, one)
  }
  return [...newest.values()]
}

function grouped<T extends { readonly address: string }>(
  all: readonly T[],
): ReadonlyMap<string, readonly T[]> {
  const found = new Map<string, T[]>()
  for (const one of all) {
    const list = found.get(one.address)
    if (list === undefined) found.set(one.address, [one])
    else list.push(one)
  }
  return found
}
