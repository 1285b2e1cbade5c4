/**
 * A bar that says how far something is.
 *
 * @module
 */

/** Columns that it takes. */
const barWidth = 24

/**
 * Draws it.
 *
 * @param done How many are done.
 * @param total How many there are.
 * @param fancy Whether the terminal shows more than ASCII.
 */
export function barOf(done: number, total: number, fancy: boolean): string {
  const filled = Math.min(barWidth, Math.floor((done / Math.max(1, total)) * barWidth))
  const [full, empty] = fancy ? ['█', '░'] : ['#', '.']
  return full.repeat(filled) + empty.repeat(barWidth - filled)
}
