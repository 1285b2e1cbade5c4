/**
 * Renewals, ends and dates of authorities as a calendar: an event keeps its identifier when its date moves, so a
 * calendar that subscribes to the file moves it too.
 *
 * @see RFC 5545 (iCalendar), RFC 7986 (names of calendars)
 * @module
 */

import { isAgent } from '../nomad/roles.js'
import type { Schedule } from '../plan/schedule.js'
import type { Deadline } from '../rotation/deadlines.js'
import { isUnseen } from './doubts.js'
import { earliestOf, grainOf, watchedIn, type Grain, type Watched } from './watched.js'

/** What the calendar is made of. */
export interface CalendarFacts {
  readonly cluster: string
  readonly schedule: Schedule
  readonly deadlines: readonly Deadline[]
  /** How long before each event it reminds, milliseconds. Default: it does not. */
  readonly alarm?: number | undefined
  /** Default: events for each node up to a thousand, then the earliest of each role and region. */
  readonly grain?: Grain | undefined
  /** The calendar that this one replaces: an event whose date did not move keeps its revision. Default: none. */
  readonly before?: string | undefined
}

interface Event {
  /** Its identifier, without that of the cluster. */
  readonly id: string
  /** Epoch milliseconds. */
  readonly at: number
  readonly title: string
  readonly text: string
}

/** How a calendar of ours begins: nothing else is written over. */
export const calendarMark = 'BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//nomad-pki//'

/**
 * Writes the calendar.
 *
 * @returns Text with CRLF line ends (RFC 5545 §3.1).
 */
export function calendarText(facts: CalendarFacts): string {
  const { cluster, schedule, deadlines, alarm } = facts
  const events = [
    ...watchedIn(schedule, grainOf(schedule, facts.grain)).flatMap(eventsOf),
    ...authorityEvents(schedule),
    ...deadlines.filter(({ kind }) => kind !== 'rotate').map(deadlineEvent),
  ].sort((a, b) => a.at - b.at || (a.id < b.id ? -1 : 1))
  const name = `nomad-pki ${cluster}`
  const revisions = revisionsIn(facts.before ?? '')
  // RFC 5545 §3.8.7.4: it must grow when a date moves. Minutes grow also where the file before was lost.
  const fresh = Math.floor(schedule.at / 60_000)
  const revision = (uid: string, start: string): number => {
    const { start: was, sequence = -1 } = revisions.get(uid) ?? {}
    return was === start ? sequence : Math.max(fresh, sequence + 1)
  }
  return [
    `${calendarMark}${escaped(cluster)}//EN`,
    'CALSCALE:GREGORIAN',
    'METHOD:PUBLISH',
    `NAME:${escaped(name)}`,
    `X-WR-CALNAME:${escaped(name)}`,
    'REFRESH-INTERVAL;VALUE=DURATION:P1D',
    ...events.flatMap(({ id, at, title, text }) => [
      'BEGIN:VEVENT',
      `UID:${uidOf(id, cluster)}`,
      `DTSTAMP:${instant(schedule.at)}`,
      `SEQUENCE:${revision(uidOf(id, cluster), instant(at))}`,
      `DTSTART:${instant(at)}`,
      'TRANSP:TRANSPARENT',
      `SUMMARY:${escaped(`${cluster}: ${title}`)}`,
      `DESCRIPTION:${escaped(text)}`,
      ...(alarm === undefined
        ? []
        : [
            'BEGIN:VALARM',
            'ACTION:DISPLAY',
            `DESCRIPTION:${escaped(`${cluster}: ${title}`)}`,
            `TRIGGER:-${span(alarm)}`,
            'END:VALARM',
          ]),
      'END:VEVENT',
    ]),
    'END:VCALENDAR',
  ]
    .map((line) => `${folded(line)}\r\n`)
    .join('')
}

function uidOf(id: string, cluster: string): string {
  return escaped(`${id}@${cluster}.nomad-pki`)
}

