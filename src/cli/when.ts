/**
 * Points in time as flags give them.
 *
 * @module
 */

import { durationSyntax, parseDuration } from '../duration.js'
import { usage } from './usage.js'

/**
 * Reads `--at`.
 *
 * @param text `2027-03-01` (midnight UTC), `2027-03-01T12:00:00Z`, or a span from now such as `+30d`.
 * @param now Epoch milliseconds.
 * @returns Epoch milliseconds.
 * @throws {NomadPkiError} `ERR_USAGE`
 */
export function parseInstant(text: string, now: number): number {
  const span = parseDuration(text.startsWith('+') ? text.slice(1) : text)
  if (span !== undefined) return now + span
  const shape = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,3})?)?(Z|[+-]\d{2}:\d{2}))?$/
  const instant = shape.test(text) ? Date.parse(text) : Number.NaN
  // Date.parse takes 2027-02-30 for the second of March.
  const day = /^\d{4}-\d{2}-(\d{2})$/.exec(text)?.[1]
  if (
    Number.isNaN(instant) ||
    (day !== undefined && new Date(instant).getUTCDate() !== Number(day))
  ) {
    throw usage(
      `not a date: ${JSON.stringify(text)}`,
      `write 2027-03-01, 2027-03-01T12:00:00Z, or a span from now: + and ${durationSyntax}`,
    )
  }
  return instant
}
