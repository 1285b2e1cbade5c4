import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  chainLine,
  emptyHead,
  followLine,
  hashLine,
  readLedger,
} from '../../src/inventory/ledger.js'
import type { LedgerEvent } from '../../src/inventory/ledger-events.js'
import { told } from '../ledger.js'
import { seed } from '../seed.js'

function ledgerOf(events: readonly LedgerEvent[]): string {
  let end = { head: emptyHead, seq: 0 }
  return events
    .map((event) => {
      const line = chainLine(event, end)
      end = line
      return `${line.text}\n`
    })
    .join('')
}

const names = ['ümlaut', 'line\nbreak', '😀']
const events = ['a', 'b', 'c', 'd'].map((address, at) => told('issued', address, at, { names }))

const whole = ledgerOf(events)

test('no ledger and an empty one have the empty head', () => {
  expect(readLedger(undefined)).toEqual({ lines: [], events: [], head: emptyHead, tornBytes: 0 })
  expect(readLedger(Buffer.alloc(0))).toEqual({
    lines: [],
    events: [],
    head: emptyHead,
    tornBytes: 0,
  })
})

test('what is written is read, and the head is the hash of the last line', () => {
  const { lines, head, fault, tornBytes } = readLedger(Buffer.from(whole))
  expect(fault).toBeUndefined()
  expect(tornBytes).toBe(0)
  expect(lines).toEqual(
    events.map((event, at) => ({ ...event, seq: at + 1, prev: expect.any(String) as string })),
  )
  const last = whole.trimEnd().split('\n').at(-1)!
  expect(head).toBe(createHash('sha256').update(last).digest('hex'))
  expect(head).toBe(hashLine(last))
})

test('each line carries the hash of the one before', () => {
  const lines = whole.trimEnd().split('\n')
  lines.forEach((line, at) => {
    const { prev } = JSON.parse(line) as { prev: string }
    expect(prev).toBe(at === 0 ? emptyHead : hashLine(lines[at - 1]!))
  })
})

describe('a changed ledger', () => {
  const lines = whole.trimEnd().split('\n')
  const cases: readonly (readonly [string, readonly string[], number, RegExp])[] = [
    [
      'a changed word',
      [lines[0]!, lines[1]!.replace('issued', 'turned'), ...lines.slice(2)],
      3,
      /does not follow/,
    ],
    ['a line that is gone', [lines[0]!, ...lines.slice(2)], 2, /seq is 3, expected 2/],
    ['a line twice', [lines[0]!, lines[0]!, ...lines.slice(1)], 2, /seq is 1, expected 2/],
    ['two lines exchanged', [lines[1]!, lines[0]!, ...lines.slice(2)], 1, /seq is 2, expected 1/],
    ['an empty line', [lines[0]!, '', ...lines.slice(1)], 2, /not JSON/],
    ['no JSON', [lines[0]!, 'hello', ...lines.slice(1)], 2, /not JSON/],
    ['no object', ['[]', ...lines.slice(1)], 1, /not an object/],
    ['null', ['null', ...lines.slice(1)], 1, /not an object/],
    ['a field that is missing', ['{"seq":1}', ...lines.slice(1)], 1, /is missing/],
    [
      'a field of another type',
      [lines[0]!.replace('"at":0', '"at":"0"'), ...lines.slice(1)],
      1,
      /is missing/,
    ],
  ]
  test.each(cases)('%s is found where it stands', (_what, changed, line, message) => {
    const ledger = readLedger(Buffer.from(`${changed.join('\n')}\n`))
    expect(ledger.fault?.line).toBe(line)
    expect(ledger.fault?.message).toMatch(message)
    expect(ledger.lines).toHaveLength(line - 1)
  })

  test('lines cut off the end leave a chain that holds: only a head noted elsewhere tells', () => {
    const cut = readLedger(Buffer.from(`${lines.slice(0, 2).join('\n')}\n`))
    expect(cut.fault).toBeUndefined()
    expect(cut.head).not.toBe(readLedger(Buffer.from(whole)).head)
  })

  test('any single byte that is changed before the last line is found', () => {
    const bytes = Buffer.from(whole)
    const end = Buffer.from(`${lines.slice(0, -1).join('\n')}\n`).length
    fc.assert(
      fc.property(fc.nat(end - 1), fc.integer({ min: 1, max: 255 }), (at, difference) => {
        const changed = Buffer.from(bytes)
        changed[at] = (changed[at]! + difference) & 0xff
        const { fault } = readLedger(changed)
        // Bytes that are no UTF-8 before and after read alike; ours are all UTF-8.
        expect(fault).toBeDefined()
      }),
      { numRuns: 500, seed },
    )
  })
})

test('any beginning of a ledger is whole lines and a torn rest, counted in bytes', () => {
  const bytes = Buffer.from(whole)
  for (let length = 0; length <= bytes.length; length += 1) {
    const part = bytes.subarray(0, length)
    const { lines, fault, tornBytes } = readLedger(part)
    expect(fault).toBeUndefined()
    const ends = [...part].filter((byte) => byte === 0x0a).length
    expect(lines).toHaveLength(ends)
    expect(tornBytes).toBe(length - (part.lastIndexOf(0x0a) + 1))
  }
})

test('a line follows on its own predecessor alone', () => {
  const [first, second] = whole.split('\n')
  expect(followLine(first!, { head: emptyHead, seq: 0 })).toMatchObject({ seq: 1, address: 'a' })
  expect(followLine(second!, { head: hashLine(first!), seq: 1 })).toMatchObject({ address: 'b' })
  expect(followLine(second!, { head: emptyHead, seq: 1 })).toMatch(/does not follow/)
  expect(followLine(second!, { head: hashLine(first!), seq: 2 })).toMatch(/expected 3/)
})
