/**
 * Chance that can be had again: the seed is printed, and `NOMAD_PKI_SEED` sets it.
 *
 * @module
 */
import { randomFrom } from './identities.js'

/** The seed of this run. */
export const seed: number = Number(process.env.NOMAD_PKI_SEED ?? 20_270_301)

/** Whether everything is tried, as `.ci/deep` does it; `.ci/run` tries what a few minutes allow. */
export const deep: boolean = process.env.NOMAD_PKI_ROTATIONS === 'all'

/** @param salt What sets one use of the seed apart from another. */
export function chance(salt: string): () => number {
  let state = seed
  for (const letter of salt) state = Math.imul(state, 31) + letter.charCodeAt(0)
  return randomFrom(state >>> 0)
}

export function shuffled<T>(items: readonly T[], random: () => number): T[] {
  return items
    .map((item) => ({ item, rank: random() }))
    .sort((a, b) => a.rank - b.rank)
    .map(({ item }) => item)
}
