/**
 * Spans of time as operators write them, `90d` or `36h`: one grammar for spec, flags and reports,
 * with the units `y` (365 days), `w`, `d`, `h`, `m` (minutes) and `s`.
 *
 * @module
 */

const units = [
  ['y', 365 * 86_400_000],
  ['w', 7 * 86_400_000],
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
] as const

/** What {@link parseDuration} takes, in words. */
export const durationSyntax =
  'a whole number and a unit (y, w, d, h, m or s), such as 90d, 36h or 1y30d'

/** The same as a regular expression, for the JSON Schema. */
const durationPattern = '^([0-9]{1,6}[ywdhms])+$'

/**
 * Reads a duration such as `90d`, `36h` or `1y30d` and gives milliseconds.
 *
 * @param text Whole numbers and units (y, w, d, h, m, s), the longest unit first; a year is 365 days.
 * @returns Milliseconds, or `undefined` if the text is not a duration. Zero is a duration.
 */
export function parseDuration(text: string): number | undefined {
  if (!new RegExp(durationPattern).test(text)) return undefined
  let total = 0
  let last = -1
  for (const [, count, unit] of text.matchAll(/([0-9]+)([ywdhms])/g)) {
    const index = units.findIndex(([name]) => name === unit)
    // Units must fall (1y30d, not 30d1y): a repeated or rising one is a slip of the pen.
    if (index <= last) return undefined
    last = index
    total += Number(count) * units[index]![1]
  }
  return total
}

/**
 * Writes a duration with at most two units, rounded down, the way {@link parseDuration} reads it.
 *
 * @param milliseconds A span of time; a negative one gets a minus sign.
 * @returns Such as `89d23h`.
 */
export function formatDuration(milliseconds: number): string {
  if (milliseconds < 0) return `-${formatDuration(-milliseconds)}`
  // Weeks are read but never written: "90d" says more to an operator than "12w6d".
  const written = units.filter(([name]) => name !== 'w')
  const first = written.findIndex(([, size]) => milliseconds >= size)
  if (first === -1) return '0s'
  const [name, size] = written[first]!
  const count = Math.floor(milliseconds / size)
  const rest = milliseconds - count * size
  const next = written[first + 1]
  const nextCount = next === undefined ? 0 : Math.floor(rest / next[1])
  return `${count}${name}${nextCount > 0 ? `${nextCount}${next![0]}` : ''}`
}

/**
 * Writes an instant to the second in UTC, `2027-03-01T09:30:00Z`.
 *
 * @param instant Epoch milliseconds.
 */
export function formatInstant(instant: number): string {
  return `${new Date(instant).toISOString().slice(0, 19)}Z`
}
