import ICAL from 'ical.js'
import { describe, expect, test } from 'vitest'
import type { ScheduleEntry } from '../../src/plan/schedule.js'
import { calendarText, type CalendarFacts } from '../../src/report/calendar.js'
import { at, day, entry } from './entry.js'

function calendar(entries: readonly ScheduleEntry[], more: Partial<CalendarFacts> = {}): string {
  return calendarText({ cluster: 'acme', schedule: { at, entries }, deadlines: [], ...more })
}

interface Read {
  readonly uid: string
  readonly start: number
  readonly sequence: number
  readonly summary: string
  readonly description: string
  readonly alarms: readonly string[]
}

/** As somebody else reads it. */
function read(text: string): readonly Read[] {
  const whole = new ICAL.Component(
    ICAL.parse(text) as ConstructorParameters<typeof ICAL.Component>[0],
  )
  return whole.getAllSubcomponents('vevent').map((one) => {
    const event = new ICAL.Event(one)
    return {
      uid: event.uid,
      start: event.startDate.toJSDate().getTime(),
      sequence: event.sequence,
      summary: event.summary,
      description: event.description,
      alarms: one
        .getAllSubcomponents('valarm')
        .map((alarm) => String(alarm.getFirstPropertyValue('trigger'))),
    }
  })
}

test('renewals and ends, soonest first, as another parser reads them', () => {
  const events = read(
    calendar([
      entry('identity/server/global/s1'),
      entry('authority/agent/1', {
        kind: 'authority',
        notAfter: at + 900 * day,
        dueAt: at + 800 * day,
      }),
    ]),
  )
  expect(events.map(({ uid, start, summary }) => [uid, (start - at) / day, summary])).toEqual([
    ['renewal.identity/server/global/s1@acme.nomad-pki', 30, 'acme: renew server global/s1'],
    ['end.identity/server/global/s1@acme.nomad-pki', 60, 'acme: server global/s1 ends'],
    ['rotate.authority/agent/1@acme.nomad-pki', 800, 'acme: authority/agent/1 rotate by'],
    ['end.authority/agent/1@acme.nomad-pki', 900, 'acme: authority/agent/1 ends'],
  ])
})

test('whether what an agent has is known is said with its end; of a machine probe sees nothing', () => {
  const proof = { state: 'proven' } as NonNullable<ScheduleEntry['proof']>
  const endOf = (one: ScheduleEntry): string => read(calendar([one])).at(-1)!.description
  expect(endOf(entry('identity/server/global/s1', { proof }))).toMatch(/last known to have counts/)
  expect(endOf(entry('identity/server/global/s1'))).toMatch(/never seen.* Run nomad-pki probe\.$/)
  expect(endOf(entry('identity/machine/global/prometheus'))).not.toMatch(/probe/)
})

test('a date that moves keeps its identifier', () => {
  const before = read(calendar([entry('identity/server/global/s1')]))
  const after = read(
    calendar([
      entry('identity/server/global/s1', { notAfter: at + 99 * day, dueAt: at + 70 * day }),
    ]),
  )
  expect(after.map(({ uid }) => uid)).toEqual(before.map(({ uid }) => uid))
  expect(after.map(({ start }) => start)).not.toEqual(before.map(({ start }) => start))
})

test('an event whose date moves has a greater revision; what did not move keeps its own', () => {
  const [s1, s2] = ['identity/server/global/s1', 'identity/server/global/s2']
  const first = calendar([entry(s1), entry(s2)])
  const later = (entries: readonly ScheduleEntry[], before?: string): string =>
    calendarText({
      ...{ cluster: 'acme', deadlines: [], before },
      schedule: { at: at + day, entries },
    })
  const revisions = (text: string): ReadonlyMap<string, number> =>
    new Map(read(text).map(({ uid, sequence }) => [uid, sequence]))
  // Sooner, as a longer `renewBefore` makes it.
  const moved = entry(s1, { notAfter: at + 20 * day, dueAt: at + 2 * day })
  const second = later([moved, entry(s2)], first)
  const [before, after] = [revisions(first), revisions(second)]
  expect([...after.keys()].sort()).toEqual([...before.keys()].sort())
  expect(before.size).toBe(4)
  for (const [uid, sequence] of after) {
    if (uid.includes('s1')) expect(sequence, uid).toBeGreaterThan(before.get(uid)!)
    else expect(sequence, uid).toBe(before.get(uid))
  }
  expect(revisions(later([moved, entry(s2)], second))).toEqual(after)
  // Where the file was lost, a subscription still takes the new one.
  for (const [uid, sequence] of revisions(later([moved, entry(s2)]))) {
    expect(sequence, uid).toBeGreaterThanOrEqual(after.get(uid)!)
  }
})

