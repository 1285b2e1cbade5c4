/**
 * What expires when, as text.
 *
 * @module
 */

import { sharedName, shortOf } from '../address.js'
import { hasErrors, type Finding } from '../diagnostics.js'
import { stateWords, withoutPorts } from '../evidence/state-words.js'
import type { SelfRenewed } from '../evidence/self-renewed.js'
import type { LifeState, Schedule, ScheduleEntry } from '../plan/schedule.js'
import { needsWork } from '../plan/needs-work.js'
import { copiesRemedy, copiesText, type Copies } from '../evidence/copies.js'
import type { Deadline } from '../rotation/deadlines.js'
import { sharingCost } from '../verify/sharing.js'
import { bringMachines, isUnplaced } from './unplaced.js'
import { findingsText } from './diagnostics.js'
import { doubtsIn, type Doubt, type DoubtFacts } from './doubts.js'
import { fold, type Group } from './fold.js'
import { count, printable, thousands, type Paint, type Style } from './style.js'
import { table } from './table.js'
import { formatDay, formatMinute, formatUntil } from './time.js'

/** What the text of a schedule may be told. */
export interface StatusTextOptions {
  readonly cluster: string
  /** Each thing on a line of its own. Default: alike ones are folded into ranges. */
  readonly all: boolean
  /** Dates of authorities. Default: none. */
  readonly deadlines?: readonly Deadline[] | undefined
  /** What another copy of this store made. Default: nothing. */
  readonly copies?: Copies | undefined
  /** What is wrong and no date shows. Default: nothing. */
  readonly findings?: readonly Finding[] | undefined
  /** Rotations under way, and what agents speak: what keeps dates from being the whole answer. Default: nothing. */
  readonly unfinished?: Pick<DoubtFacts, 'rotations' | 'transport'> | undefined
  /** Hash of the ledger's last line, to be written down elsewhere. */
  readonly ledgerHead: string
  readonly ledgerLines: number
  /** The line where its chain breaks. */
  readonly ledgerFault?: number | undefined
}

/** The words for each state. */
export const lifeWords: Readonly<Record<LifeState, string>> = {
  good: 'good',
  due: 'due',
  silent: 'silent',
  unproven: 'not proven',
  unseen: 'not seen yet',
  undelivered: 'undelivered',
  differs: 'differs',
  overdue: 'renewal overdue',
  revoked: 'revoked',
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
  const rows = alikeIn(entries, options).map((group) => rowOf(group, at, style))
  const heading = ['', 'expires', 'left', 'renewal', 'state'].map((text) => style.faint(text))
  const work = entries.filter(needsWork)
  const unfinished = doubtsIn({ schedule, findings: [], ...options.unfinished })
  const parts = [
    `${style.strong(options.cluster)} at ${formatMinute(at)}`,
    entries.length === 0 ? 'nothing has been made yet' : table([heading, ...rows], { right: [2] }),
    work.length === 0
      ? dueText(options, unfinished, style)
      : `${style.doubtful(`${count(work.length, 'thing needs', 'things need')} work`)}: ${summary(
          work,
        )}; see: ${remedies(work)}`,
    ...deadlineLines(options.deadlines ?? [], style),
    ...unfinishedLines(unfinished, style),
    ...sharingLines(entries, style),
    ...copiesLines(options.copies, style),
    ...findingLines(options, style),
    options.ledgerFault === undefined
      ? style.faint(`ledger: ${count(options.ledgerLines, 'line')}, head ${options.ledgerHead}`)
      : style.bad(`ledger: broken at line ${options.ledgerFault}; see: nomad-pki verify`),
  ]
  return parts.join('\n\n')
}

/** What is said where no certificate needs work: dates alone are no proof. */
function dueText(options: StatusTextOptions, unfinished: readonly Doubt[], style: Style): string {
  const { deadlines = [], findings = [], copies, ledgerFault } = options
  const wrong = hasErrors(findings) || ledgerFault !== undefined || (copies?.leaves.length ?? 0) > 0
  if (wrong || deadlines.some(({ due }) => due)) return style.doubtful('no certificate is due')
  return unfinished.length === 0 && findings.every(({ severity }) => severity === 'note')
    ? style.good('nothing is due')
    : style.doubtful('nothing is due, as far as dates go')
}

