/**
 * Machines whose newest files no receipt shows in their place.
 *
 * @module
 */

import { shortOf } from '../address.js'
import type { ScheduleEntry } from '../plan/schedule.js'

/** Whether the last receipt of a machine names an older generation than the newest. */
export function isUnplaced({ placed }: ScheduleEntry): boolean {
  return placed?.known !== undefined && placed.known !== placed.newest
}

/** The command that brings machines their files, or says what does: three of them at once, at most. */
export function bringMachines(machines: readonly ScheduleEntry[]): string {
  const names = machines.slice(0, 3).map(({ address }) => shortOf(address))
  return `nomad-pki rollout --dry-run ${names.join(' ')}`
}