test('a revision survives a folded line, and nonsense in its place is passed over', () => {
  const long = `identity/server/global/${'s'.repeat(60)}`
  const first = calendar([entry(long)])
  const second = calendarText({
    ...{ cluster: 'acme', deadlines: [], before: first },
    schedule: { at: at + day, entries: [entry(long)] },
  })
  expect(read(second).map(({ sequence }) => sequence)).toEqual(
    read(first).map(({ sequence }) => sequence),
  )
  const broken = calendar([entry(long)], {
    before: first.replaceAll(/SEQUENCE:\d+/g, 'SEQUENCE:x'),
  })
  expect(broken).toBe(first)
})

test('a date that moves twice within a minute, or while a clock goes back, gets a greater SEQUENCE each time', () => {
  const of = (days: number, when: number, before?: string): string =>
    calendarText({
      ...{ cluster: 'acme', deadlines: [], before },
      schedule: {
        at: when,
        entries: [entry('identity/server/global/s1', { dueAt: at + days * day })],
      },
    })
  const sequence = (text: string): number => read(text)[0]!.sequence
  const first = of(3, at)
  const second = of(4, at + 1000, first)
  const third = of(5, at - day, second)
  expect(sequence(second)).toBe(sequence(first) + 1)
  expect(sequence(third)).toBe(sequence(second) + 1)
})

test.each([
  [7 * day, '-P7D'],
  [90 * 60_000, '-PT5400S'],
])('an alarm of %i ms', (alarm, expected) => {
  const [first] = read(calendar([entry('identity/server/global/s1')], { alarm }))
  expect(first?.alarms).toEqual([expected])
})

test('no alarm where none was asked for', () => {
  expect(read(calendar([entry('identity/server/global/s1')]))[0]?.alarms).toEqual([])
})

test('nobody waits for what is made when asked for, nor for what the spec no longer names', () => {
  const entries = [
    entry('identity/operator/global/alice', { onDemand: true }),
    entry('identity/client/global/c9', { orphan: true }),
    entry('authority/agent/1', { kind: 'authority', orphan: true }),
  ]
  expect(read(calendar(entries))).toEqual([])
})

test('per region the first of each role', () => {
  const entries = [
    entry('identity/client/global/c1', { dueAt: at + 40 * day }),
    entry('identity/client/global/c2', { dueAt: at + 10 * day, notAfter: at + 20 * day }),
  ]
  expect(
    read(calendar(entries, { grain: 'region' })).map(({ uid, start, summary }) => [
      uid,
      (start - at) / day,
      summary,
    ]),
  ).toEqual([
    [
      'renewal.identity/client/global@acme.nomad-pki',
      10,
      'acme: renew the first of 2 client certificates in global',
    ],
    [
      'end.identity/client/global@acme.nomad-pki',
      20,
      'acme: the first of 2 client certificates in global ends',
    ],
  ])
})

test('dates of a rotation; those of authorities stand with them already', () => {
  const deadlines = [
    { authority: 'agent', kind: 'stage', at: at + day, message: 'the old root ends', due: true },
    { authority: 'agent', kind: 'rotate', at: at + 2 * day, message: 'no', due: false },
  ] as const
  const events = read(calendar([], { deadlines }))
  expect(events.map(({ uid, description }) => [uid, description])).toEqual([
    ['stage.authority/agent@acme.nomad-pki', 'the old root ends'],
  ])
})

describe('the form of RFC 5545', () => {
  test('lines end with CRLF and have at most 75 octets, also beyond ASCII', () => {
    const message = 'ein sehr langer Satz mit Ümläuten, Kommas; und \\ Strichen, 日本語 '.repeat(9)
    const deadlines = [
      { authority: 'agent', kind: 'stage', at: at + day, message, due: true },
    ] as const
    const text = calendar([], { deadlines })
    for (const line of text.split('\r\n')) {
      expect(Buffer.byteLength(line)).toBeLessThanOrEqual(75)
      expect(line).not.toContain('\n')
      expect(line).not.toContain('\uFFFD')
    }
    expect(read(text)[0]?.description).toBe(message)
  })

  test('a text cannot begin a line of its own', () => {
    const message = 'a\nEND:VEVENT\r\nBEGIN:VALARM\u0007'
    const deadlines = [
      { authority: 'agent', kind: 'stage', at: at + day, message, due: true },
    ] as const
    const events = read(calendar([], { deadlines }))
    expect(events).toHaveLength(1)
    expect(events[0]?.description).toBe('a\nEND:VEVENT \nBEGIN:VALARM ')
    expect(events[0]?.alarms).toEqual([])
  })
})
