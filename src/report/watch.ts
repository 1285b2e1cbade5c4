/**
 * The state of a cluster while things happen: one screen that is drawn again and again, and, where there is no
 * terminal, a line for each change.
 *
 * @module
 */

import type { Severity } from '../diagnostics.js'
import { formatInstant } from '../duration.js'
import { needsWork } from '../plan/needs-work.js'
import type { LifeState, ScheduleEntry } from '../plan/schedule.js'
import { barOf } from './bar.js'
import { fold } from './fold.js'
import type { WatchedRotation } from './metrics.js'
import { verdictOf, type Tone, type VerdictFacts } from './page-verdict.js'
import type { Screen } from './rollout-view.js'
import { alikeIn, lifeWords, mild, proofNote, revokedNote } from './status.js'
import { count, printable, thousands, type Paint, type Style } from './style.js'
import { cut, wrap } from './table.js'
import { formatUntil } from './time.js'

/** What is watched, as it was read at one time. */
export interface WatchFacts extends VerdictFacts {
  readonly cluster: string
  readonly rotations: readonly WatchedRotation[]
}

/** One line of the table. */
interface WatchRow {
  readonly label: string
  readonly state: LifeState
  readonly notAfter: number | undefined
  readonly notes: string
}

/** All that a screen is drawn from: made once, so that drawing it costs the same for any number of nodes. */
export interface WatchView {
  readonly cluster: string
  /** When it was read, epoch milliseconds. */
  readonly readAt: number
  readonly verdict: { readonly tone: Tone; readonly text: string }
  readonly rotations: readonly {
    readonly title: string
    readonly done: number
    readonly total: number
    readonly waits: string | undefined
  }[]
  /** How many agents were seen with their newest certificate. */
  readonly loaded: { readonly done: number; readonly total: number }
  readonly rows: readonly WatchRow[]
  /** How many certificates and authorities are not in {@link rows}. */
  readonly beyond: number
  /** Newest last. */
  readonly ledger: readonly {
    readonly at: number
    readonly event: string
    readonly address: string
  }[]
}

/** What is known now, beyond what was read. */
export interface WatchMoment {
  /** Why it could not be read again. */
  readonly trouble?: string | undefined
  /** The command that holds the store, and since when, epoch milliseconds. */
  readonly holder?: { readonly command: string; readonly since: number } | undefined
}

/** No terminal shows more lines. */
const mostRows = 200

/** Makes it, at the cost of the whole cluster. */
export function viewOf(facts: WatchFacts): WatchView {
  const { cluster, schedule, inventory, rotations } = facts
  const { entries } = schedule
  const groups = alikeIn(
    // What needs work stands first; both parts are in the order of their ends.
    [...entries.filter(needsWork), ...entries.filter((one) => !needsWork(one))],
    { all: false },
  )
  const shown = groups.slice(0, mostRows)
  const agents = entries.filter(
    ({ proof, selfRenewed, orphan }) => (proof ?? selfRenewed) !== undefined && !orphan,
  )
  return {
    ...{ cluster, readAt: schedule.at, verdict: verdictOf(facts) },
    rotations: rotations.map(({ rotation: { name, from, to, stage, next }, gate }) => ({
      title: `rotation of ${name}, ${from} to ${to}${stage === undefined ? '' : `, stage ${stage}`}`,
      done: gate?.proven ?? 0,
      total: gate?.agents ?? 0,
      waits:
        gate === undefined || gate.open
          ? `next: ${next.title}`
          : `waits for ${gate.holds[0]!.address}: ${gate.holds[0]!.message}`,
    })),
    loaded: {
      done: agents.filter(({ proof, selfRenewed }) => (proof ?? selfRenewed)!.state === 'proven')
        .length,
      total: agents.length,
    },
    rows: shown.map(({ label, members }) => {
      const [first] = members
      const { state, notAfter } = first!
      const many = members.length > 1 ? ` (${thousands(members.length)})` : ''
      const notes = [proofNote(first!), revokedNote(first!)].filter((note) => note !== '')
      return { label: label + many, state, notAfter, notes: notes.join('; ') }
    }),
    beyond: groups.slice(mostRows).reduce((sum, { members }) => sum + members.length, 0),
    ledger: inventory.ledger.events.slice(-mostEvents),
  }
}

