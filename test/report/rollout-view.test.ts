/** A rollout on a terminal: what is shown follows from what happened, the time and the size of the terminal. */

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  beginView,
  takeEvent,
  viewLines,
  viewTable,
  type RolloutView,
} from '../../src/report/rollout-view.js'
import { colourStyle, plainStyle } from '../../src/report/style.js'
import { widthOf } from '../../src/report/table.js'
import type { RolloutNode, RolloutStep } from '../../src/rollout/order.js'
import type { HostState, RolloutEvent } from '../../src/rollout/ports.js'
import { seed } from '../seed.js'

const start = Date.parse('2026-01-01T00:00:00Z')

function node(name: string, restart = false): RolloutNode {
  const role = name.startsWith('s') ? 'server' : 'client'
  return {
    ...{ address: `identity/${role}/global/${name}`, host: name, generation: 2, proven: 1 },
    ...{ leader: false, restart, overrides: [], configs: [], receipt: false },
  }
}

function steps(names: readonly string[]): readonly RolloutStep[] {
  return names.map((name, at) => ({
    ...{ number: at + 1, kind: name.startsWith('s') ? 'server' : 'clients', region: 'global' },
    nodes: [node(name)],
  }))
}

function host(name: string, state: HostState, message?: string): RolloutEvent {
  return { event: 'host', node: node(name), host: name, state, message }
}

const ready: RolloutEvent = { event: 'ready', hosts: 4 }
const gate = (open: boolean, message: string): RolloutEvent => ({
  ...{ event: 'gate', region: 'global', open, message },
})

/** What happened, each with the second in which it did. */
function view(
  names: readonly string[],
  told: readonly (readonly [second: number, event: RolloutEvent])[],
): RolloutView {
  const made = beginView({ steps: steps(names) }, start)
  for (const [second, event] of told) takeEvent(made, event, start + 1000 * second)
  return made
}

const screen = { columns: 80, rows: 24, fancy: false }
const names = ['s1', 's2', 'c1', 'c2']

function linesAt(
  second: number,
  told: readonly (readonly [second: number, event: RolloutEvent])[],
  size: Partial<typeof screen> = {},
): readonly string[] {
  return viewLines(view(names, told), { ...screen, ...size, at: start + 1000 * second }, plainStyle)
}

const none = '........................'
const begun = [
  [1, { event: 'looked', node: node('s1'), host: 's1', ready: true }],
  [2, ready],
  [3, host('s1', 'sending')],
  [5, host('s1', 'switched', '2-9f2c41ab')],
  [7, host('s1', 'reloaded', '2-9f2c41ab')],
] as const