/** Alike ones in a line: a range is one line as long as its members end within the same week or so. */
export function alikeIn(
  entries: readonly ScheduleEntry[],
  { all }: { readonly all: boolean },
): readonly Group<ScheduleEntry>[] {
  return fold(entries, {
    all,
    keyOf: (entry) =>
      `${entry.state} ${entry.endedBy ?? ''} ${entry.orphan} ${weekOf(entry)} ${proofNote(entry)} ${entry.revoked === undefined ? '' : entry.address}`,
  })
}

function rowOf(group: Group<ScheduleEntry>, at: number, style: Style): readonly string[] {
  const { label, members } = group
  const first = members[0]!
  const paint = paintOf(first, style)
  const many = members.length > 1 ? ` (${thousands(members.length)})` : ''
  const notes = [
    proofNote(first),
    revokedNote(first),
    first.orphan ? 'the spec no longer names it' : '',
    members.length > 1 ? '' : knownSince(first),
    first.askedHost === undefined || members.length > 1 ? '' : `requested by ${first.askedHost}`,
    first.endedBy === undefined ? '' : `ended by ${first.endedBy}`,
    first.kind === 'authority' && first.state === 'due' && !first.orphan
      ? 'a successor should sign: raise `signing` in the spec'
      : '',
    first.onDemand &&
    first.state !== 'revoked' &&
    first.state !== 'good' &&
    first.state !== 'missing' &&
    !first.orphan
      ? `when asked for: nomad-pki apply ${first.address.slice(first.address.lastIndexOf('/') + 1)}`
      : '',
  ].filter((note) => note !== '')
  const soonest = Math.min(...members.flatMap(({ dueAt }) => dueAt ?? []))
  return [
    label + many,
    first.notAfter === undefined ? '' : formatDay(first.notAfter),
    first.notAfter === undefined ? '' : formatUntil(first.notAfter, at),
    first.onDemand
      ? 'when asked for'
      : Number.isFinite(soonest)
        ? `${first.kind === 'authority' ? 'rotate by' : 'from'} ${formatDay(soonest)}`
        : '',
    paint(lifeWords[first.state]) +
      (notes.length === 0 ? '' : style.faint(`  ${printable(notes.join('; '))}`)),
  ]
}

/** States that end nothing yet. */
export const mild: ReadonlySet<LifeState> = new Set([
  'due',
  'undelivered',
  'silent',
  'unproven',
  'unseen',
])

function paintOf(entry: ScheduleEntry, style: Style): Paint {
  if (entry.state === 'good') return style.good
  if (!needsWork(entry)) return style.faint
  return mild.has(entry.state) ? style.doubtful : style.bad
}

/** Why its newest generation is not proven; empty where it is, or nothing is known. */
export function proofNote(entry: ScheduleEntry): string {
  const { proof, placed, address, selfRenewed } = entry
  if (selfRenewed !== undefined) return selfRenewedNote(selfRenewed)
  if (isUnplaced(entry)) {
    return `generation ${placed!.newest} was made, the receipt of its host names ${placed!.known}`
  }
  if (proof === undefined || proof.state === 'proven' || proof.state === 'unproven') return ''
  const { newest, counted, proven, judgement } = proof
  const { state } = judgement
  if (state === 'unknown') {
    return `generation ${newest.number} was made, none is proven: ${counted.number} may still run`
  }
  if (state === 'lagging' && proven !== undefined && proven.number !== newest.number) {
    return `generation ${newest.number} was made, ${proven.number} is the last proven`
  }
  return `${stateWords[state]}: ${withoutPorts(judgement).replaceAll(address, 'it')}`
}

/** How the certificate of a node that renews itself is known, and what stands against it. */
function selfRenewedNote(self: SelfRenewed): string {
  const { state, basis, address } = self
  if (state === 'proven') {
    const how = basis === 'received' ? 'its receipt' : 'probe'
    return `renews itself, known by ${how} alone`
  }
  // The messages say it too, for those who read them alone.
  const text = withoutPorts(self).replaceAll(address, 'it')
  return `renews itself: ${text.replace(/^it renews itself, and /, '')}`
}

