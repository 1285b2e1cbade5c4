/**
 * Which of what a probe saw is worth a line of the ledger. Every line is kept for ever, and a fleet of
 * a thousand agents that is probed each hour would write half a million of them in ten days, all saying the same.
 *
 * @module
 */

import type { LedgerEvent } from '../inventory/store.js'
import { counted, observed, type Evidence, type Members, type Observation } from './evidence.js'
import { evidenceLife } from './gate.js'

/** What says nothing new is noted again after this, milliseconds: evidence must never age by our thrift. */
export const noteLife: number = evidenceLife / 4

/** A handshake, and who was asked. */
export interface Asked extends Observation {
  /** The agent that should be there. */
  readonly asked: string
}

/**
 * Chooses.
 *
 * @param seen The handshakes of one probe.
 * @param members What Nomad said of its regions in the same probe.
 * @param known What the ledger says already.
 * @returns Lines. An agent's ports are noted together or not at all: whether they agree is judged
 *   from what was seen in one go.
 */
export function newsOf(
  seen: readonly Asked[],
  members: readonly Members[],
  known: Evidence,
): readonly LedgerEvent[] {
  const last = latest(known.observations, portOf)
  const received = latest(known.receipts, ({ address }) => address)
  const regions = latest(known.members, ({ region }) => region)
  const isNews = (one: Asked): boolean => {
    const before = last.get(portOf(one))
    if (before === undefined || !isFresh(before, one)) return true
    // What came last counts: after a receipt it must be said again.
    const receipt = received.get(one.address)
    return (
      (receipt !== undefined && receipt.at >= before.at) || !isSame(observed(before), observed(one))
    )
  }
  const agents = new Set(seen.filter(isNews).map(({ asked }) => asked))
  const noted = seen.filter(({ asked }) => agents.has(asked))
  return [
    // A port can have been asked for two agents.
    ...new Map(noted.map((one) => [portOf(one), observed(one)])).values(),
    ...members
      .filter((one) => {
        const before = regions.get(one.region)
        return (
          before === undefined || !isFresh(before, one) || !isSame(counted(before), counted(one))
        )
      })
      .map(counted),
  ]
}

function portOf({ endpoint, rpc }: Observation): string {
  return `${endpoint} ${rpc}`
}

/** A clock that went back makes everything news. */
function isFresh(before: { readonly at: number }, now: { readonly at: number }): boolean {
  return now.at >= before.at && now.at - before.at < noteLife
}

function isSame(a: LedgerEvent, b: LedgerEvent): boolean {
  return JSON.stringify({ ...a, at: 0 }) === JSON.stringify({ ...b, at: 0 })
}

function latest<T extends { readonly at: number }>(
  all: readonly T[],
  keyOf: (one: T) => string,
): ReadonlyMap<string, T> {
  const found = new Map<string, T>()
  for (const one of all) {
    const key = keyOf(one)
    const other = found.get(key)
    if (other === undefined || one.at >= other.at) found.set(key, one)
  }
  return found
}
