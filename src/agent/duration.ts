/**
 * Go's durations, as Nomad reads them.
 *
 * @module
 */

const pattern = /^[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+$/

/**
 * Whether Go's `time.ParseDuration` takes a text; Nomad takes the empty one for "not set".
 *
 * @param text Such as `30s` or `1h30m`.
 */
export function isGoDuration(text: string): boolean {
  return text === '' || /^[+-]?0$/.test(text) || (text.length < 1000 && pattern.test(text))
}

const nanoseconds: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  μs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
}

/**
 * How long a duration is.
 *
 * @param text As `isGoDuration` takes it.
 * @returns Nanoseconds; 0 for the empty text, `undefined` for what is not a duration.
 */
export function goDuration(text: string): number | undefined {
  if (!isGoDuration(text)) return undefined
  let sum = 0
  for (const [, number, unit] of text.matchAll(/(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)/g)) {
    sum += Number(number) * nanoseconds[unit!]!
  }
  return text.startsWith('-') ? -sum : sum
}
