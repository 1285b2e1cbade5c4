/**
 * `status`: what expires when.
 *
 * @module
 */

import { hasErrors } from '../../diagnostics.js'
import { statusDocument } from '../../report/status-document.js'
import { statusText } from '../../report/status.js'
import { statusOfSchedule } from '../status.js'
import { statusFilesOf, writeStatusFiles } from '../status-files.js'
import type { Command } from '../command.js'
import { printerOf } from '../printer.js'
import { takeStatus } from '../take-status.js'
import { parseInstant } from '../when.js'
import { openWorkspace } from '../workspace.js'

/** Exits 2 when something is missing, due, undelivered, revoked or expired, or a stage's date is near. */
export const command: Command<'status'> = async ({ options }, context) => {
  const files = statusFilesOf(options)
  const printer = printerOf(context, options)
  if (options.watch === true) {
    const { watchStatus } = await import('../watch-status.js')
    return watchStatus(options, context, printer)
  }
  const now = options.at === undefined ? context.now() : parseInstant(options.at, context.now())
  const workspace = await openWorkspace(context, options, printer)
  const { cluster } = workspace.desired
  const taken = await takeStatus(workspace, { now, asMade: options.made === true })
  const { inventory, schedule, deadlines, findings, rotations, copies, misplaced } = taken
  await writeStatusFiles(files, taken, workspace, context)
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
        unfinished: { transport: workspace.desired.transport, rotations },
        ledgerHead,
        ledgerLines: lines.length,
        ledgerFault: fault?.line,
      }),
    )
  }
  const broken =
    copies.leaves.length > 0 || fault !== undefined || hasErrors(findings) || misplaced > 0
  return statusOfSchedule(schedule, deadlines, broken)
}
