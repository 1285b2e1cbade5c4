import { describe, expect, test } from 'vitest'
import { NomadPkiError } from '../../src/errors.js'
import type { Plan, Step } from '../../src/plan/plan.js'
import { diagnosticText, errorText, findingsText } from '../../src/report/diagnostics.js'
import { appliedText, planText } from '../../src/report/plan.js'
import { statusText } from '../../src/report/status.js'
import { colourStyle, count, plainStyle, printable, thousands } from '../../src/report/style.js'
import { table, widthOf } from '../../src/report/table.js'
import {
  formatDay,
  formatLeft,
  formatMinute,
  formatRelative,
  formatUntil,
} from '../../src/report/time.js'

const day = 86_400_000
const now = Date.UTC(2026, 5, 1, 12)

describe('what came out of a file cannot steer the terminal', () => {
  test.each([
    ['plain', 'plain'],
    ['two\nlines\tand a tab', 'two lines and a tab'],
    ['\u001b[31mred', '\\u{1b}[31mred'],
    ['\u009b31m', '\\u{9b}31m'],
    ['abc\u202Edcb', 'abc\\u{202e}dcb'],
    ['bell\u0007', 'bell\\u{7}'],
    ['Zürich 東京 🎉', 'Zürich 東京 🎉'],
  ])('%j', (text, safe) => {
    expect(printable(text)).toBe(safe)
  })
})

describe('tables', () => {
  test('columns line up whatever their colours, and an empty one is left out', () => {
    const { good } = colourStyle
    expect(
      table([
        [good('+'), 'short', '', 'end'],
        ['~', 'much longer', '', 'end'],
      ]),
    ).toBe(`${good('+')}  short        end\n~  much longer  end`)
  })

  test('wide characters take two columns, colours none', () => {
    expect(widthOf('東京')).toBe(4)
    expect(widthOf(colourStyle.bad('ab'))).toBe(2)
  })

  test('no line ends in spaces', () => {
    expect(
      table([
        ['a', ''],
        ['bb', 'c'],
      ]),
    ).toBe('a\nbb  c')
  })
})

describe('numbers and times', () => {
  test.each([
    [0, '0'],
    [999, '999'],
    [1000, '1,000'],
    [1234567, '1,234,567'],
  ])('%d is %s', (number, text) => {
    expect(thousands(number)).toBe(text)
  })

  test('one is one', () => {
    expect([count(1, 'step'), count(2, 'step'), count(0, 'identity', 'identities')]).toEqual([
      '1 step',
      '2 steps',
      '0 identities',
    ])
  })

  test.each([
    [89.9 * day, '89d'],
    [3 * day, '3d'],
    [2.5 * day, '60h'],
    [90 * 60_000, '1h'],
    [59 * 60_000, '59m'],
    [400.3 * day, '1y35d'],
    [3650 * day, '10y'],
  ])('%d ms left are %s', (left, text) => {
    expect(formatLeft(left)).toBe(text)
  })

  test.each([
    [0, '0s'],
    [-1, '0s'],
    [-999, '0s'],
    [-1000, '-1s'],
    [-3 * 3_600_000, '-3h'],
    [1500, '1s'],
  ])('%d ms from the end: %s', (left, text) => {
    expect(formatUntil(1_000_000_000 + left, 1_000_000_000)).toBe(text)
  })

  test('instants are UTC, and the end of time is one of them', () => {
    expect(formatDay(now)).toBe('2026-06-01')
    expect(formatMinute(now)).toBe('2026-06-01 12:00Z')
    expect(formatDay(253_402_300_799_000)).toBe('9999-12-31')
    expect(formatDay(Number.MAX_SAFE_INTEGER)).toBe('9999-12-31')
    expect(formatRelative(now + day * 10, now)).toBe('in 10d')
    expect(formatRelative(now - 3_600_000, now)).toBe('1h ago')
    expect(formatRelative(now + 999, now)).toBe('now')
  })
})