/** Lines of the ledger on a screen. */
const mostEvents = 6

/**
 * Draws it.
 *
 * @returns Lines that are narrower than the terminal, and fewer than it has.
 */
export function watchLines(
  view: WatchView,
  { trouble, holder }: WatchMoment,
  screen: Screen,
  style: Style,
): readonly string[] {
  const { at, columns, rows, fancy } = screen
  const width = columns - 1
  // The cursor stays below.
  const room = Math.max(1, rows - 2)
  const line = (text: string, paint: Paint = same): string => paint(cut(text, width))
  const lines = (text: string, most: number, paint: Paint): readonly string[] =>
    wrap(printable(text), width, most).map((one) => paint(one))
  const progress = (done: number, total: number, what: string): string => {
    const numbers = cut(`  ${thousands(done)}/${thousands(total)}`, width)
    const bar = `${what}  ${barOf(done, total, fancy)}`
    return bar.slice(0, Math.max(0, width - numbers.length)) + numbers
  }
  const head = [
    line(`${view.cluster}  ${formatInstant(at)}`, style.strong),
    ...(trouble === undefined
      ? []
      : lines(`${trouble}; what follows is of ${formatInstant(view.readAt)}`, 3, style.bad)),
    ...lines(view.verdict.text, 3, paints(style)[view.verdict.tone]),
    ...(holder === undefined
      ? []
      : [line(`${holder.command} holds the store since ${formatInstant(holder.since)}`)]),
    ...view.rotations.flatMap(({ title, done, total, waits }) => [
      line(title, style.strong),
      ...(total === 0 ? [] : [progress(done, total, 'proven')]),
      ...(waits === undefined ? [] : [line(`  ${waits}`)]),
    ]),
    ...(view.loaded.total === 0
      ? []
      : [progress(view.loaded.done, view.loaded.total, 'newest loaded')]),
  ].slice(0, room)
  const rest = room - head.length
  const events = rest < 8 ? [] : view.ledger.slice(-Math.floor((rest - 2) / 3))
  const forTable = rest - 1 - (events.length === 0 ? 0 : events.length + 1)
  return [
    ...head,
    ...(forTable < 1 ? [] : ['', ...tableLines(view, forTable, at, line, style)]),
    ...(events.length === 0 ? [] : ['']),
    ...events.map((one) => line(eventText(one), style.faint)),
  ]
}

const same: Paint = (text) => text

function tableLines(
  { rows, beyond }: WatchView,
  room: number,
  at: number,
  line: (text: string, paint?: Paint) => string,
  style: Style,
): readonly string[] {
  const whole = rows.length <= room && beyond === 0
  const shown = whole ? rows : rows.slice(0, Math.max(0, room - 1))
  const words = Math.max(0, ...shown.map(({ state }) => lifeWords[state].length))
  const texts = shown.map(({ label, state, notAfter, notes }) => {
    const left = notAfter === undefined ? '' : formatUntil(notAfter, at)
    const text = `${left.padStart(7)}  ${lifeWords[state].padEnd(words)}  ${label}`
    const paint = state === 'good' ? same : mild.has(state) ? style.doubtful : style.bad
    return line(notes === '' ? text : `${text}  ${notes}`, paint)
  })
  if (whole) return texts
  const more = rows.length - shown.length + (beyond === 0 ? 0 : 1)
  return [...texts, line(`  and ${count(more, 'line')} more: nomad-pki status`, style.faint)]
}

function eventText(one: { readonly at: number; readonly event: string; readonly address: string }) {
  return `${formatInstant(one.at).slice(11)}  ${one.event}  ${one.address}`
}

function paints(style: Style): Readonly<Record<Tone, Paint>> {
  return { good: style.good, doubt: style.doubtful, bad: style.bad }
}

/** More lines for one kind of change are counted. */
const mostChanges = 20

/**
 * Says what changed between two readings.
 *
 * @returns A sentence each, without the time; nothing where nothing changed.
 */
export function changesBetween(before: WatchFacts, after: WatchFacts): readonly string[] {
  const store = storeChanges(before, after)
  return [
    ...store,
    // The ledger goes and comes with its store.
    ...(store.length > 0 ? [] : ledgerChanges(before.inventory.ledger, after.inventory.ledger)),
    ...stateChanges(before.schedule.entries, after.schedule.entries),
    ...rotationChanges(before.rotations, after.rotations),
    ...findingChanges(before.findings, after.findings),
  ].map(printable)
}