describe('what is shown', () => {
  test.each<[string, number, readonly (readonly [number, RolloutEvent])[], readonly string[]]>([
    [
      'while hosts are looked at: the bar alone',
      1,
      begun.slice(0, 1),
      ['######..................  1/4  1s  looking at every host'],
    ],
    [
      'a host at work: what it does, for how long',
      12,
      begun,
      [
        '  s1  reloaded             9s  2-9f2c41ab',
        '  s2  waiting',
        '  c1  waiting',
        '  c2  waiting',
        `${none}  0/4  12s`,
      ],
    ],
    [
      'its files are in place, and its agent is not told yet',
      6,
      begun.slice(0, 4),
      [
        '  s1  switched             3s  2-9f2c41ab',
        '  s2  waiting',
        '  c1  waiting',
        '  c2  waiting',
        `${none}  0/4  6s`,
      ],
    ],
    [
      'one that is proven keeps its seconds; the bar says what is waited for',
      75,
      [...begun, [9, host('s1', 'proven')], [70, gate(false, '1 of 3 readings')]],
      [
        '  s1  proven               6s',
        '  s2  waiting',
        '  c1  waiting',
        '  c2  waiting',
        '######..................  1/4  1m15s  waiting for global: 1 of 3 readings',
      ],
    ],
    [
      'a person is waited for, a host failed, and the gate is open',
      100,
      [
        ...begun,
        [9, host('s1', 'proven')],
        [10, gate(true, 's2 leads')],
        [20, host('s2', 'waiting', 'generation 1 of 2')],
        [30, host('c1', 'failed', 'its installer was stopped')],
        [31, host('c2', 'unseen', 'you answer for it')],
      ],
      [
        '  s1  proven               6s',
        '  s2  waiting for you   1m20s  generation 1 of 2',
        '  c1  failed               0s  its installer was stopped',
        '  c2  not waited for       0s  you answer for it',
        '##################......  3/4  1m40s',
      ],
    ],
  ])('%s', (_name, second, told, expected) => {
    expect(linesAt(second, told)).toEqual(expected)
  })

  test('a host that restarts says so', () => {
    const made = beginView(
      { steps: [{ number: 1, kind: 'server', region: 'global', nodes: [node('s1', true)] }] },
      start,
    )
    takeEvent(made, ready, start)
    takeEvent(made, host('s1', 'reloaded'), start)
    expect(viewLines(made, { ...screen, at: start }, plainStyle)[0]).toBe(
      '  s1  restarted            0s',
    )
  })

  test('more hosts than lines: those at work and those that failed, and how many more', () => {
    const many = Array.from({ length: 40 }, (_, at) => `c${at + 1}`)
    const made = view(many, [
      [0, ready],
      [1, host('c7', 'failed', 'unreachable')],
      [2, host('c1', 'proven')],
      [3, host('c30', 'sending')],
    ])
    const lines = viewLines(made, { ...screen, rows: 6, at: start + 4000 }, plainStyle)
    expect(lines).toEqual([
      '  c2   waiting',
      '  c7   failed               0s  unreachable',
      '  c30  sending              1s',
      '  and 37 hosts more',
      '#.......................  2/40  4s',
    ])
  })

  test('a narrow terminal cuts lines, a low one leaves the bar', () => {
    const told = [...begun, [8, host('s1', 'failed', 'x'.repeat(200))]] as const
    for (const line of linesAt(9, told, { columns: 40 })) expect(line.length).toBeLessThan(40)
    expect(linesAt(9, told, { columns: 40 })[0]).toBe('  s1  failed               5s  xxxxxxx~')
    expect(linesAt(9, told, { rows: 2 })).toEqual(['######..................  1/4  9s'])
    expect(linesAt(9, told, { rows: 3 })).toHaveLength(2)
  })

  test('the bar of a terminal that shows more than ASCII', () => {
    expect(linesAt(9, [...begun, [9, host('s1', 'proven')]], { fancy: true }).at(-1)).toBe(
      `${'█'.repeat(6)}${'░'.repeat(18)}  1/4  9s`,
    )
  })

  test('property: whatever happens, every line fits and there are fewer than the terminal has', () => {
    const states = fc.constantFrom<HostState>(
      'waiting',
      'sending',
      'switched',
      'reloaded',
      'proven',
      'failed',
    )
    // eslint-disable-next-line no-control-regex -- a name can be anything
    const name = fc.stringMatching(/^[a-zé\u001b日][a-z0-9.-]{0,30}$/)
    fc.assert(
      fc.property(
        fc.uniqueArray(name, { minLength: 1, maxLength: 30 }),
        fc.array(fc.tuple(fc.nat(29), states, fc.string()), { maxLength: 60 }),
        fc.integer({ min: 1, max: 120 }),
        fc.integer({ min: 1, max: 30 }),
        (all, told, columns, rows) => {
          const made = view(all, [[0, ready]])
          for (const [at, state, message] of told) {
            takeEvent(made, host(all[at % all.length]!, state, message), start)
          }
          const lines = viewLines(made, { columns, rows, at: start, fancy: true }, colourStyle)
          expect(lines.length).toBeLessThanOrEqual(Math.max(1, rows - 1))
          for (const line of lines) {
            expect(widthOf(line)).toBeLessThan(Math.max(2, columns))
            // eslint-disable-next-line no-control-regex -- colours alone may be in it
            expect(line.replace(/\u001b\[[0-9;]*m/g, '')).not.toMatch(/[\u0000-\u001f]/)
          }
        },
      ),
      { seed, numRuns: 200 },
    )
  })
})

describe('the table at the end', () => {
  test('a row a host, also of those that were not begun', () => {
    const made = view(names, [
      ...begun,
      [9, host('s1', 'proven')],
      [10, host('s2', 'sending')],
      [12, host('s2', 'failed', 'the link was cut')],
    ])
    expect(viewTable(made, start + 60_000, plainStyle)).toBe(
      ['  s1  proven     6s', '  s2  failed     2s', '  c1  not begun', '  c2  not begun'].join(
        '\n',
      ),
    )
  })

  test('nothing where no host was touched', () => {
    expect(viewTable(view(names, [[0, ready]]), start, plainStyle)).toBeUndefined()
  })

  test('of many those that are not proven alone', () => {
    const many = Array.from({ length: 200 }, (_, at) => `c${at + 1}`)
    const made = view(many, [
      [0, ready],
      ...many.slice(0, 150).map((name) => [1, host(name, 'proven')] as const),
      [2, host('c3', 'failed', 'no')],
    ])
    expect(viewTable(made, start, plainStyle)).toBe(
      [
        '  c3  failed  1s',
        '  149 hosts proven: c[1-2,4-150]',
        '  50 hosts not begun: c[151-200]',
      ].join('\n'),
    )
  })
})
