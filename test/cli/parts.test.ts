import { describe, expect, test } from 'vitest'
import { progressLine } from '../../src/cli/progress.js'
import { statusOfError, statusOfFindings } from '../../src/cli/status.js'
import { parseInstant } from '../../src/cli/when.js'
import { NomadPkiError, type ErrorCode } from '../../src/errors.js'

const now = Date.UTC(2026, 5, 1, 12)

describe('--at', () => {
  test.each([
    ['2027-03-01', Date.UTC(2027, 2, 1)],
    ['2027-03-01T12:00:00Z', Date.UTC(2027, 2, 1, 12)],
    ['2027-03-01T12:00+02:00', Date.UTC(2027, 2, 1, 10)],
    ['+30d', now + 30 * 86_400_000],
    ['36h', now + 36 * 3_600_000],
  ])('%s', (text, instant) => {
    expect(parseInstant(text, now)).toBe(instant)
  })

  test.each(['', 'tomorrow', '2027-13-01', '2027-02-30', '2027-3-1', '01.03.2027', '-3d', '2027'])(
    '%j is not a date',
    (text) => {
      expect(() => parseInstant(text, now)).toThrow('not a date')
    },
  )
})

describe('exit statuses', () => {
  test.each([
    ['ERR_USAGE', 64],
    ['ERR_REFUSED', 3],
    ['ERR_PLAN_STALE', 3],
    ['ERR_STORE_LOCKED', 3],
    ['ERR_INTERRUPTED', 130],
    ['ERR_SPEC_INVALID', 1],
    ['ERR_FILE_EXISTS', 1],
  ] satisfies (readonly [ErrorCode, number])[])('%s is %i', (code, status) => {
    expect(statusOfError(new NomadPkiError(code, 'x'))).toBe(status)
  })

  test('anything else that is thrown is 1', () => {
    expect([statusOfError(new TypeError('x')), statusOfError('x')]).toEqual([1, 1])
  })

  test('findings: errors count, warnings with --strict, notes never', () => {
    const of = (severity: 'error' | 'warning' | 'note') => [
      { severity, address: 'a', reason: 'b', message: 'c' },
    ]
    expect(statusOfFindings(of('error'), false)).toBe(2)
    expect(statusOfFindings(of('warning'), false)).toBe(0)
    expect(statusOfFindings(of('warning'), true)).toBe(2)
    expect(statusOfFindings(of('note'), true)).toBe(0)
    expect(statusOfFindings([], true)).toBe(0)
  })
})

describe('the bar', () => {
  const state = { done: 250, total: 1000, seconds: 2, doing: 'create identity/x', columns: 80 }

  test('has count, rate and what it is doing', () => {
    expect(progressLine({ ...state, fancy: false })).toBe(
      '######..................  250/1,000  125/s  create identity/x',
    )
  })

  test.each([10, 20, 40, 50, 60, 80, 200])('is narrower than a terminal of %i', (columns) => {
    const doing = 'create identity/client/us-west/a-very-long-name-of-a-node-somewhere'
    const line = progressLine({ ...state, doing, columns, fancy: true })
    expect(line.length).toBeLessThan(columns)
  })

  test('what a name holds cannot move the cursor', () => {
    expect(progressLine({ ...state, doing: 'a\u001b[2Jb', fancy: false })).not.toContain('\u001b')
  })
})
