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
 * Reads a plan that `plan --out` saved, and refuses a file of another kind or version.
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
 * does, why, and what it certifies or writes may not.
 *
 * @param saved The plan that was reviewed.
 * @param fresh The plan made now.
 * @returns Nothing where the saved one still fits; else each difference with both values.
 */
export function comparePlans(saved: Plan, fresh: Plan): readonly PlanDifference[] {
  if (saved.cluster !== fresh.cluster) {
    const message = `the plan is for the cluster ${JSON.stringify(saved.cluster)}`
    return [{ address: fresh.cluster, message }]
  }
  const differences: PlanDifference[] = []
  const before = byAddress(saved.steps)
  const after = byAddress(fresh.steps)
  for (const [address, { text, steps }] of before) {
    const now = after.get(address)
    if (now === undefined) {
      differences.push({ address, message: `no longer to be done (was: ${text})` })
    } else if (now.text !== text) {
      differences.push({ address, message: `was ${text}, is now ${now.text}` })
    } else {
      for (const [index, step] of steps.entries()) {
        for (const message of contentDifferences(step, now.steps[index]!)) {
          differences.push({ address, message })
        }
      }
    }
  }
  for (const [address, { text }] of after) {
    if (!before.has(address)) differences.push({ address, message: `new: ${text}` })
  }
  return differences
}

function contentDifferences(saved: Step, fresh: Step): readonly string[] {
  if (saved.content === undefined && fresh.content !== undefined) {
    return ['the saved plan does not say what it certifies or writes']
  }
  const [before, after] = [contentOf(saved), contentOf(fresh)]
  return [...new Set([...before.keys(), ...after.keys()])].flatMap((name) => {
    const [was, is] = [before.get(name) ?? 'nothing', after.get(name) ?? 'nothing']
    return was === is ? [] : [`${name} was ${was}, is now ${is}`]
  })
}

/** What a step certifies or writes, as one text for each name; a list of nothing is left out. */
export function contentOf({ content = {}, keepKey }: Step): ReadonlyMap<string, string> {
  const texts = new Map<string, string>()
  for (const [name, value] of Object.entries(content)) {
    const text = typeof value === 'string' ? value : value.join(', ')
    if (text !== '') texts.set(name, text)
  }
  if (keepKey === true) texts.set('key', `${texts.get('key') ?? 'it'}, kept`)
  return texts
}

interface StepsOfAddress {
  readonly text: string
  readonly steps: readonly Step[]
}

function byAddress(steps: readonly Step[]): ReadonlyMap<string, StepsOfAddress> {
  const all = new Map<string, StepsOfAddress>()
  for (const step of steps) {
    const { address, action, reasons } = step
    const why = [...new Set(reasons.map(({ reason }) => reason))].sort().join(', ')
    const before = all.get(address)
    const text = `${before === undefined ? '' : `${before.text}; `}${action} (${why})`
    all.set(address, { text, steps: [...(before?.steps ?? []), step] })
  }
  return all
}

function isStep(value: unknown): value is Step {
  if (!isRecord(value)) return false
  const { address, action, reasons, content = {} } = value
  return (
    typeof address === 'string' &&
    typeof action === 'string' &&
    Array.isArray(reasons) &&
    reasons.every((given) => isRecord(given) && typeof given['reason'] === 'string') &&
    isRecord(content) &&
    Object.values(content).every(isContent)
  )
}

function isContent(value: unknown): value is string | readonly string[] {
  return (
    typeof value === 'string' ||
    (Array.isArray(value) && value.every((item) => typeof item === 'string'))
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
