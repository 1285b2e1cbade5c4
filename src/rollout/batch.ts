/**
 * How many clients get their files at once.
 *
 * @module
 */

/** How many clients at once: a part of the region's, or a number. */
export type Batch =
  | {
      readonly kind: 'percent'
      /** Of the region's clients, 1 to 100. */
      readonly percent: number
    }
  | {
      readonly kind: 'count'
      /** Clients. */
      readonly count: number
    }

/** The default size of a batch. */
export const usualBatch: Batch = { kind: 'percent', percent: 10 }

/**
 * Reads `10%` or `25`.
 *
 * @returns `undefined` for anything else, and for nothing at all (`0`).
 */
export function parseBatch(text: string): Batch | undefined {
  const found = /^([0-9]{1,6})(%?)$/.exec(text)
  const number = Number(found?.[1] ?? 0)
  if (number === 0) return undefined
  if (found?.[2] !== '%') return { kind: 'count', count: number }
  return number <= 100 ? { kind: 'percent', percent: number } : undefined
}
