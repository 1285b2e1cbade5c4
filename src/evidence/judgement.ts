/**
 * The judgement of an agent as a value, and what a person's exceptions make of it.
 *
 * @module
 */

import { generationOf } from '../address.js'
import { groupBy } from '../grouping.js'
import type { Evidence, Exception } from './evidence.js'
import type { MadeGeneration } from './generations.js'
import type { Ports } from './ports.js'

/** How an agent stands, in the order in which an agent of many hosts is as bad as its worst. */
export const agentStates = [
  /** It presents a leaf that is not its own, or trusts a root that is not ours. */
  'foreign',
  /** The leaf that it presents has ended. */
  'expired',
  /** It has an older generation, or a part of the newest. */
  'lagging',
  /** A port of it did not answer when it was last asked. */
  'silent',
  /** What it shows does not say what it trusts. */
  'unobservable',
  /** It was never seen, or nothing was made for it. */
  'unknown',
  /** It is excepted: the rotation under way does not wait for it. */
  'excepted',
  /** It has the newest generation. */
  'proven',
] as const

/** How an agent stands. */
export type AgentState = (typeof agentStates)[number]

/** The judgement of one agent. */
export interface Judgement {
  /** `identity/server/global/s1` */
  readonly address: string
  /** How the agent stands. */
  readonly state: AgentState
  /** One sentence: lower case, no full stop. */
  readonly message: string
  /** What cures it. */
  readonly remedy?: string | undefined
  /** Whether delivering its newest generation would cure nothing: the remedy comes first. */
  readonly held?: boolean | undefined
  /** When what it rests on was seen or written, epoch milliseconds. */
  readonly at?: number | undefined
  /** Whether a handshake says it, or the receipt of its installer alone. */
  readonly basis?: 'seen' | 'received' | undefined
  /** The newest that was made. */
  readonly newest: MadeGeneration
  /** All that were made, in the order of their numbers. */
  readonly made: readonly MadeGeneration[]
  /** The one that it was last known to have; of several that it can have the oldest. */
  readonly known?: MadeGeneration | undefined
  /** What was seen of it last. */
  readonly ports: Ports
  /** The exception, where its state is `excepted`. */
  readonly exception?: Exception | undefined
}

/** Judgements by address; agents alone, those of which the ledger knows a generation. */
export type Judgements = ReadonlyMap<string, Judgement>

/** The same judgements, with the agents that a person excepted from the rotation under way. */
export function withExceptions(judgements: Judgements, { exceptions }: Evidence): Judgements {
  if (exceptions.length === 0) return judgements
  const own = groupBy(exceptions, ({ address }) => address)
  return new Map(
    [...judgements].map(([address, judged]) => [
      address,
      withException(judged, own.get(address) ?? []),
    ]),
  )
}

/** An exception is for the rotation to the newest root that an agent is to trust. */
function withException(judged: Judgement, exceptions: readonly Exception[]): Judgement {
  if (judged.state === 'proven') return judged
  const coming = newestRoot(judged.newest.trusted ?? [])
  const exception = exceptions.findLast(({ authority }) => authority === coming)
  if (exception === undefined) return judged
  return {
    ...judged,
    state: 'excepted',
    message: `${exception.reason} (${judged.message})`,
    exception,
  }
}

/** The highest generation among addresses of one root. */
function newestRoot(trusted: readonly string[]): string | undefined {
  return trusted.reduce<string | undefined>(
    (last, one) => (last === undefined || generationOf(one) > generationOf(last) ? one : last),
    undefined,
  )
}
