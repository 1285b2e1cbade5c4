/**
 * The sentence at the top of the page: whether anything is wrong, and what is next.
 *
 * @module
 */

import { kindOf } from '../address.js'
import type { Finding } from '../diagnostics.js'
import type { Inventory } from '../inventory/inventory.js'
import type { Schedule, ScheduleEntry } from '../plan/schedule.js'
import { needsWork } from '../plan/needs-work.js'
import type { Deadline } from '../rotation/deadlines.js'
import { doubtsIn, type DoubtFacts } from './doubts.js'
import { summary } from './status.js'
import { count } from './style.js'
import { formatDay, formatLeft } from './time.js'
import { bringMachines, isUnplaced } from './unplaced.js'

/** How bad it is. */
export type Tone = 'good' | 'doubt' | 'bad'

/** What the sentence is made of. */
export interface VerdictFacts extends DoubtFacts {
  readonly inventory: Inventory
  readonly deadlines: readonly Deadline[]
  /** What `verify` finds beyond those. Default: not asked. */
  readonly verified?: readonly Finding[] | undefined
}

/** Whether anything is wrong, and what is next, in one sentence. */
export function verdictOf(facts: VerdictFacts): {
  readonly tone: Tone
  readonly text: string
} {
  const { schedule, deadlines, findings, inventory, verified = [] } = facts
  const { at, entries } = schedule
  if (inventory.ledger.fault !== undefined) {
    const text = `The ledger is broken at line ${inventory.ledger.fault.line}: see nomad-pki verify.`
    return { tone: 'bad', text }
  }
  const work = entries.filter(needsWork)
  const worked = new Set(work.map(({ address }) => address))
  // `verify` finds what is due or over too, which its state says already.
  const errors = [...findings, ...verified.filter(({ address }) => !worked.has(address))].filter(
    ({ severity }) => severity === 'error',
  )
  const due = deadlines.filter((one) => one.due)
  if (work.length === 0 && errors.length === 0 && due.length === 0) {
    const doubts = doubtsIn({ ...facts, findings: [...findings, ...verified] })
    if (doubts.length === 0) {
      return { tone: 'good', text: `Nothing is due. ${nextOf(schedule, deadlines)}` }
    }
    const remedies = [...new Set(doubts.flatMap(({ remedy }) => remedy ?? []))].slice(0, 2)
    const texts = doubts.map(({ text }) => text)
    return {
      tone: 'doubt',
      text: `Nothing is due, but ${texts.join(', and ')}. Next: ${remedies.join(', then ')}.`,
    }
  }
  const parts = [
    ...(work.length > 0 ? [summary(work)] : []),
    ...(errors.length > 0 ? [count(errors.length, 'error')] : []),
    ...(due.length > 0 ? [count(due.length, 'date of a rotation', 'dates of rotations')] : []),
  ]
  const [first] = work.filter(({ notAfter }) => notAfter !== undefined)
  const end = first?.notAfter
  const ends =
    first === undefined || end === undefined
      ? ''
      : end < at
        ? ` ${first.address} ended ${formatLeft(at - end)} ago.`
        : ` The first end is ${first.address}, in ${formatLeft(end - at)}.`
  const ended = work.some(({ state }) => ['expired', 'revoked', 'overdue'].includes(state))
  return {
    tone: ended || errors.length > 0 ? 'bad' : 'doubt',
    text: `Work to do: ${parts.join(', ')}.${ends}${errorText(errors)} Next: ${stepsOf(work, errors, due)}.`,
  }
}

/** The first error, which may be the cause of all else. */
function errorText([first]: readonly Finding[]): string {
  return first === undefined ? '' : ` ${first.address}: ${first.message}.`
}

/** What to do, most urgent first: commands of this tool, or the remedy of the first error. */
function stepsOf(
  work: readonly ScheduleEntry[],
  [error]: readonly Finding[],
  due: readonly Deadline[],
): string {
  const machines = work.filter(isUnplaced)
  const is = (...states: readonly ScheduleEntry['state'][]): boolean =>
    work.some(
      (entry) =>
        entry.selfRenewed === undefined && states.includes(entry.state) && !isUnplaced(entry),
    )
  const over = work.some(
    ({ kind, state, proof }) => kind === 'identity' && state === 'expired' && proof !== undefined,
  )
  const own = work.filter(({ selfRenewed }) => selfRenewed !== undefined)
  const toMake = is('due', 'expired', 'missing', 'revoked', 'not-yet-valid')
  const steps = [
    ...(error?.remedy === undefined ? [] : [error.remedy]),
    ...(over ? ['nomad-pki rollout --recover --dry-run'] : toMake ? ['nomad-pki plan'] : []),
    ...(is('undelivered') && !over ? ['nomad-pki rollout --dry-run'] : []),
    ...(machines.length > 0 ? [bringMachines(machines)] : []),
    ...(is('silent', 'unproven') || own.some(isUnseen) ? ['nomad-pki probe'] : []),
    // Of a node that renews itself verify says what to do there.
    ...(own.every(isUnseen) ? [] : ['nomad-pki verify']),
    ...due.slice(0, 1).map(({ authority }) => `nomad-pki rotate authority ${authority}`),
    ...(error !== undefined && error.remedy === undefined ? ['nomad-pki verify'] : []),
  ]
  return [...new Set(steps)].slice(0, 2).join(', then ')
}

/** Whether asking a node that renews itself may show that all is well. */
function isUnseen({ state }: ScheduleEntry): boolean {
  return state === 'unseen' || state === 'silent' || state === 'unproven'
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
