/**
 * What follows from whether anything was ever delivered: no agent is asked to prove what it cannot
 * have.
 *
 * @module
 */

import { isOfAuthority, isOfOperator } from '../address.js'
import { sameRoots, type MadeGenerations } from './generations.js'
import type { Evidence } from './evidence.js'

/** Whether any agent was ever seen, or any installer reported. */
export function wasDelivered({ observations, receipts }: Evidence): boolean {
  return observations.length > 0 || receipts.length > 0
}

/**
 * Whether an agent may still have other trust than what was made for it last: a rotation was taken to
 * its end and may not have reached everybody.
 *
 * @param bundle The newest trust of its agents, addresses of roots of one name.
 */
export function mayDiffer(
  made: MadeGenerations,
  name: string,
  evidence: Evidence,
  now: number,
): boolean {
  const pending = new Set(evidence.compromised.map(({ address }) => address))
  return [...made].some(([address, generations]) => {
    const trusted = generations.at(-1)?.trusted
    if (isOfOperator(address) || trusted === undefined) return false
    if (!trusted.some((root) => isOfAuthority(root, name))) return false
    return generations.some(
      (one) =>
        (one.notAfter > now && !sameRoots(one.trusted, trusted)) ||
        one.trusted?.some((root) => pending.has(root) && !trusted.includes(root)) === true,
    )
  })
}
