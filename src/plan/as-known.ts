/**
 * When a certificate ends, by what is known of its host: what was made is not what runs, nor what lies in its place.
 *
 * @module
 */

import type { MadeGeneration } from '../evidence/generations.js'
import type { Proof } from '../evidence/proven.js'
import type { LifeState, ScheduleEntry } from './schedule.js'

/** What the last receipt of a machine says. */
export interface Placed {
  /** The number of the newest generation. */
  readonly newest: number
  /** The number that the receipt names; `undefined`: there is none, or it names what was not made here. */
  readonly known?: number | undefined
}

type Life = Pick<ScheduleEntry, 'state' | 'notAfter' | 'endedBy' | 'ownNotAfter' | 'dueAt'>

/** When an authority's path ends, and the time, epoch milliseconds. */
interface Facts {
  readonly endOf: (issuer: string) => number
  readonly now: number
}

const lifeOf: Readonly<Record<Exclude<Proof['state'], 'proven' | 'unproven'>, LifeState>> = {
  undelivered: 'undelivered',
  silent: 'silent',
  unobservable: 'unproven',
  excepted: 'good',
}

/** Of an agent: the generation that counts ends it. */
export function asProven(made: Life, proof: Proof, facts: Facts): Life & { readonly proof: Proof } {
  const { counted, newest } = proof
  if (proof.state === 'proven' || proof.state === 'unproven') return { ...made, proof }
  if (proof.state === 'excepted' && counted.number === newest.number) return { ...made, proof }
  return { ...made, ...endedWith(counted, lifeOf[proof.state], facts), proof }
}

/**
 * Of a machine: nothing listens behind it, so the receipt of its installer is all that can be known. Until one names
 * the newest generation, the one that it names counts.
 *
 * @param made The life of what was made last.
 * @param newest Its number.
 * @param known The generation that the receipt names.
 */
export function asPlaced(
  made: Life,
  newest: number,
  known: MadeGeneration | undefined,
  facts: Facts,
): Life & { readonly placed: Placed } {
  const placed = { newest, ...(known && { known: known.number }) }
  if (known === undefined || known.number === newest) return { ...made, placed }
  return { ...made, ...endedWith(known, 'undelivered', facts), placed }
}

/** The life with a generation that is not the newest. */
function endedWith(
  { notAfter: own, issuer }: MadeGeneration,
  living: LifeState,
  { endOf, now }: Facts,
): Partial<Life> {
  const notAfter = Math.min(own, endOf(issuer))
  const state = notAfter < now ? 'expired' : living
  return { state, notAfter, endedBy: undefined, ownNotAfter: own }
}
