/** What `status --watch` draws and says. */

import { describe, expect, test } from 'vitest'
import { emptyHead } from '../../src/inventory/ledger.js'
import type { ScheduleEntry } from '../../src/plan/schedule.js'
import { plainStyle } from '../../src/report/style.js'
import { widthOf, wrap } from '../../src/report/table.js'
import { changesBetween, viewOf, watchLines, type WatchFacts } from '../../src/report/watch.js'

const at = Date.UTC(2026, 10, 27, 12, 40, 3)
const day = 86_400_000

function entry(name: string, more: Partial<ScheduleEntry> = {}): ScheduleEntry {
  const address = `identity/client/global/${name}`
  const rest = { kind: 'identity', state: 'good', orphan: false, onDemand: false } as const
  return { address, ...rest, notAfter: at + 90 * day, dueAt: at + 60 * day, ...more }
}

type Event = WatchFacts['inventory']['ledger']['events'][number]

function facts(
  entries: readonly ScheduleEntry[],
  more: Partial<WatchFacts> & { readonly events?: readonly Event[] } = {},
): WatchFacts {
  const { events = [], ...rest } = more
  let prev = emptyHead
  const lines = events.map(({ event, address }, index) => {
    const line = { seq: index + 1, prev, event, address, at }
    prev = `${prev}${index}`
    return line
  })
  const ledger = { lines, events, head: prev, tornBytes: 0 }
  const inventory = { storeExists: true, location: '/srv/pki', ledger }
  return {
    ...{ cluster: 'acme', schedule: { at, entries }, deadlines: [], findings: [], rotations: [] },
    inventory: inventory as unknown as WatchFacts['inventory'],
    ...rest,
  }
}

const observed = (name: string): Event =>
  ({ event: 'observed', address: `identity/client/global/${name}`, at }) as unknown as Event

/** A rotation whose gate waits. */
function rotation(proven: number): WatchFacts['rotations'][number] {
  const address = 'identity/client/global/c1'
  const hold = { address, message: 'never seen', remedy: 'nomad-pki probe' }
  const gate = { open: proven === 3, proven, agents: 3, excepted: [], notes: [] }
  return {
    rotation: { name: 'agent', from: 1, to: 2, stage: 1, next: { title: 'generation 2 signs' } },
    gate: { ...gate, holds: proven === 3 ? [] : [hold] },
  } as unknown as WatchFacts['rotations'][number]
}

const nodes = (many: number, more: Partial<ScheduleEntry> = {}): readonly ScheduleEntry[] =>
  // Each of them ends in a week of its own, so that nothing folds.
  Array.from({ length: many }, (_, index) =>
    entry(`c${String(index)}`, { notAfter: at + index * 8 * day, ...more }),
  )

const hostile = entry('x\u001b[2J\u202e', { state: 'expired', notAfter: at - day })

describe('a screen', () => {
  const screens = [
    [80, 24],
    [40, 24],
    [40, 6],
    [200, 60],
    [10, 3],
    [1, 1],
  ] as const
  const { rotation: large, gate } = rotation(1)
  const many = facts([...nodes(300), hostile], {
    rotations: [{ rotation: large, gate: { ...gate!, proven: 98_765, agents: 100_000 } }],
    events: ['c1', 'c2', 'c3', 'c4', 'c5', 'c6', 'c7'].map(observed),
  })

  test.each(screens)(
    '%i columns, %i lines: fits, and leaves the cursor a line',
    (columns, rows) => {
      const moment = {
        trouble: 'cannot read it: '.repeat(9),
        holder: { command: 'rollout', since: at },
      }
      const lines = watchLines(viewOf(many), moment, { at, columns, rows, fancy: true }, plainStyle)
      expect(lines.length).toBeLessThan(Math.max(2, rows))
      expect(Math.max(...lines.map(widthOf))).toBeLessThan(Math.max(2, columns))
      // eslint-disable-next-line no-control-regex -- it must not be there
      expect(lines.join('')).not.toMatch(/[\u0000-\u001f\u202e]/)
    },
  )

  test('80×24: what is wrong, the rotation, who has the newest, the worst first, the ledger', () => {
    const proof = { state: 'proven', newest: { number: 2 } } as unknown as ScheduleEntry['proof']
    const entries = [entry('c1', { proof }), entry('c2', { state: 'due', notAfter: at + day })]
    const view = viewOf(
      facts(entries, { rotations: [rotation(1)], events: [observed('c1'), observed('c2')] }),
    )
    const screen = { at, columns: 80, rows: 24, fancy: false }
    const moment = { holder: { command: 'rollout', since: at - 60_000 } }
    expect(watchLines(view, moment, screen, plainStyle).join('\n')).toBe(
      `acme  2026-11-27T12:40:03Z
Work to do: 1 due. The first end is identity/client/global/c2, in 24h. Next:
nomad-pki plan.
rollout holds the store since 2026-11-27T12:39:03Z
rotation of agent, 1 to 2, stage 1
proven  ########................  1/3
  waits for identity/client/global/c1: never seen
newest loaded  ########################  1/1

    24h  due   identity/client/global/c2
    90d  good  identity/client/global/c1

12:40:03Z  observed  identity/client/global/c1
12:40:03Z  observed  identity/client/global/c2`,
    )
  })

  test('what no longer can be read is said, with the time of what is shown', () => {
    const screen = { at: at + 5000, columns: 80, rows: 24, fancy: false }
    const moment = { trouble: 'cluster.yaml: no such file' }
    const [, said] = watchLines(viewOf(facts([entry('c1')])), moment, screen, plainStyle)
    expect(said).toBe('cluster.yaml: no such file; what follows is of 2026-11-27T12:40:03Z')
  })

  test('10,000 nodes: a picture costs what one of few nodes costs', () => {
    const view = viewOf(facts(nodes(10_000)))
    expect(view.rows).toHaveLength(200)
    const lines = watchLines(view, {}, { at, columns: 80, rows: 24, fancy: false }, plainStyle)
    expect(lines.at(-1)).toMatch(/and \d+ lines more: nomad-pki status/)
  })
})

