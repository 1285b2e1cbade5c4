/**
 * Whether an entry of the schedule needs work. A file of its own, because every command loads it.
 *
 * @module
 */

import type { ScheduleEntry } from './schedule.js'

/** Whether an entry is due, expired or missing, so that the operator should act. */
export function needsWork(entry: ScheduleEntry): boolean {
  if (entry.orphan || entry.state === 'good') return false
  if (!entry.onDemand) return true
  // A stolen key opens the API until there is a new one, whether or not somebody asks for it.
  return entry.state === 'missing' || entry.state === 'revoked'
}
