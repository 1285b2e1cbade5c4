/**
 * `plan`: read, compare, tell.
 *
 * @module
 */

import { hasErrors } from '../../diagnostics.js'
import { isBegun } from '../../inventory/begun.js'
import { makePlan } from '../../plan/make-plan.js'
import { formatPlan, parsePlan } from '../../plan/plan-file.js'
import { planText } from '../../report/plan.js'
import { shellQuote } from '../../shell-quote.js'
import { notBegun } from '../begin-store.js'
import { overridesOf } from '../override.js'
import { statusOfPlan } from '../status.js'
import type { Command } from '../command.js'
import { printerOf } from '../printer.js'
import { parseInstant } from '../when.js'
import { fileFlag, namedIdentities, openWorkspace, takeInventory } from '../workspace.js'
import { readIfThere, requireOutside, writeFiles } from '../write.js'
import type { Context } from '../context.js'
import { NomadPkiError } from '../../errors.js'
import type { Plan } from '../../plan/plan.js'

/** Exits 0 if there is nothing to do, 2 if there is. */
export const command: Command<'plan'> = async ({ args, options }, context) => {
  const printer = printerOf(context, options)
  const now = options.at === undefined ? context.now() : parseInstant(options.at, context.now())
  const workspace = await openWorkspace(context, options, printer)
  const only = namedIdentities(args, workspace.desired)
  const named = fileFlag(options)
  const { plan: made } = makePlan(workspace.desired, await takeInventory(workspace), {
    now,
    prune: options.prune === true,
    only,
    overrides: overridesOf(options, ['copy', 'cluster', 'leave-root', 'reinstate', 'attempt']),
  })
  const { store } = workspace
  const plan: Plan = (await isBegun(store))
    ? made
    : { ...made, findings: [notBegun(store, named), ...made.findings] }
  if (options.out !== undefined) await save(plan, options.out, store.location, context)
  const blocked = hasErrors(plan.findings)
  if (printer.json) printer.document(plan)
  else {
    printer.answer(planText(plan, printer.style, { all: options.long === true, now }))
    if (options.out !== undefined)
      printer.tell(`saved; to apply it: nomad-pki apply${named} --plan ${shellQuote(options.out)}`)
    else if (plan.steps.length > 0 && !blocked) printer.tell(`to apply it: nomad-pki apply${named}`)
  }
  return statusOfPlan(plan)
}

/** Only a saved plan is written over, and nothing in the store. */
async function save(plan: Plan, file: string, store: string, context: Context): Promise<void> {
  requireOutside(context, store, file, 'a plan')
  const expected = await readIfThere(context, file)
  if (expected !== undefined && !isSavedPlan(expected)) {
    throw new NomadPkiError('ERR_FILE_EXISTS', `${file} exists, and is not a saved plan`, {
      hint: 'name another file: only a saved plan is written over',
    })
  }
  await writeFiles(context, [{ file, text: formatPlan(plan), expected }])
}

function isSavedPlan(bytes: Uint8Array): boolean {
  try {
    parsePlan(Buffer.from(bytes).toString('utf8'))
    return true
  } catch {
    return false
  }
}
