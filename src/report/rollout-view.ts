/**
 * A rollout on a terminal: a line a host, which changes in place, and a bar for the whole. What happened goes into a
 * {@link RolloutView}; what is shown of it follows from that, the time and the size of the terminal alone.
 *
 * @module
 */

import { formatDuration } from '../duration.js'
import type { Rollout, RolloutNode } from '../rollout/order.js'
import type { HostState, RolloutEvent } from '../rollout/ports.js'
import { barOf } from './bar.js'
import { foldAbove, rangesOf } from './fold.js'
import { count, printable, type Paint, type Style } from './style.js'
import { cut, table, widthOf } from './table.js'

/** One host. */
interface HostRow {
  readonly name: string
  readonly restart: boolean
  /** `undefined`: its turn has not come. */
  state: HostState | undefined
  message: string | undefined
  /** When its turn came, epoch milliseconds. */
  began: number | undefined
  /** When it had ended. */
  ended: number | undefined
}

/** Where a rollout stands. */
export interface RolloutView {
  /** Epoch milliseconds. */
  readonly began: number
  /** In the order of the rollout, by agent and host. */
  readonly hosts: ReadonlyMap<string, HostRow>
  /** How many hosts were looked at. */
  looked: number
  /** Whether all were looked at. */
  ready: boolean
  /** What the rollout as a whole waits for. */
  waits: string | undefined
}

/** What a picture depends on. */
export interface Screen {
  /** Epoch milliseconds. */
  readonly at: number
  readonly columns: number
  readonly rows: number
  /** Whether the terminal shows more than ASCII. */
  readonly fancy: boolean
}

/** How a rollout stands before anything happened. */
export function beginView({ steps }: Pick<Rollout, 'steps'>, at: number): RolloutView {
  const hosts = new Map<string, HostRow>()
  for (const node of steps.flatMap(({ nodes }) => nodes)) {
    const untouched = { state: undefined, message: undefined, began: undefined, ended: undefined }
    hosts.set(keyOf(node), { name: nameOf(node), restart: node.restart, ...untouched })
  }
  return { began: at, hosts, looked: 0, ready: false, waits: undefined }
}

/** Takes up what happened. */
export function takeEvent(view: RolloutView, event: RolloutEvent, at: number): void {
  if (event.event === 'looked') view.looked += 1
  if (event.event === 'ready') view.ready = true
  if (event.event === 'step') view.waits = undefined
  if (event.event === 'gate') {
    view.waits = event.open ? undefined : `waiting for ${event.region}: ${event.message}`
  }
  if (event.event !== 'host') return
  const row = view.hosts.get(keyOf(event.node))
  if (row === undefined) return
  row.state = event.state
  row.message = event.message
  row.began ??= at
  row.ended = isOver(event.state) ? at : undefined
}

/**
 * Shows where it stands.
 *
 * @returns Lines that are narrower than the terminal, and fewer than it has. The last one is the bar.
 */
export function viewLines(view: RolloutView, screen: Screen, style: Style): readonly string[] {
  const { at, columns, rows } = screen
  // The cursor stays below the bar.
  const room = Math.max(0, rows - 2)
  const all = view.ready ? [...view.hosts.values()] : []
  const shown = all.length <= room ? all : mostTelling(all, Math.max(0, room - 1))
  const width = Math.min(Math.max(8, Math.floor(columns / 3)), longest(shown))
  const lines = shown.map((row) => {
    const name = cut(row.name, width)
    const cells = [
      name + ' '.repeat(width - widthOf(name)),
      wordOf(row).padEnd(15),
      timeOf(row, at).padStart(6),
    ]
    const message = row.message === undefined ? '' : `  ${printable(row.message)}`
    return paintOf(row, style)(cut(`  ${cells.join('  ')}${message}`.trimEnd(), columns - 1))
  })
  const hidden = all.length - shown.length
  if (hidden > 0 && room > 0) {
    lines.push(style.faint(cut(`  and ${count(hidden, 'host')} more`, columns - 1)))
  }
  return [...lines, cut(barLine(view, screen), columns - 1)]
}

