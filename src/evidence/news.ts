/**
 * Which of what a probe saw is worth a line of the ledger. Every line is kept for ever, and a fleet of
 * a thousand agents that is probed each hour would write half a million of them in ten days, all saying the same.
 *
 * @module
 */

import type { LedgerEvent } from '../inventory/store.js'
import {
  counted,
  evidenceLife,
  newestBy,
  observed,
  portOf,
  type Evidence,
  type Members,
  type SeenPort,
} from './evidence.js'

/** What says nothing new is noted again after this, milliseconds: evidence must never age by our thrift. */
export const noteLife: number = evidenceLife / 4

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
  seen: readonly SeenPort[],
  members: readonly Members[],
  known: Evidence,
): readonly LedgerEvent[] {
  const last = newestBy(known.observations, portOf)
  const received = newestBy(known.receipts, ({ address }) => address)
  const regions = newestBy(known.members, ({ region }) => region)
  const isNews = (one: SeenPort): boolean => {
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

/** A clock that went back makes everything news. */
function isFresh(before: { readonly at: number }, now: { readonly at: number }): boolean {
  return now.at >= before.at && now.at - before.at < noteLife
}

function isSame(a: LedgerEvent, b: LedgerEvent): boolean {
  return JSON.stringify({ ...a, at: 0 }) === JSON.stringify({ ...b, at: 0 })
}