/** Of each event of a calendar of ours: when it is, and its revision. */
function revisionsIn(
  text: string,
): ReadonlyMap<string, { readonly start: string; readonly sequence: number }> {
  const found = new Map<string, { start: string; sequence: number }>()
  for (const event of text.replaceAll('\r\n ', '').split('BEGIN:VEVENT\r\n').slice(1)) {
    const [, uid] = /^UID:(.*)\r$/m.exec(event) ?? []
    const [, start] = /^DTSTART:(.*)\r$/m.exec(event) ?? []
    const [, sequence] = /^SEQUENCE:(\d{1,9})\r$/m.exec(event) ?? []
    if (uid !== undefined && start !== undefined && sequence !== undefined) {
      found.set(uid, { start, sequence: Number(sequence) })
    }
  }
  return found
}

/** A person's certificate is made when it is asked for: nobody waits for its end. */
function eventsOf({ address, role, region, node, members }: Watched): readonly Event[] {
  const waited = members.filter(({ onDemand }) => !onDemand)
  const which =
    node === undefined
      ? `the first of ${waited.length} ${role} certificates in ${region}`
      : `${role} ${region}/${node}`
  const due = earliestOf(waited.map(({ dueAt }) => dueAt))
  const end = earliestOf(waited.map(({ notAfter }) => notAfter))
  return [
    ...(due === undefined
      ? []
      : [
          {
            id: `renewal.${address}`,
            at: due,
            title: `renew ${which}`,
            text: waited.every(({ selfRenewed }) => selfRenewed !== undefined)
              ? 'From here on the node renews it by itself: run nomad-pki probe to see that it did.'
              : 'From here on nomad-pki apply renews it: run nomad-pki plan.',
          },
        ]),
    ...(end === undefined
      ? []
      : [
          {
            id: `end.${address}`,
            at: end,
            title: `${which} ends`,
            text: `After it the agent accepts no connection and makes none. ${isAgent(role) && waited.some(isUnseen) ? 'It, or one of these, was never seen: what was made counts. Run nomad-pki probe.' : 'What it was last known to have counts.'}`,
          },
        ]),
  ]
}

function authorityEvents({ entries }: Schedule): readonly Event[] {
  return entries.flatMap(({ kind, orphan, address, notAfter, dueAt }) => {
    if (kind !== 'authority' || orphan) return []
    return [
      ...(dueAt === undefined
        ? []
        : [
            {
              id: `rotate.${address}`,
              at: dueAt,
              title: `${address} rotate by`,
              text: 'Its successor should sign by then: run nomad-pki rotate authority.',
            },
          ]),
      ...(notAfter === undefined
        ? []
        : [
            {
              id: `end.${address}`,
              at: notAfter,
              title: `${address} ends`,
              text: 'Every certificate under it ends with it.',
            },
          ]),
    ]
  })
}

function deadlineEvent({ authority, kind, at, message }: Deadline): Event {
  return {
    id: `${kind}.authority/${authority}`,
    at,
    title:
      kind === 'stage'
        ? `authority ${authority}: take the next stage by`
        : `authority ${authority}: renewals have carried it`,
    text: message,
  }
}

/** `20270301T093000Z` (RFC 5545 §3.3.5). */
function instant(at: number): string {
  return new Date(at).toISOString().replace(/\.\d+/, '').replaceAll(/[-:]/g, '')
}

/** `P7D`, `PT5400S` (RFC 5545 §3.3.6). */
function span(milliseconds: number): string {
  const seconds = Math.round(milliseconds / 1000)
  return seconds % 86_400 === 0 ? `P${seconds / 86_400}D` : `PT${seconds}S`
}

/** RFC 5545 §3.3.11; other control characters may not stand there at all. */
function escaped(text: string): string {
  return (
    text
      .replaceAll(/[\\;,]/g, (one) => `\\${one}`)
      .replaceAll('\n', '\\n')
      // eslint-disable-next-line no-control-regex -- they are what is taken away
      .replaceAll(/[\u0000-\u001f\u007f]/g, ' ')
  )
}

/** Lines of at most 75 octets, never cut inside a character (RFC 5545 §3.1). */
function folded(line: string): string {
  const parts: string[] = []
  let part = ''
  let octets = 0
  for (const one of line) {
    const more = Buffer.byteLength(one)
    if (octets + more > 75) {
      parts.push(part)
      ;[part, octets] = [' ', 1]
    }
    part += one
    octets += more
  }
  return [...parts, part].join('\r\n')
}