describe('what changed', () => {
  const before = facts([entry('c1'), entry('c2')], { events: [observed('c1')] })

  test('nothing', () => {
    expect(changesBetween(before, before)).toEqual([])
  })

  test('lines of the ledger, states, rotations and findings; alike ones are one line', () => {
    const finding = {
      ...{ severity: 'error', address: 'authority/agent/1', reason: 'x', message: 'broken' },
    } as unknown as WatchFacts['findings'][number]
    const names = ['1', '2', '3', '4', '5', '6', '7'].map((number) => `c${number}`)
    const after = facts([entry('c1', { state: 'due' }), entry('c3')], {
      events: [observed('c1'), ...names.map(observed)],
      rotations: [rotation(1)],
      findings: [finding],
    })
    expect(changesBetween(before, after)).toEqual([
      'observed identity/client/global/c[1-7] (7)',
      'due (was good): identity/client/global/c1',
      'good (new): identity/client/global/c3',
      'not listed any more: identity/client/global/c2',
      'authority agent: generation 1 to 2, stage 1; gate closed; 1 of 3 agents proven',
      'error: authority/agent/1: broken',
    ])
    const events = [observed('c1'), ...names.map(observed)]
    const last = facts([entry('c1', { state: 'due' }), entry('c3')], {
      events,
      rotations: [rotation(3)],
    })
    expect(changesBetween(after, last)).toEqual([
      'authority agent: generation 1 to 2, stage 1; gate open; 3 of 3 agents proven',
      'error: solved: authority/agent/1: broken',
    ])
    expect(changesBetween(last, { ...last, rotations: [] })).toEqual([
      'authority agent: the rotation has ended',
    ])
  })

  test('a store that vanished, a ledger that was replaced or broken', () => {
    const other = facts([entry('c1'), entry('c2')])
    expect(changesBetween(before, other)).toEqual([
      `the ledger is a different one: 0 lines, head ${emptyHead}`,
    ])
    const gone = { ...other, inventory: { ...other.inventory, storeExists: false } }
    expect(changesBetween(before, gone)).toEqual(['the store /srv/pki is not there'])
    expect(changesBetween(gone, before)).toEqual(['the store /srv/pki is there'])
    const { inventory } = before
    const ledger = { ...inventory.ledger, fault: { line: 7, message: 'x' } }
    expect(changesBetween(before, { ...before, inventory: { ...inventory, ledger } })).toEqual([
      'the ledger is broken at line 7: nomad-pki verify',
    ])
  })

  test('beyond twenty of a kind they are counted, and names move no cursor', () => {
    const said = changesBetween(facts([]), facts([hostile, ...nodes(30, { endedBy: 'x' })]))
    expect(said[0]).toBe('expired (new): identity/client/global/x\\u{1b}[2J\\u{202e}')
    const apart = Array.from({ length: 30 }, (_, index) => ({
      ...entry('c'),
      address: `identity/client/r${String(index)}/c`,
    }))
    expect(changesBetween(facts([]), facts(apart)).at(-1)).toBe('and 10 changes more of this kind')
  })
})

test('words that are wider than a line are cut, and what is beyond the last line too', () => {
  expect(wrap('one two three four', 8, 2)).toEqual(['one two', 'three f~'])
  expect(wrap('abcdefghijkl x', 8, 3)).toEqual(['abcdefg~', 'x'])
})
