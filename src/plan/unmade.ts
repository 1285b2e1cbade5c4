/**
 * What of a plan is not made for the agents that are to be brought their files.
 *
 * @module
 */

import { kindOf } from '../address.js'
import type { Finding } from '../diagnostics.js'
import type { Plan } from './plan.js'

/** What a delivery lacks. */
export interface Unmade {
  /** How many steps of the plan were not applied. */
  readonly steps: number
  /** Errors, which hold a part of the plan. */
  readonly errors: readonly Finding[]
}

/**
 * Picks what the plan still has for some agents. Authorities, bundles and configurations are in what agents
 * receive; certificates of others are not.
 *
 * @param isMeant Whether the identity with this address is to be brought its files.
 */
export function unmadeFor(plan: Plan, isMeant: (address: string) => boolean): Unmade {
  const matters = (address: string): boolean => kindOf(address) !== 'identity' || isMeant(address)
  return {
    steps: plan.steps.filter(({ address }) => matters(address)).length,
    errors: plan.findings.filter(
      ({ severity, address }) => severity === 'error' && matters(address),
    ),
  }
}
