/**
 * What expires when, as text.
 *
 * @module
 */

import type { LifeState, Schedule, ScheduleEntry } from '../plan/schedule.js'
import { needsWork } from '../plan/schedule.js'
import { fold, type Group } from './fold.js'
import { count, printable, thousands, type Paint, type Style } from './style.js'
import { table } from './table.js'
import { formatDay, formatLeft, formatMinute } from './time.js'

/** What the text of a schedule may be told. */
export interface StatusTextOptions {
  readonly cluster: string
  /** Each thing on a line of its own. Default: alike ones are folded into ranges. */
  readonly all: boolean
  /** Hash of the ledger's last line, to be written down elsewhere. */
  readonly ledgerHead: string
  readonly ledgerLines: number
  /** The line where its chain breaks. */
  readonly ledgerFault?: number | undefined
}

const words: Readonly<Record<LifeState, string>> = {
  good: 'good',
  due: 'due',
  expired: 'expired',
  'not-yet-valid': 'not yet valid',
  missing: 'missing',
}

/**
 * The whole schedule, soonest end first.
 *
 * @returns Text without a newline at its end.
 */
export function statusText(schedule: Schedule, style: Style, options: StatusTextOptions): string {
  const { at, entries } = schedule
  const rows = fold(entries, {
    all: options.all,
    // A range is one line as long as its members end within the same week or so.
    keyOf: (entry) => `${entry.state} ${entry.endedBy ?? ''} ${entry.orphan} ${weekOf(entry)}`,
  }).map((group) => rowOf(group, at, style))
  const heading = ['', 'expires', 'left', 'renewal', 'state'].map((text) => style.faint(text))
  const work = entries.filter(needsWork)
  const parts = [
    `${style.strong(options.cluster)} at ${formatMinute(at)}`,
    entries.length === 0 ? 'nothing has been made yet' : table([heading, ...rows], { right: [2] }),
    work.length === 0
      ? style.good('nothing is due')
      : `${style.doubtful(`${count(work.length, 'thing needs', 'things need')} work`)}: ${summary(
          work,
        )}; see: nomad-pki plan`,
    options.ledgerFault === undefined
      ? style.faint(`ledger: ${count(options.ledgerLines, 'line')}, head ${options.ledgerHead}`)
      : style.bad(`ledger: broken at line ${options.ledgerFault}; see: nomad-pki verify`),
  ]
  return parts.join('\n\n')
}

function rowOf(group: Group<ScheduleEntry>, at: number, style: Style): readonly string[] {
  const { label, members } = group
  const first = members[0]!
  const paint = paintOf(first, style)
  const many = members.length > 1 ? ` (${thousands(members.length)})` : ''
  const notes = [
    first.orphan ? 'the spec no longer names it' : '',
    first.endedBy === undefined ? '' : `ended by ${first.endedBy}`,
    first.kind === 'authority' && first.state === 'due' && !first.orphan
      ? 'a successor should sign: raise `signing` in the spec'
      : '',
    first.onDemand && first.state !== 'good' && first.state !== 'missing' && !first.orphan
      ? `when asked for: nomad-pki apply ${first.address.slice(first.address.lastIndexOf('/') + 1)}`
      : '',
  ].filter((note) => note !== '')
  const soonest = Math.min(...members.flatMap(({ dueAt }) => dueAt ?? []))
  return [
    label + many,
    first.notAfter === undefined ? '' : formatDay(first.notAfter),
    first.notAfter === undefined
      ? ''
      : first.notAfter < at
        ? `-${formatLeft(at - first.notAfter)}`
        : formatLeft(first.notAfter - at),
    first.onDemand
      ? 'when asked for'
      : Number.isFinite(soonest)
        ? `${first.kind === 'authority' ? 'rotate by' : 'from'} ${formatDay(soonest)}`
        : '',
    paint(words[first.state]) +
      (notes.length === 0 ? '' : style.faint(`  ${printable(notes.join('; '))}`)),
  ]
}

function paintOf(entry: ScheduleEntry, style: Style): Paint {
  if (entry.state === 'good') return style.good
  if (!needsWork(entry)) return style.faint
  return entry.state === 'due' ? style.doubtful : style.bad
}

function weekOf({ notAfter }: ScheduleEntry): string {
  return notAfter === undefined ? '' : String(Math.floor(notAfter / (7 * 86_400_000)))
}

function summary(work: readonly ScheduleEntry[]): string {
  const counts = new Map<LifeState, number>()
  for (const { state } of work) counts.set(state, (counts.get(state) ?? 0) + 1)
  return [...counts].map(([state, number]) => `${thousands(number)} ${words[state]}`).join(', ')
}
