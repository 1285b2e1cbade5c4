/**
 * How each state of an agent is written, everywhere.
 *
 * @module
 */

import type { AgentState, Judgement } from './judgement.js'

/** The word of each state. */
export const stateWords: Readonly<Record<AgentState, string>> = {
  proven: 'proven',
  excepted: 'excepted',
  unobservable: 'not observable',
  lagging: 'lagging',
  foreign: 'foreign',
  expired: 'expired',
  silent: 'silent',
  unknown: 'unknown',
}

/** What is said where nothing was delivered yet, as far as is known. */
export const neverSeen = 'no agent was ever seen with a generation that was made for it'

/** What is said of an agent, without its endpoints: a report of many puts those that are alike together. */
export function withoutPorts({ message, ports }: Pick<Judgement, 'message' | 'ports'>): string {
  return [...ports.seen, ...ports.silent].reduce(
    (text, { endpoint }) => text.replaceAll(endpoint, 'a port'),
    message,
  )
}
