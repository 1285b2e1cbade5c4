/**
 * `status`: what expires when.
 *
 * @module
 */

import { keyPlaceFindings } from '../../checks/key-place.js'
import { hasErrors } from '../../diagnostics.js'
import { attemptFindings } from '../../evidence/attempts.js'
import { copiesIn } from '../../evidence/copies.js'
import { leftOvers } from '../../inventory/inventory.js'
import { undatedErrors } from '../../plan/undated-errors.js'
import { makeSchedule } from '../../plan/schedule.js'
import { statusDocument } from '../../report/json.js'
import { statusText } from '../../report/status.js'
import { deadlinesOf } from '../../rotation/deadlines.js'
import { revocationFindings } from '../../verify/revocations.js'
import { statusOfSchedule } from '../status.js'
import { statusFilesOf, writeStatusFiles } from '../status-files.js'
import type { Command } from '../command.js'
import { printerOf } from '../printer.js'
import { parseInstant } from '../when.js'
import { openWorkspace, takeInventory } from '../workspace.js'

/** Exits 2 when something is missing, due, undelivered, revoked or expired, or a stage's date is near. */
export const command: Command<'status'> = async ({ options }, context) => {
  const files = statusFilesOf(options)
  const printer = printerOf(context, options)
  const now = options.at === undefined ? context.now() : parseInstant(options.at, context.now())
  const workspace = await openWorkspace(context, options, printer)
  const { cluster } = workspace.desired
  const inventory = await takeInventory(workspace)
  const schedule = makeSchedule(workspace.desired, inventory, {
    now,
    asMade: options.made === true,
  })
  const deadlines = deadlinesOf({ ...workspace, inventory, schedule })
  const copies = copiesIn(inventory, { now })
  const misplaced = workspace.desired.authorities.flatMap((wanted) => {
    const found = inventory.authorities.get(wanted.address)
    return found === undefined ? [] : keyPlaceFindings(wanted, found)
  })
  const findings = [
    ...undatedErrors(workspace.desired, inventory, { now }),
    ...revocationFindings(workspace.desired, inventory, { now, current: true }),
    ...misplaced,
    ...leftOvers(inventory),
    ...attemptFindings(workspace.desired, inventory, { now }),
  ]
  await writeStatusFiles(files, { inventory, schedule, deadlines, findings }, workspace, context)
  const { head: ledgerHead, lines, fault } = inventory.ledger
  if (printer.json)
    printer.document(statusDocument(schedule, { cluster, ledgerHead, deadlines, copies, findings }))
  else {
    const all = options.long === true
    printer.answer(
      statusText(schedule, printer.style, {
        cluster,
        all,
        deadlines,
        copies,
        findings,
        ledgerHead,
        ledgerLines: lines.length,
        ledgerFault: fault?.line,
      }),
    )
  }
  const broken =
    copies.leaves.length > 0 || fault !== undefined || hasErrors(findings) || misplaced.length > 0
  return statusOfSchedule(schedule, deadlines, broken)
}
