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
import { groupBy } from '../grouping.js'
import type { Inventory } from '../inventory/inventory.js'
import { evidenceIn, newestBy, portOf, type Observation, type Receipt } from './evidence.js'
import { generationsIn, sameRoots, type MadeGeneration } from './generations.js'
import { authoritiesByName, isAuthority, isNameOfSeveral } from './recognise.js'

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
  // Of one endpoint only what was seen last counts, whoever it was then.
  const seen = groupBy(newestBy(observations, portOf).values(), ({ address }) => address)
  const received = groupBy(receipts, ({ address }) => address)
  const authorities = authoritiesByName(inventory)
  const shows = (trusts: Observation['trusts']): trusts is readonly string[] =>
    trusts?.some((name) => isNameOfSeveral(authorities, name)) === false
  const proofs = new Map<string, Proof>()
  for (const [address, generations] of generationsIn(inventory)) {
    if (address.startsWith('identity/operator/')) continue
    const facts = {
      generations,
      observations: seen.get(address) ?? [],
      receipts: received.get(address) ?? [],
      shows,
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
  /** Whether it shows whom the agent trusts. */
  readonly shows: (trusts: Observation['trusts']) => trusts is readonly string[]
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
function lastOf(facts: Facts): Last | undefined {
  const { generations, observations, receipts, shows } = facts
  const receipt = inOrder(receipts).at(-1)
  const after = observations.filter(({ at }) => at >= (receipt?.at ?? -Infinity))
  if (after.length === 0) {
    return receipt && { generation: namedBy(receipt, generations), at: receipt.at }
  }
  const latest = Math.max(...after.map(({ at }) => at))
  const all = after.filter(({ at }) => latest - at <= oneGo)
  // A port that asks for no certificate says nothing of trust where another says it.
  const telling = all.filter(
    (one) =>
      shows(one.trusts) ||
      !all.some((other) => other.fingerprint === one.fingerprint && shows(other.trusts)),
  )
  return laggard(telling.map((one) => ({ generation: shownBy(one, facts, receipt), at: latest })))
}

/** Of many hosts with one leaf: the one that lags; by their receipts, where none was ever asked. */
function lastOfShared(facts: Facts): Last | undefined {
  const { observations, receipts } = facts
  const hosts =
    observations.length > 0
      ? groupBy(observations, ({ endpoint }) => endpoint.slice(0, endpoint.lastIndexOf(':')))
      : new Map<string, readonly Observation[]>()
  const known =
    hosts.size > 0
      ? [...hosts.values()].map((one) => lastOf({ ...facts, observations: one, receipts: [] }))
      : [...groupBy(receipts, ({ host }) => host ?? '').values()].map((one) =>
          lastOf({ ...facts, receipts: one }),
        )
  return laggard(known.filter((one) => one !== undefined))
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
 * roots in `ca.pem`; where it asked for nothing, by a receipt; else it is the oldest of them.
 */
function shownBy(
  { fingerprint, trusts, at }: Observation,
  { generations, shows }: Facts,
  receipt: Receipt | undefined,
): MadeGeneration | undefined {
  const ofLeaf = generations.filter((one) => one.fingerprint === fingerprint)
  // What was made later it cannot have had; where all were, two clocks disagree.
  const before = ofLeaf.filter((one) => one.at <= at)
  const candidates = before.length > 0 ? before : ofLeaf
  const [first, ...others] = candidates
  if (first === undefined || others.length === 0) return first
  if (shows(trusts)) {
    const ours = trusts.filter(isAuthority)
    return candidates.findLast(({ trusted }) => sameRoots(trusted, ours)) ?? first
  }
  // The leaf says everything where all that it can have trusts the same.
  if (others.every(({ trusted }) => sameRoots(trusted, first.trusted ?? []))) return others.at(-1)
  return candidates.find(({ number }) => number === receipt?.generation) ?? first
}
