/**
 * The sentence at the top of the page: whether anything is wrong, and what is next.
 *
 * @module
 */

import { kindOf } from '../address.js'
import type { Finding } from '../diagnostics.js'
import type { Inventory } from '../inventory/inventory.js'
import type { Schedule } from '../plan/schedule.js'
import { needsWork } from '../plan/needs-work.js'
import type { Deadline } from '../rotation/deadlines.js'
import { summary } from './status.js'
import { count } from './style.js'
import { formatDay, formatLeft } from './time.js'

/** How bad it is. */
export type Tone = 'good' | 'doubt' | 'bad'

/** What the sentence is made of. */
export interface VerdictFacts {
  readonly schedule: Schedule
  readonly inventory: Inventory
  readonly deadlines: readonly Deadline[]
  readonly findings: readonly Finding[]
}

/** Whether anything is wrong, and what is next, in one sentence. */
export function verdictOf({ schedule, deadlines, findings, inventory }: VerdictFacts): {
  readonly tone: Tone
  readonly text: string
} {
  const { at, entries } = schedule
  if (inventory.ledger.fault !== undefined) {
    const text = `The ledger is broken at line ${inventory.ledger.fault.line}: see nomad-pki verify.`
    return { tone: 'bad', text }
  }
  const work = entries.filter(needsWork)
  const errors = findings.filter(({ severity }) => severity === 'error').length
  const due = deadlines.filter((one) => one.due).length
  if (work.length === 0 && errors === 0 && due === 0) {
    return { tone: 'good', text: `Nothing is due. ${nextOf(schedule, deadlines)}` }
  }
  const parts = [
    ...(work.length > 0 ? [summary(work)] : []),
    ...(errors > 0 ? [count(errors, 'error')] : []),
    ...(due > 0 ? [count(due, 'date of a rotation', 'dates of rotations')] : []),
  ]
  const [first] = work.filter(({ notAfter }) => notAfter !== undefined)
  const end = first?.notAfter
  const next =
    first === undefined || end === undefined
      ? ''
      : end < at
        ? ` ${first.address} ended ${formatLeft(at - end)} ago.`
        : ` The first end is ${first.address}, in ${formatLeft(end - at)}.`
  const ended = work.some(({ state }) => state === 'expired' || state === 'revoked')
  return {
    tone: ended || errors > 0 ? 'bad' : 'doubt',
    text: `Work to do: ${parts.join(', ')}.${next}`,
  }
}

function nextOf({ at, entries }: Schedule, deadlines: readonly Deadline[]): string {
  const dates = [
    ...entries.flatMap(({ address, dueAt, orphan, onDemand }) =>
      dueAt === undefined || orphan || onDemand
        ? []
        : [
            {
              at: dueAt,
              text: `${kindOf(address) === 'authority' ? 'a successor of' : 'the renewal of'} ${address}`,
            },
          ],
    ),
    ...deadlines.map((one) => ({ at: one.at, text: `authority ${one.authority}: ${one.message}` })),
  ].sort((a, b) => a.at - b.at)
  const [next] = dates
  if (next === undefined) return 'Nothing has a date.'
  return `Next: ${next.text}, on ${formatDay(next.at)} (in ${formatLeft(Math.max(0, next.at - at))}).`
}
