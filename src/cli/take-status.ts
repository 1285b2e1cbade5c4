/**
 * What `status` says, as values: read once, or again and again for `--watch`.
 *
 * @module
 */

import { keyPlaceFindings } from '../checks/key-place.js'
import { attemptFindings } from '../evidence/attempts.js'
import { copiesIn, type Copies } from '../evidence/copies.js'
import { leftOvers, type Inventory } from '../inventory/inventory.js'
import { besideFindings } from '../plan/beside.js'
import { makeSchedule } from '../plan/schedule.js'
import { undatedErrors } from '../plan/undated-errors.js'
import type { WatchedRotation } from '../report/metrics.js'
import { deadlinesOf } from '../rotation/deadlines.js'
import { gateOf } from '../rotation/gate-of.js'
import { rotationOf } from '../rotation/stages.js'
import { revocationFindings } from '../verify/revocations.js'
import { lookBeside } from './look-beside.js'
import type { StatusFacts } from './status-files.js'
import { takeInventory, type Workspace } from './workspace.js'

/** What was read, and what is wrong that no date shows. */
export interface TakenStatus extends StatusFacts {
  readonly copies: Copies
  /** How many keys of authorities are not where the spec says. */
  readonly misplaced: number
}

/**
 * Reads it.
 *
 * @param options `now`: epoch milliseconds to judge at; `asMade`: what was made is taken for delivered.
 * @throws {NomadPkiError} as {@link takeInventory}.
 */
export async function takeStatus(
  workspace: Workspace,
  { now, asMade }: { readonly now: number; readonly asMade: boolean },
): Promise<TakenStatus> {
  const { desired } = workspace
  const inventory = await takeInventory(workspace)
  const schedule = makeSchedule(desired, inventory, { now, asMade })
  const misplaced = desired.authorities.flatMap((wanted) => {
    const found = inventory.authorities.get(wanted.address)
    return found === undefined ? [] : keyPlaceFindings(wanted, found)
  })
  const beside = lookBeside(workspace, inventory)
  const findings = [
    ...undatedErrors(desired, inventory, { now }),
    ...revocationFindings(desired, inventory, { now, current: true }),
    ...misplaced,
    ...leftOvers(inventory),
    ...attemptFindings(desired, inventory, { now }),
    ...besideFindings(beside, now),
  ]
  const deadlines = deadlinesOf({ ...workspace, inventory, schedule })
  const copies = copiesIn(inventory, { now })
  const rotations = rotationsIn(workspace, inventory, now)
  const read = { inventory, schedule, deadlines, findings, beside, rotations }
  return { ...read, copies, misplaced: misplaced.length }
}

/** Rotations under way, and what their next stages wait for. */
function rotationsIn(
  { spec, desired }: Pick<Workspace, 'spec' | 'desired'>,
  inventory: Inventory,
  now: number,
): readonly WatchedRotation[] {
  return spec.authorities.flatMap(({ name }) => {
    const rotation = rotationOf(spec, inventory, name, { now })
    return rotation === undefined || rotation.position === 'settled'
      ? []
      : [{ rotation, gate: gateOf(rotation, desired, inventory, { now }) }]
  })
}