/** Those at work and those that failed; then those whose turn comes next, and those that ended last. */
function mostTelling(all: readonly HostRow[], room: number): readonly HostRow[] {
  const rank = ({ state, ended }: HostRow): number =>
    state === 'failed' ? 1 : state === undefined ? 2 : ended === undefined ? 0 : 3
  const chosen = new Set(
    [...all].sort((a, b) => rank(a) - rank(b) || (b.ended ?? 0) - (a.ended ?? 0)).slice(0, room),
  )
  return all.filter((row) => chosen.has(row))
}

function barLine({ began, hosts, looked, ready, waits }: RolloutView, screen: Screen): string {
  const rows = [...hosts.values()]
  const done = ready ? rows.filter(({ ended }) => ended !== undefined).length : looked
  const doing = ready ? (waits ?? '') : 'looking at every host'
  const bar = barOf(done, rows.length, screen.fancy)
  const parts = [bar, `${done}/${rows.length}`, spanOf(screen.at - began), printable(doing)]
  return parts.join('  ').trimEnd()
}

/**
 * What is left on the terminal when it is over: a row a host. Of many, those that are not proven alone.
 *
 * @returns Nothing where no host was touched.
 */
export function viewTable({ hosts }: RolloutView, at: number, style: Style): string | undefined {
  const rows = [...hosts.values()]
  if (rows.every(({ state }) => state === undefined)) return undefined
  const many = rows.length > 4 * foldAbove
  const folded = many ? rows.filter(({ state }) => state === 'proven' || state === undefined) : []
  const shown = rows.filter((row) => !folded.includes(row))
  const lines = shown.map((row) => [
    printable(row.name),
    paintOf(row, style)(row.state === undefined ? 'not begun' : wordOf(row)),
    timeOf(row, at),
    row.state === 'failed' ? '' : printable(row.message ?? ''),
  ])
  const of = (state: HostState | undefined, word: string): readonly string[] => {
    const own = folded.filter((row) => row.state === state)
    return own.length === 0
      ? []
      : [
          `  ${count(own.length, 'host')} ${word}: ${printable(rangesOf(own.map(({ name }) => name)))}`,
        ]
  }
  return [
    ...(lines.length === 0 ? [] : [table(lines, { indent: 2, right: [2] })]),
    ...of('proven', 'proven'),
    ...of(undefined, 'not begun'),
  ].join('\n')
}

function isOver(state: HostState): boolean {
  return !['waiting', 'sending', 'switched', 'reloaded'].includes(state)
}

function wordOf({ state, restart }: HostRow): string {
  switch (state) {
    case undefined:
      return 'waiting'
    case 'waiting':
      return 'waiting for you'
    case 'reloaded':
      return restart ? 'restarted' : 'reloaded'
    case 'settled':
    case 'placed':
    case 'delivered':
      return 'in place'
    case 'returned':
      return 'back'
    case 'unseen':
      return 'not waited for'
    default:
      return state
  }
}

function paintOf({ state, ended }: HostRow, style: Style): Paint {
  if (state === undefined) return style.faint
  if (state === 'failed') return style.bad
  if (state === 'proven') return style.good
  return ended === undefined ? (text) => text : style.doubtful
}

function timeOf({ began, ended }: HostRow, at: number): string {
  return began === undefined ? '' : spanOf((ended ?? at) - began)
}

function spanOf(milliseconds: number): string {
  return formatDuration(Math.max(0, milliseconds))
}

function longest(rows: readonly HostRow[]): number {
  return rows.reduce((most, { name }) => Math.max(most, widthOf(printable(name))), 0)
}

function keyOf({ address, host }: RolloutNode): string {
  return `${address} ${host ?? ''}`
}

function nameOf({ address, host }: RolloutNode): string {
  return host ?? address.slice(address.lastIndexOf('/') + 1)
}
