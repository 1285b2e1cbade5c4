/**
 * `plan`: read, compare, tell.
 *
 * @module
 */

import { hasErrors } from '../../diagnostics.js'
import type { Desired } from '../../cluster/desired.js'
import { isNomadPkiError, NomadPkiError } from '../../errors.js'
import { isBegun } from '../../inventory/begun.js'
import { parseInventory, type TakenInventory } from '../../inventory/inventory-file.js'
import { makePlan } from '../../plan/make-plan.js'
import { formatPlan, parsePlan } from '../../plan/plan-file.js'
import { planText } from '../../report/plan.js'
import { planMarkdown } from '../../report/plan-markdown.js'
import { formatLeft, formatMinute } from '../../report/time.js'
import { shellQuote } from '../../shell-quote.js'
import { notBegun } from '../begin-store.js'
import { seenInEngine } from '../engine.js'
import { overridesOf } from '../override.js'
import { statusOfPlan } from '../status.js'
import type { Command } from '../command.js'
import type { Context } from '../context.js'
import { printerOf, type Printer } from '../printer.js'
import { parseInstant } from '../when.js'
import { fileFlag, namedIdentities, openWorkspace, takeInventory } from '../workspace.js'
import { writeOwn } from '../write.js'
import type { Plan } from '../../plan/plan.js'

/** Exits 0 if there is nothing to do, 2 if there is. */
export const command: Command<'plan'> = async ({ args, options }, context) => {
  const printer = printerOf(context, options)
  const now = options.at === undefined ? context.now() : parseInstant(options.at, context.now())
  const workspace = await openWorkspace(context, options, printer)
  const taken =
    options.inventory === undefined ? undefined : await readTaken(options.inventory, context)
  const inventory = taken?.inventory ?? (await takeInventory(workspace))
  if (taken !== undefined) tellTaken(taken, workspace.desired, context.now(), printer)
  const only = namedIdentities(args, workspace.desired)
  const named = fileFlag(options)
  // What is planned from a file, or for another day, asks nobody.
  const engine =
    taken === undefined && options.at === undefined
      ? await seenInEngine(workspace, inventory, context, { signs: false })
      : undefined
  const { plan: made } = makePlan(workspace.desired, inventory, {
    now,
    engine,
    prune: options.prune === true,
    only,
    overrides: overridesOf(options, ['copy', 'cluster', 'leave-root', 'reinstate', 'attempt']),
  })
  const { store } = workspace
  const begun = taken?.begun ?? (await isBegun(store))
  const plan: Plan = begun
    ? made
    : { ...made, findings: [notBegun(inventory, workspace.desired, named), ...made.findings] }
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
  else if (options.markdown === true) {
    const all = options.long === true
    printer.answer(planMarkdown(plan, { all, now, of: taken?.madeAt }))
  } else {
    printer.answer(planText(plan, printer.style, { all: options.long === true, now }))
    if (options.out !== undefined)
      printer.tell(`saved; to apply it: nomad-pki apply${named} --plan ${shellQuote(options.out)}`)
    else if (plan.steps.length > 0 && !blocked && taken === undefined)
      printer.tell(`to apply it: nomad-pki apply${named}`)
  }
  return statusOfPlan(plan)
}

/** The file that `status --inventory` wrote. */
async function readTaken(file: string, context: Context): Promise<TakenInventory> {
  const bytes = await context.readFile(file)
  try {
    return parseInventory(Buffer.from(bytes).toString('utf8'))
  } catch (error) {
    if (!isNomadPkiError(error)) throw error
    const { code, message, hint, cause } = error
    throw new NomadPkiError(code, `${file}: ${message}`, { hint, cause })
  }
}

/** What is older than a day may lack a renewal. */
const aged = 86_400_000

/** What a plan from a file cannot know. */
function tellTaken(
  { madeAt, inventory }: TakenInventory,
  desired: Desired,
  now: number,
  printer: Printer,
): void {
  const age = now - madeAt
  const old =
    age < aged ? '' : ` (${formatLeft(age)} ago: what was made since is not in it; write it again)`
  printer.tell(`the inventory is of ${formatMinute(madeAt)}${old}; apply runs where the store is`)
  const missing = desired.configs.filter(({ paths }) =>
    paths.some((path) => !inventory.configs.has(path)),
  )
  const [first] = missing
  if (first === undefined) return
  const rest = missing.length === 1 ? '' : ` and of ${missing.length - 1} more`
  printer.tell(
    `the inventory does not have the configuration of ${first.address}${rest}: the plan does not show its edits`,
  )
}

function isOwn(bytes: Uint8Array): boolean {
  try {
    parsePlan(Buffer.from(bytes).toString('utf8'))
    return true
  } catch {
    return false
  }
}
