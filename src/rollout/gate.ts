/**
 * The gate between two servers: whether a region can spare the next one. One healthy reading is not enough,
 * because autopilot looks every two seconds and an election takes longer.
 *
 * @module
 */

import { count } from '../count.js'
import type { RaftReading, RaftServer } from '../probe/raft.js'

/** So many readings must agree. */
const readingsNeeded = 3

/** Milliseconds between two readings: autopilot's own (nomad/config.go:704 of 1.11.3). */
export const readingPause: number = 2000

/** What a reloaded server has to catch up with. */
export interface CatchUp {
  /** Its RPC address. */
  readonly address: string
  /** The last entry of the leader's log when it was reloaded. */
  readonly index: number
}

/** What a region must be like. */
export interface GateNeeds {
  /** How many servers may be lost at the least. */
  readonly tolerance: number
  readonly catchUp?: CatchUp | undefined
  /** Servers that may be ill, by the names that gossip has. */
  readonly accepted?: ReadonlySet<string> | undefined
}

/** Whether the region can spare a server now. */
export type Gate =
  | { readonly open: true; readonly leader: RaftServer }
  | { readonly open: false; readonly message: string }

/**
 * Judges the last readings of a region.
 *
 * @param readings In the order of time.
 * @param needs How many servers may be lost at the least, what the last one has to catch up with, and who may be ill.
 */
export function gateOf(
  readings: readonly RaftReading[],
  { tolerance, catchUp, accepted = new Set() }: GateNeeds,
): Gate {
  const last = readings.slice(-readingsNeeded)
  const newest = last.at(-1)
  if (newest === undefined) return { open: false, message: 'nothing was read yet' }
  const leader = leaderOf(newest)
  if (leader === undefined) return { open: false, message: 'there is no leader' }
  const ill = illIn(newest, accepted)
  if (ill.length > 0) {
    return { open: false, message: `${ill.map(({ name }) => name).join(', ')} is not healthy` }
  }
  const silent = newest.servers.filter(({ voter }) => !voter)
  if (!isWell(newest, accepted))
    return { open: false, message: 'autopilot says that the region is not healthy' }
  if (newest.failureTolerance < tolerance) {
    return {
      open: false,
      message: `the region can lose ${count(newest.failureTolerance, 'server')}, and ${tolerance} is needed${silent.length > 0 ? ` (${silent.map(({ name }) => name).join(', ')} does not vote)` : ''}`,
    }
  }
  if (catchUp !== undefined) {
    const server = newest.servers.find(({ address }) => address === catchUp.address)
    if (server === undefined) {
      return { open: false, message: `${catchUp.address} is not among the servers` }
    }
    if (server.lastIndex < catchUp.index) {
      return {
        open: false,
        message: `${server.name} has read the log up to ${server.lastIndex}, and ${catchUp.index} is needed`,
      }
    }
  }
  if (last.length < readingsNeeded) {
    return { open: false, message: `${last.length} of ${readingsNeeded} readings` }
  }
  const stable = last.every(
    (one) =>
      isWell(one, accepted) &&
      leaderOf(one)?.address === leader.address &&
      one.servers.length === newest.servers.length,
  )
  if (!stable) return { open: false, message: 'leader or servers changed between two readings' }
  return { open: true, leader }
}

/** Servers that are ill, but for those of whom somebody said so. */
export function illIn(
  { servers }: RaftReading,
  accepted: ReadonlySet<string> | undefined,
): readonly RaftServer[] {
  return servers.filter(({ healthy, name }) => !healthy && accepted?.has(name) !== true)
}

/** Autopilot's own word counts, but where an ill server that was accepted explains it. */
function isWell(reading: RaftReading, accepted: ReadonlySet<string>): boolean {
  if (reading.healthy) return true
  return illIn(reading, accepted).length === 0 && reading.servers.some(({ healthy }) => !healthy)
}

/** Who leads, by its own word. */
export function leaderOf({ servers }: RaftReading): RaftServer | undefined {
  return servers.find(({ leader }) => leader)
}
