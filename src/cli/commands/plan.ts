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
import { writeOwn } from '../write.js'
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
  if (options.out !== undefined) {
    const file = {
      file: options.out,
      text: formatPlan(plan),
      what: 'a plan',
      own: 'a saved plan',
      isOwn,
    }
    await writeOwn(context, store.location, [file])
  }
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

function isOwn(bytes: Uint8Array): boolean {
  try {
    parsePlan(Buffer.from(bytes).toString('utf8'))
    return true
  } catch {
    return false
  }
}