/** Since when a node that renews itself is known to have its certificate; empty for others. */
function knownSince({ selfRenewed }: ScheduleEntry): string {
  const since = selfRenewed?.since
  return since === undefined ? '' : `first seen with it on ${formatDay(since)}`
}

/** When and why it was revoked, and what to do; empty where it was not. */
export function revokedNote({ revoked }: ScheduleEntry): string {
  if (revoked === undefined) return ''
  const { at, reason, generation, current, remedy } = revoked
  const when = `${formatDay(at)} (${reason})`
  const what = current ? `revoked on ${when}` : `generation ${generation} was revoked on ${when}`
  return remedy === undefined ? what : `${what}; ${remedy}`
}

/** Where what is to be done can be seen. */
function remedies(work: readonly ScheduleEntry[]): string {
  const own = work.filter(({ selfRenewed }) => selfRenewed !== undefined).length
  const machines = work.filter(isUnplaced)
  const undelivered = work.filter(
    ({ state, selfRenewed, placed }) =>
      selfRenewed === undefined &&
      placed === undefined &&
      (state === 'undelivered' || state === 'silent' || state === 'unproven'),
  ).length
  return [
    ...(undelivered > 0 ? ['nomad-pki rollout --dry-run'] : []),
    ...(machines.length > 0 ? [bringMachines(machines)] : []),
    ...(undelivered + machines.length + own < work.length ? ['nomad-pki plan'] : []),
    // Of a node that renews itself verify says what to do there.
    ...(own > 0 ? ['nomad-pki probe', 'nomad-pki verify'] : []),
  ].join(', ')
}

/** Another copy of the store issues, or somebody has a key: `apply` and `rotate leaves` refuse. */
function copiesLines(copies: Copies | undefined, style: Style): readonly string[] {
  if (copies === undefined || copies.leaves.length === 0) return []
  return [
    `${style.bad(printable(`store: ${copiesText(copies)}`))}\n${style.faint('fix:')} ${printable(copiesRemedy(copies))}`,
  ]
}

/** What no row says. */
function findingLines({ findings = [], all }: StatusTextOptions, style: Style): readonly string[] {
  return findings.length === 0 ? [] : [findingsText(findings, style, { all })]
}

/** When to rotate stands in the authority's row; what was begun has dates of its own. */
function deadlineLines(deadlines: readonly Deadline[], style: Style): readonly string[] {
  const shown = deadlines.filter(({ kind }) => kind !== 'rotate')
  if (shown.length === 0) return []
  return [
    shown
      .map(
        ({ authority, at, message, due }) =>
          `${due ? style.bad('due: ') : ''}authority ${authority}: by ${formatDay(at)} ${style.faint(printable(message))}${due ? `; see: nomad-pki rotate authority ${authority}` : ''}`,
      )
      .join('\n'),
  ]
}

/** What no date shows, and the command for it. */
function unfinishedLines(doubts: readonly Doubt[], style: Style): readonly string[] {
  if (doubts.length === 0) return []
  return [
    doubts.map(({ text, remedy }) => `${style.faint(printable(text))}; see: ${remedy}`).join('\n'),
  ]
}

/** What sharing costs, said once; `verify` says it of each. */
function sharingLines(entries: readonly ScheduleEntry[], style: Style): readonly string[] {
  const shared = entries.filter(
    ({ address, orphan, state }) =>
      address.endsWith(`/${sharedName}`) && !orphan && state !== 'missing',
  )
  if (shared.length === 0) return []
  const names = shared.map(({ address }) => shortOf(address)).sort()
  return [style.faint(`many hosts share one key: ${names.join(', ')}: ${sharingCost}`)]
}

function weekOf({ notAfter }: ScheduleEntry): string {
  return notAfter === undefined ? '' : String(Math.floor(notAfter / (7 * 86_400_000)))
}

/** `1 expired, 2 due` */
export function summary(work: readonly ScheduleEntry[]): string {
  const counts = new Map<LifeState, number>()
  for (const { state } of work) counts.set(state, (counts.get(state) ?? 0) + 1)
  return [...counts].map(([state, number]) => `${thousands(number)} ${lifeWords[state]}`).join(', ')
}