describe('bad news', () => {
  const diagnostic = {
    severity: 'error',
    code: 'spec/unknown-key',
    file: 'cluster.yaml',
    line: 12,
    column: 3,
    message: 'unknown key "regoin"',
    expected: 'region or lifetime',
    hint: 'did you mean "region"?',
  } as const

  test('a diagnostic says where, what was expected, and a hint, each on its line', () => {
    expect(diagnosticText(diagnostic, plainStyle)).toBe(
      [
        'error: cluster.yaml:12:3: unknown key "regoin"',
        '  expected: region or lifetime',
        '  hint: did you mean "region"?',
      ].join('\n'),
    )
  })

  test('an error with diagnostics shows all of them, and nothing twice', () => {
    const error = new NomadPkiError('ERR_SPEC_INVALID', 'cluster.yaml has errors', {
      diagnostics: [diagnostic, { ...diagnostic, line: 13 }],
    })
    const text = errorText(error, plainStyle, { debug: false })
    expect(text).toContain('cluster.yaml:12:3')
    expect(text).toContain('cluster.yaml:13:3')
    expect(text).not.toContain('has errors')
  })

  test('an error names its address once', () => {
    const address = 'identity/client/global/c1'
    const text = (message: string): string =>
      errorText(new NomadPkiError('ERR_LINT', message, { address }), plainStyle, { debug: false })
    expect(text('no name')).toBe(`error: ${address}: no name`)
    expect(text(`${address}: no name`)).toBe(`error: ${address}: no name`)
  })

  test('a defect says that it is one, and shows its stack with --debug only', () => {
    const error = new TypeError('x is not a function')
    const calm = errorText(error, plainStyle, { debug: false })
    expect(calm).toMatch(/^error: internal: x is not a function\n {2}hint: this is a defect/)
    expect(calm).not.toContain('    at ')
    expect(errorText(error, plainStyle, { debug: true })).toContain('    at ')
  })

  test('findings come worst first, with their remedy; alike ones on one line', () => {
    const finding = (severity: 'error' | 'warning' | 'note', name: string) => ({
      severity,
      address: `identity/client/global/${name}`,
      reason: 'expired',
      message: `${name} is over`,
      remedy: `nomad-pki apply identity/client/global/${name}`,
    })
    const many = Array.from({ length: 20 }, (_, at) => finding('error', `c${at + 1}`))
    const text = findingsText([finding('note', 'x'), ...many], plainStyle, { all: false })
    expect(text.split('\n')[0]).toMatch(
      /^error: identity\/client\/global\/c\[1-20\] \(20 of them\): .* \(expired\)$/,
    )
    expect(text.split('\n')[1]).toBe('  fix: nomad-pki apply')
    expect(text).toContain('note: identity/client/global/x: x is over (expired)')
    expect(text).toContain('fix: nomad-pki apply identity/client/global/x')
    expect(text.split('\n')).toHaveLength(4)
  })
})

describe('a plan', () => {
  const step = (address: string, action: Step['action'], message = 'why'): Step => ({
    address,
    action,
    reasons: [{ reason: 'missing', message }],
  })
  const plan = (steps: readonly Step[], more: Partial<Plan> = {}): Plan => ({
    format: 'nomad-pki/plan',
    version: 1,
    cluster: 'acme',
    madeAt: now,
    steps,
    orphans: [],
    findings: [],
    ...more,
  })
  const options = { all: false, now }

  test('an empty one says so', () => {
    expect(planText(plan([]), plainStyle, options)).toBe('nothing to do')
  })

  test('steps line up, with why; the last line counts', () => {
    const steps = [
      step('authority/agent/1', 'create', 'root, ecdsa-p256, 10y'),
      step('bundle/agent', 'write', 'it will hold authority/agent/1'),
    ]
    expect(planText(plan(steps), plainStyle, options)).toBe(
      [
        '+  authority/agent/1  create  missing  root, ecdsa-p256, 10y',
        '~  bundle/agent       write   missing  it will hold authority/agent/1',
        '',
        '2 steps: 1 to create, 1 to write',
      ].join('\n'),
    )
  })

  test('ten thousand nodes fit on a screen', () => {
    const steps = Array.from({ length: 10_000 }, (_, at) =>
      step(`identity/client/global/c${String(at + 1).padStart(5, '0')}`, 'create', `${at}`),
    )
    const text = planText(plan(steps), plainStyle, options)
    expect(text.split('\n').length).toBeLessThan(10)
    expect(text).toContain('identity/client/global/c[00001-10000]  10,000  create')
    expect(text).toContain('10,000 steps')
  })

  test('orphans are shown with how long they count, and how they go', () => {
    const orphans = [{ address: 'identity/client/global/old', notAfter: now + 9 * day }]
    const text = planText(plan([], { orphans }), plainStyle, options)
    expect(text).toContain('kept; removed by: nomad-pki apply --prune')
    expect(text).toContain('still counts: valid until 2026-06-10')
  })

  test('what was done is told, and what was not', () => {
    const steps = [step('bundle/agent', 'write'), step('identity/server/global/s1', 'create')]
    const events = [{ type: 'done', step: steps[0]! }] as const
    const text = appliedText(plan(steps), events, plainStyle, { ...options, dryRun: false })
    expect(text).toContain('1 of 2 steps done')
    const rehearsed = appliedText(
      plan(steps),
      steps.map((one) => ({ type: 'done', step: one }) as const),
      plainStyle,
      { ...options, dryRun: true },
    )
    expect(rehearsed).toContain('2 steps would be done; this was a rehearsal, nothing was touched')
  })
})

describe('the schedule', () => {
  test('soonest first, effective ends, and ten thousand alike on one line', () => {
    const entry = (name: string, left: number) => ({
      address: `identity/client/global/${name}`,
      kind: 'identity' as const,
      state: 'good' as const,
      notAfter: now + left,
      dueAt: now + left - 30 * day,
      orphan: false,
      onDemand: false,
    })
    const many = Array.from({ length: 10_000 }, (_, at) => entry(`c${at + 1}`, 90 * day + at))
    const short = { ...entry('x', 10 * day), state: 'due' as const, endedBy: 'authority/us/1' }
    const text = statusText({ at: now, entries: [short, ...many] }, plainStyle, {
      cluster: 'acme',
      all: false,
      ledgerHead: 'abc',
      ledgerLines: 4,
    })
    const lines = text.split('\n')
    expect(lines.length).toBeLessThan(12)
    expect(text).toContain('identity/client/global/c[1-10000] (10,000)')
    expect(text).toContain('ended by authority/us/1')
    expect(text).toContain('1 thing needs work: 1 due; see: nomad-pki plan')
    expect(text).toContain('ledger: 4 lines, head abc')
  })
})
