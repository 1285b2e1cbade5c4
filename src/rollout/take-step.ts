/**
 * One step of a rollout: what is asked of the region before, its hosts, and what is waited for after.
 *
 * @module
 */

import { bringStep, type Tally } from './bring-step.js'
import type { Looked } from './look-all.js'
import type { RolloutEvent, RollOutOptions, RolloutPorts } from './ports.js'
import type { Obstacle } from './preflight.js'
import { waitAfter, waitBefore, type NextStep } from './step-gates.js'

/**
 * Takes one step.
 *
 * @param next The step.
 * @param tally Is added to.
 * @returns What stops the rollout; `undefined` where it goes on.
 * @throws {NomadPkiError} `ERR_INTERRUPTED`: after the hosts at work have ended.
 */
export async function* takeStep(
  next: NextStep,
  ready: Looked,
  tally: Tally,
  ports: RolloutPorts,
  options: RollOutOptions,
): AsyncGenerator<RolloutEvent, readonly Obstacle[] | undefined, undefined> {
  const before = yield* waitBefore(next, ready, tally.waited, ports, options)
  if ('message' in before) return [before]
  const brought = yield* bringStep(next.step, ready, tally, ports, options)
  if ('stops' in brought) return brought.stops
  const { running } = brought
  const late = yield* waitAfter(next.step, before, running, ready, ports, options)
  if (late === undefined || late.isFinal) return late?.of
  // The heartbeats of the others run: what is left is brought all the same.
  tally.failures.push(...late.of)
  return undefined
}
