/**
 * `plan`: read, compare, tell.
 *
 * @module
 */

import { hasErrors } from '../../diagnostics.js'
import { makePlan } from '../../plan/make-plan.js'
import { formatPlan } from '../../plan/plan-file.js'
import { planText } from '../../report/plan.js'
import { shellQuote } from '../../report/shell.js'
import { exitStatus } from '../status.js'
import type { Command } from '../surface.js'
import { voiceOf } from '../voice.js'
import { parseInstant } from '../when.js'
import { fileFlag, namedIdentities, openWorkspace, takeInventory } from '../workspace.js'
import { readIfThere, writeFiles } from '../write.js'

/** Exits 0 if there is nothing to do, 2 if there is. */
export const command: Command = async ({ args, options }, context) => {
  const voice = voiceOf(context, options)
  const now = options.at === undefined ? context.now() : parseInstant(options.at, context.now())
  const workspace = await openWorkspace(context, options, voice)
  const only = namedIdentities(args, workspace.desired)
  const plan = makePlan(workspace.desired, await takeInventory(workspace), {
    now,
    prune: options.prune === true,
    only,
  })
  if (options.out !== undefined) {
    const expected = await readIfThere(context, options.out)
    await writeFiles(context, [{ file: options.out, text: formatPlan(plan), expected }])
  }
  const named = fileFlag(options)
  const blocked = hasErrors(plan.findings)
  if (voice.json) voice.document(plan)
  else {
    voice.answer(planText(plan, voice.style, { all: options.all === true, now }))
    if (options.out !== undefined)
      voice.tell(`saved; to apply it: nomad-pki apply${named} --plan ${shellQuote(options.out)}`)
    else if (plan.steps.length > 0 && !blocked) voice.tell(`to make it so: nomad-pki apply${named}`)
  }
  return plan.steps.length > 0 || blocked ? exitStatus.work : exitStatus.ok
}
