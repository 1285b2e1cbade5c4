/**
 * Which ports of which agent count now: those that the newest probe of the agent asked. An endpoint
 * that a newer probe no longer asked for it (its node moved, its address was mistyped) counts no more.
 *
 * @module
 */

import { sharedName } from '../address.js'
import {
  evidenceLife,
  newestBy,
  portOf,
  type Evidence,
  type Observation,
  type Silence,
} from './evidence.js'

/** The ports of one agent. */
export interface Ports {
  /** Those that answered. */
  readonly seen: readonly Observation[]
  /** Those that did not. */
  readonly silent: readonly Silence[]
}

/** Ports that were noted without their probe were asked in one go within this time, milliseconds. */
const oneGo = 900_000

type Line = Observation | Silence

/**
 * Tells a port that answered from one that was silent.
 */
export function isSeen(line: Line): line is Observation {
  return 'fingerprint' in line
}

/** The agent that should have been there. */
export function askedOf(line: Line): string {
  return isSeen(line) ? (line.asked ?? line.address) : line.address
}

/** When the probe began that noted it, or when it was noted. */
function runOf({ run, at }: Line): number {
  return run ?? at
}

/**
 * Sorts them out: of one endpoint only the last result counts, of any agent; of one agent only the
 * newest probe. A port that shows the leaf of another agent is a port of both.
 *
 * @param options `now`: epoch milliseconds.
 * @returns By address of the agent.
 */
export function portsIn(
  { observations, silences }: Pick<Evidence, 'observations' | 'silences'>,
  { now }: { readonly now: number },
): ReadonlyMap<string, Ports> {
  const latest = newestBy<Line>([...observations, ...silences], portOf)
  const runs = new Map<string, Line>()
  for (const line of latest.values()) {
    const asked = askedOf(line)
    const before = runs.get(asked)
    if (before === undefined || runOf(line) > runOf(before)) runs.set(asked, line)
  }
  const ports = new Map<string, { seen: Observation[]; silent: Silence[] }>()
  const of = (address: string): { seen: Observation[]; silent: Silence[] } => {
    const known = ports.get(address) ?? { seen: [], silent: [] }
    ports.set(address, known)
    return known
  }
  for (const line of latest.values()) {
    const asked = askedOf(line)
    const together = areTogether(line, runs.get(asked)!)
    if (!isSeen(line)) {
      if (together) of(asked).silent.push(line)
      continue
    }
    if (together) of(asked).seen.push(line)
    // It is asked again only when everybody is: until then what it shows holds for a day.
    if (line.address !== asked && now - line.at <= evidenceLife) of(line.address).seen.push(line)
  }
  return ports
}

/** Whether the newest probe of an agent asked this port too. */
function areTogether(line: Line, newest: Line): boolean {
  if (newest.run !== undefined) return runOf(line) === newest.run
  // The hosts of one identity were noted one by one.
  return askedOf(line).endsWith(`/${sharedName}`) || runOf(newest) - runOf(line) <= oneGo
}

/** What its HTTP port does not say of a server. */
export const rpcUnseenText =
  'its RPC port was not seen, and may have loaded different files than its HTTP port'
