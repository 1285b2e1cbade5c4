/**
 * When each agent's certificate ends, by the judgement: made is not delivered. Until the newest
 * generation is proven, an agent's certificate ends when the one that it was last known to have ends.
 *
 * ```text
 * made 1 ── proven 1 ── made 2 ────────────── proven 2
 *   unproven │ proven    │ undelivered, ends   │ proven
 *            │           │ with generation 1   │
 * ```
 *
 * @module
 */

import type { Inventory } from '../inventory/inventory.js'
import type { MadeGeneration } from './generations.js'
import { judgeAll } from './judge.js'
import type { Judgement } from './judgement.js'

/** How an agent stands to the newest generation that was made for it. */
export type ProofState =
  /** It was last known to have the newest. */
  | 'proven'
  /** It was last known to have another one, or may have it. */
  | 'undelivered'
  /** It presents the newest leaf, and whom it trusts is not proven. */
  | 'unobservable'
  /** It did not answer when it was last asked. */
  | 'silent'
  /** Somebody answers for it. */
  | 'excepted'
  /** Nothing is known of it, and there is only one that it can have. */
  | 'unproven'

/** What is known of one identity. */
export interface Proof {
  readonly state: ProofState
  /** The newest that was made. */
  readonly newest: MadeGeneration
  /** The one that it was last known to have. */
  readonly proven?: MadeGeneration | undefined
  /** When that was, epoch milliseconds. */
  readonly at?: number | undefined
  /** The one whose end counts: the one last known; else the oldest that still lives. */
  readonly counted: MadeGeneration
  /** Whether it was last seen with a leaf or with trust that was never made for it. */
  readonly foreign: boolean
  /** What the state follows from. */
  readonly judgement: Judgement
}

/**
 * Says of each agent which generation it is proven to have, and when that ends, from the ledger alone.
 *
 * @param inventory Its ledger.
 * @param options `now`: epoch milliseconds, which decides what still lives.
 * @returns By address, of agents alone: people's certificates are used by no agent. What the ledger
 * does not know is not there.
 */
export function proofsIn(
  inventory: Inventory,
  options: { readonly now: number },
): ReadonlyMap<string, Proof> {
  const judgements = judgeAll(inventory, options)
  return new Map(
    [...judgements].map(([address, judgement]) => [address, proofFrom(judgement, options.now)]),
  )
}

function proofFrom(judgement: Judgement, now: number): Proof {
  const { state, newest, known, at, made } = judgement
  const oldest = made.find(({ notAfter }) => notAfter > now) ?? newest
  const rest = { newest, proven: known, at, counted: known ?? oldest, judgement }
  const foreign = state === 'foreign'
  if (state === 'proven' || state === 'silent' || state === 'excepted') {
    return { state, ...rest, foreign }
  }
  if (state === 'unobservable' && known?.number === newest.number) {
    return { state, ...rest, foreign }
  }
  // What came before has ended: an agent that still had it would have stopped.
  const alone = state === 'unknown' && oldest.number === newest.number
  return { state: alone ? 'unproven' : 'undelivered', ...rest, foreign }
}
