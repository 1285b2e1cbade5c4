/**
 * What machines watch of a schedule: a line for each certificate, or the earliest of each role and region.
 *
 * @module
 */

import { parseIdentity, type Role } from '../address.js'
import { groupBy } from '../grouping.js'
import type { Schedule, ScheduleEntry } from '../plan/schedule.js'

/** `node`: one for each certificate. `region`: one for each role and region. */
export type Grain = 'node' | 'region'

/** One certificate, or all of a role in a region. */
export interface Watched {
  /** `identity/server/global/s1`, or `identity/server/global` for all of them. */
  readonly address: string
  readonly role: Role
  readonly region: string
  /** Absent where it stands for several. */
  readonly node?: string | undefined
  readonly members: readonly ScheduleEntry[]
}

/** More lines than this help nobody who watches them. */
const mostNodes = 1_000

/** The grain that was asked for; else one line for each certificate while they are few. */
export function grainOf(schedule: Schedule, asked: Grain | undefined): Grain {
  return asked ?? (identitiesIn(schedule).length > mostNodes ? 'region' : 'node')
}

/** What the spec names, in the order of addresses: that of the schedule changes with time. */
export function watchedIn(schedule: Schedule, grain: Grain): readonly Watched[] {
  const entries = [...identitiesIn(schedule)].sort((a, b) => (a.address < b.address ? -1 : 1))
  const groups = groupBy(entries, ({ address }) => address.slice(0, address.lastIndexOf('/')))
  return [...groups].flatMap(([address, members]): readonly Watched[] => {
    const { role, region } = parseIdentity(members[0]!.address)
    if (grain === 'region') return [{ address, role, region, members }]
    return members.map((one) => {
      const node = one.address.slice(address.length + 1)
      return { address: one.address, role, region, node, members: [one] }
    })
  })
}

/** An orphan is no longer wanted: nobody renews it, and nobody should be woken for it. */
function identitiesIn({ entries }: Schedule): readonly ScheduleEntry[] {
  return entries.filter(({ kind, orphan }) => kind === 'identity' && !orphan)
}

/** The earliest of some instants; `undefined` where there is none. */
export function earliestOf(instants: Iterable<number | undefined>): number | undefined {
  return earliestBy(instants, (one) => one)
}

/** The earliest instant of some items; `undefined` where none has one. */
export function earliestBy<Item>(
  items: Iterable<Item>,
  pick: (item: Item) => number | undefined,
): number | undefined {
  let found: number | undefined
  for (const item of items) {
    const one = pick(item)
    if (one !== undefined && (found === undefined || one < found)) found = one
  }
  return found
}
