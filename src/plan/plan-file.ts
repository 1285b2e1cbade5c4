/**
 * A saved plan: what was reviewed. It is read back to be compared with the plan of now, never to be
 * executed.
 *
 * @module
 */

import { NomadPkiError } from '../errors.js'
import type { Plan, Step } from './plan.js'

/** The text of a saved plan: the same document as `plan --json`. */
export function formatPlan(plan: Plan): string {
  return `${JSON.stringify(plan, undefined, 2)}\n`
}

/**
 * Reads a saved plan.
 *
 * @param text The file.
 * @throws {NomadPkiError} `ERR_PLAN_INVALID`
 */
export function parsePlan(text: string): Plan {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw invalid('it is not JSON', cause)
  }
  if (!isRecord(value) || value['format'] !== 'nomad-pki/plan') {
    throw invalid('its format is not "nomad-pki/plan"')
  }
  if (value['version'] !== 1) {
    throw invalid(`its version is ${JSON.stringify(value['version'])}, and 1 is the one known here`)
  }
  const { cluster, madeAt, steps, orphans, findings } = value
  if (
    typeof cluster !== 'string' ||
    typeof madeAt !== 'number' ||
    !Array.isArray(steps) ||
    !Array.isArray(orphans) ||
    !Array.isArray(findings)
  ) {
    throw invalid('cluster, madeAt, steps, orphans or findings is missing')
  }
  for (const [index, step] of steps.entries()) {
    if (!isStep(step)) throw invalid(`step ${index + 1} lacks its address, action or reasons`)
  }
  return value as unknown as Plan
}

/** One difference between what was reviewed and what is so now. */
export interface PlanDifference {
  readonly address: string
  /** One sentence: lower case, no full stop. */
  readonly message: string
}

/**
 * What changed since a plan was saved. What a step says in words may differ (time goes by); what it
 * does and why may not.
 *
 * @param saved The plan that was reviewed.
 * @param fresh The plan made now.
 * @returns Nothing where the saved one still fits.
 */
export function comparePlans(saved: Plan, fresh: Plan): readonly PlanDifference[] {
  const differences: PlanDifference[] = []
  if (saved.cluster !== fresh.cluster) {
    differences.push({
      address: fresh.cluster,
      message: `the plan is for the cluster ${JSON.stringify(saved.cluster)}`,
    })
  }
  const before = byAddress(saved.steps)
  const after = byAddress(fresh.steps)
  for (const [address, texts] of before) {
    const now = after.get(address)
    if (now === undefined) {
      differences.push({ address, message: `no longer to be done (was: ${texts})` })
    } else if (now !== texts) {
      differences.push({ address, message: `was ${texts}, is now ${now}` })
    }
  }
  for (const [address, texts] of after) {
    if (!before.has(address)) differences.push({ address, message: `new: ${texts}` })
  }
  return differences
}

function byAddress(steps: readonly Step[]): ReadonlyMap<string, string> {
  const texts = new Map<string, string>()
  for (const { address, action, reasons } of steps) {
    const why = [...new Set(reasons.map(({ reason }) => reason))].sort().join(', ')
    const before = texts.get(address)
    texts.set(address, `${before === undefined ? '' : `${before}; `}${action} (${why})`)
  }
  return texts
}

function isStep(value: unknown): value is Step {
  if (!isRecord(value)) return false
  const { address, action, reasons } = value
  return (
    typeof address === 'string' &&
    typeof action === 'string' &&
    Array.isArray(reasons) &&
    reasons.every((given) => isRecord(given) && typeof given['reason'] === 'string')
  )
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function invalid(why: string, cause?: unknown): NomadPkiError {
  return new NomadPkiError('ERR_PLAN_INVALID', `not a saved plan: ${why}`, {
    hint: 'nomad-pki plan --out FILE writes one',
    cause,
  })
}
