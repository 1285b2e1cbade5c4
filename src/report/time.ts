/**
 * Instants as people read them: UTC, to the day or to the minute.
 *
 * @module
 */

import { formatDuration } from '../duration.js'

/** `2027-03-01` */
export function formatDay(instant: number): string {
  return isoOf(instant).slice(0, -14)
}

/** `2027-03-01 12:30Z` */
export function formatMinute(instant: number): string {
  return `${isoOf(instant).slice(0, -8).replace('T', ' ')}Z`
}

/** `in 89d`, `3h ago`, `now` */
export function formatRelative(instant: number, now: number): string {
  const left = instant - now
  if (Math.abs(left) < 1000) return 'now'
  return left > 0 ? `in ${formatLeft(left)}` : `${formatLeft(-left)} ago`
}

/** `89d`; `-3h` after the end. */
export function formatUntil(end: number, now: number): string {
  // Less than a second has no sign.
  return now - end >= 1000 ? `-${formatLeft(now - end)}` : formatLeft(Math.max(0, end - now))
}

/** The biggest unit alone, two where it is small: `89d`, `2y30d`, `36h`. */
export function formatLeft(milliseconds: number): string {
  const day = 86_400_000
  if (milliseconds >= 365 * day) return formatDuration(milliseconds - (milliseconds % day))
  if (milliseconds >= 3 * day) return `${Math.floor(milliseconds / day)}d`
  if (milliseconds >= 3_600_000) return `${Math.floor(milliseconds / 3_600_000)}h`
  return formatDuration(milliseconds)
}

function isoOf(instant: number): string {
  // 99991231235959Z stands for "never" (RFC 5280 §4.1.2.5); beyond what a Date holds is the same.
  return Math.abs(instant) <= 8.64e15 ? new Date(instant).toISOString() : '9999-12-31T23:59:59.999Z'
}