function storeChanges(before: WatchFacts, { inventory }: WatchFacts): readonly string[] {
  if (before.inventory.storeExists === inventory.storeExists) return []
  return [`the store ${inventory.location} is ${inventory.storeExists ? 'there' : 'not there'}`]
}

type Ledger = WatchFacts['inventory']['ledger']

function ledgerChanges(before: Ledger, { lines, events, head, fault }: Ledger): readonly string[] {
  if (head === before.head && fault?.line === before.fault?.line) return []
  if (fault !== undefined) return [`the ledger is broken at line ${fault.line}: nomad-pki verify`]
  if (lines.length > before.lines.length && lines[before.lines.length]!.prev === before.head) {
    return folded(events.slice(before.events.length), ({ event }) => event)
  }
  return [`the ledger is a different one: ${count(lines.length, 'line')}, head ${head}`]
}

function stateChanges(
  before: readonly ScheduleEntry[],
  after: readonly ScheduleEntry[],
): readonly string[] {
  const was = new Map(before.map(({ address, state }) => [address, state]))
  const changed = after.filter(({ address, state }) => was.get(address) !== state)
  const now = new Set(after.map(({ address }) => address))
  return [
    ...folded(changed, ({ address, state }) => {
      const old = was.get(address)
      return `${lifeWords[state]} ${old === undefined ? '(new)' : `(was ${lifeWords[old]})`}:`
    }),
    ...folded(
      before.filter(({ address }) => !now.has(address)),
      () => 'not listed any more:',
    ),
  ]
}

function rotationChanges(
  before: readonly WatchedRotation[],
  after: readonly WatchedRotation[],
): readonly string[] {
  const was = new Map(before.map((one) => [one.rotation.name, rotationText(one)]))
  const names = new Set(after.map(({ rotation }) => rotation.name))
  return [
    ...after.flatMap((one) => {
      const text = rotationText(one)
      return was.get(one.rotation.name) === text ? [] : [text]
    }),
    ...[...was.keys()].flatMap((name) =>
      names.has(name) ? [] : [`authority ${name}: the rotation has ended`],
    ),
  ]
}

function rotationText({ rotation: { name, from, to, stage }, gate }: WatchedRotation): string {
  const where = `authority ${name}: generation ${from} to ${to}${stage === undefined ? '' : `, stage ${stage}`}`
  if (gate === undefined) return where
  const of = `${thousands(gate.proven)} of ${count(gate.agents, 'agent')} proven`
  return `${where}; gate ${gate.open ? 'open' : 'closed'}; ${of}`
}

type Findings = WatchFacts['findings']

function findingChanges(before: Findings, after: Findings): readonly string[] {
  // A message may name a time that is left, and changes with it.
  const keyOf = ({ severity, address, reason }: Findings[number]): string =>
    `${severity} ${address} ${reason}`
  const was = new Set(before.map(keyOf))
  const is = new Set(after.map(keyOf))
  const word = (severity: Severity): string => `${severity}:`
  return [
    ...folded(
      after.filter((one) => !was.has(keyOf(one))),
      ({ severity }) => word(severity),
      ({ message }) => message,
    ),
    ...folded(
      before.filter((one) => !is.has(keyOf(one))),
      ({ severity }) => `${word(severity)} solved:`,
      ({ message }) => message,
    ),
  ]
}

/** What came before an address, and behind it; alike ones are one line. */
function folded<One extends { readonly address: string }>(
  items: readonly One[],
  wordOf: (one: One) => string,
  restOf: (one: One) => string = () => '',
): readonly string[] {
  const groups = fold(items, { all: false, keyOf: (one) => `${wordOf(one)}\n${restOf(one)}` })
  const shown = groups.slice(0, mostChanges).map(({ label, members }) => {
    const rest = restOf(members[0]!)
    const many = members.length > 1 ? ` (${thousands(members.length)})` : ''
    return `${wordOf(members[0]!)} ${label}${many}${rest === '' ? '' : `: ${rest}`}`
  })
  const left = groups.slice(mostChanges).reduce((sum, { members }) => sum + members.length, 0)
  return left === 0 ? shown : [...shown, `and ${count(left, 'change')} more of this kind`]
}
