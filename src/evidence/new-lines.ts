/**
 * Decides which results of a probe get a line in the ledger. Every line is kept for ever: a thousand
 * agents that are probed each hour would write half a million equal lines in ten days.
 *
 * @module
 */

import { groupBy } from '../grouping.js'
import type { LedgerEvent } from '../inventory/ledger-events.js'
import {
  counted,
  evidenceLife,
  fellSilent,
  newestBy,
  observed,
  portOf,
  type Evidence,
  type Members,
  type Observation,
  type SeenPort,
  type Silence,
  type SilentPort,
} from './evidence.js'
import type { MadeGenerations } from './generations.js'
import { askedOf, isSeen, portsIn } from './ports.js'

/** An unchanged result is noted again after this time, in milliseconds, so that evidence does not expire because lines were saved. */
export const noteLife: number = evidenceLife / 4

/** What one probe saw. */
export interface ProbeSeen {
  readonly seen: readonly SeenPort[]
  readonly silent: readonly SilentPort[]
  /** What Nomad said of its regions. */
  readonly members: readonly Members[]
  /** When the probe began, epoch milliseconds. */
  readonly at: number
}

/**
 * Gives the lines that the ledger does not have yet.
 *
 * @param probe What one probe saw.
 * @param known What the ledger says already.
 * @param made The generations that the ledger knows: what was seen before the newest was made says nothing of it.
 * @returns Lines. An agent's ports are noted together or not at all: whether they agree is judged
 *   from what one probe saw.
 */
export function newLinesOf(
  probe: ProbeSeen,
  known: Evidence,
  made: MadeGenerations = new Map(),
): readonly LedgerEvent[] {
  const { members, at: run } = probe
  const ports = portLines(probe)
  const last = newestBy<Observation | Silence>([...known.observations, ...known.silences], portOf)
  const received = newestBy(known.receipts, ({ address }) => address)
  const regions = newestBy(known.members, ({ region }) => region)
  const before = portsIn(known, { now: run })
  const isNew = (one: Observation | Silence): boolean => {
    const was = last.get(portOf(one))
    if (was === undefined || !isFresh(was, one)) return true
    // A handshake can look the same: a root left the bundle whose key another root has.
    if ((made.get(one.address)?.at(-1)?.at ?? -Infinity) > was.at) return true
    // The newest line counts: after a receipt the same result is noted again.
    const receipt = received.get(one.address)
    return (
      (receipt !== undefined && receipt.at >= was.at) ||
      isNewLeaf(one, was) ||
      !isSame(lineOf(was), lineOf(one))
    )
  }
  const asked = groupBy(ports, askedOf)
  // An endpoint that is no longer asked no longer counts: the agent's other endpoints are noted again.
  const moved = [...asked].flatMap(([address, own]) => {
    const { seen = [], silent = [] } = before.get(address) ?? {}
    const now = new Set(own.map(portOf))
    const was = [...seen, ...silent].filter((one) => askedOf(one) === address)
    return was.every((one) => now.has(portOf(one))) ? [] : [address]
  })
  const agents = new Set([
    ...moved,
    ...ports.filter(isNew).flatMap((one) => [askedOf(one), one.address]),
  ])
  return [
    ...ports
      .filter((one) => agents.has(askedOf(one)) || agents.has(one.address))
      .map((one) => ({ ...lineOf(one), run })),
    ...members
      .filter((one) => {
        const was = regions.get(one.region)
        return was === undefined || !isFresh(was, one) || !isSame(counted(was), counted(one))
      })
      .map(counted),
  ]
}

/** The longest message that an evidence file takes, in UTF-16 units; no fault of ours is longer. */
const mostOfMessage = 1000

/**
 * One line of each port that a probe asked, for the ledger and for a file alike. A port can have been
 * asked for two agents; the one that the spec has counts.
 */
export function portLines({
  seen,
  silent,
  at,
}: Pick<ProbeSeen, 'seen' | 'silent' | 'at'>): readonly (SeenPort | Silence)[] {
  const lines = new Map<string, SeenPort | Silence>()
  const all = [
    ...seen,
    ...silent.map((one) => ({
      ...one,
      at: Math.max(at, one.at ?? at),
      rpc: one.rpc === true,
      message: one.message.slice(0, mostOfMessage),
    })),
  ]
  for (const one of all) {
    const known = lines.get(portOf(one))
    if (known === undefined || askedOf(known).startsWith('member/')) lines.set(portOf(one), one)
  }
  return [...lines.values()]
}

/** Without what was asked as a member at a port that was asked for an agent of the spec too. */
export function withoutTwins(seen: readonly SeenPort[]): readonly SeenPort[] {
  const named = new Set(
    seen.flatMap((one) => (one.asked.startsWith('member/') ? [] : [portOf(one)])),
  )
  return seen.filter((one) => !one.asked.startsWith('member/') || !named.has(portOf(one)))
}

function lineOf(one: Observation | Silence): LedgerEvent {
  return isSeen(one) ? observed(one) : fellSilent(one)
}

/** After a clock went back everything is noted again. */
function isFresh(before: { readonly at: number }, now: { readonly at: number }): boolean {
  return now.at >= before.at && now.at - before.at < noteLife
}

/** A leaf is noted once: the lines after it do not have it. */
function isNewLeaf(one: Observation | Silence, was: Observation | Silence): boolean {
  const leafOf = (line: Observation | Silence): string | undefined =>
    isSeen(line) ? line.leaf : undefined
  return leafOf(one) !== undefined && leafOf(was) === undefined
}

function isSame(a: LedgerEvent, b: LedgerEvent): boolean {
  const rest = { at: 0, run: 0, leaf: '' }
  return JSON.stringify({ ...a, ...rest }) === JSON.stringify({ ...b, ...rest })
}
