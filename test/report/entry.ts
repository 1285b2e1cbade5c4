/** Entries of a schedule, for reports. */

import type { ScheduleEntry } from '../../src/plan/schedule.js'

export const day = 86_400_000

/** The time of the schedules. */
export const at: number = Date.parse('2027-03-01T00:00:00Z')

/** A certificate that is renewed in 30 days and ends in 60, or what differs. */
export function entry(address: string, more: Partial<ScheduleEntry> = {}): ScheduleEntry {
  return {
    ...{ address, kind: 'identity', state: 'good', orphan: false, onDemand: false },
    ...{ notAfter: at + 60 * day, dueAt: at + 30 * day },
    ...more,
  }
}
