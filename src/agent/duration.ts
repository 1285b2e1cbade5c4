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
