/**
 * `apply`: make it so.
 *
 * @module
 */

import { bufferOf } from '../../bytes.js'
import { formatDuration } from '../../duration.js'
import { NomadPkiError } from '../../errors.js'
import type { Inventory } from '../../inventory/inventory.js'
import { makePlan } from '../../plan/make-plan.js'
import { comparePlans, parsePlan } from '../../plan/plan-file.js'
import type { Plan } from '../../plan/plan.js'
import { planText, waitingFor } from '../../report/plan.js'
import { shellQuote } from '../../shell-quote.js'
import { requireBegun } from '../begin-store.js'
import type { Context } from '../context.js'
import { seenInEngine } from '../engine.js'
import { overridesOf } from '../override.js'
import { healFirst, runPlan, refuseBlocked } from '../run-plan.js'
import { confirm } from '../prompt.js'
import { exitStatus } from '../status.js'
import type { Command } from '../command.js'
import type { Options } from '../surface.js'
import { printerOf, type Printer } from '../printer.js'
import { fileFlag, namedIdentities, openWorkspace, takeInventory } from '../workspace.js'

/** Exits 0 when it is done, 3 when it is refused, 130 when it was interrupted. */
export const command: Command<'apply'> = async ({ args, options }, context) => {
  const printer = printerOf(context, options)
  const dryRun = options.dryRun === true
  const overrides = overridesOf(options, ['copy', 'cluster', 'leave-root', 'reinstate', 'attempt'])
  const saved = options.plan === undefined ? undefined : await readSaved(options.plan, context)
  const workspace = await openWorkspace(context, options, printer)
  await requireBegun(workspace, fileFlag(options))
  const healed = await healFirst(
    workspace,
    await takeInventory(workspace),
    { permitted: options.yes === true || options.plan !== undefined, dryRun },
    printer,
    context,
  )
  const { inventory } = healed
  const only = namedIdentities(args, workspace.desired)
  // What was saved says itself whether it removes; `--prune` need not be said again.
  const prune =
    options.prune === true ||
    saved?.steps.some(({ reasons }) => reasons.some(({ reason }) => reason === 'orphan')) === true
  const now = context.now()
  const engine = await seenInEngine(workspace, inventory, context, { signs: true })
  const planned = makePlan(workspace.desired, inventory, { now, prune, only, overrides, engine })
  const { plan } = planned
  if (saved !== undefined) refuseStale(saved, plan)
  refuseBlocked(plan, printer)
  if (plan.steps.length === 0 && only !== undefined) {
    // What waits for a request of its node is due, and is told as that.
    const waits = new Set(waitingFor(plan).map(({ address }) => address))
    const idle = only.filter((address) => !waits.has(address))
    tellIdle(idle, inventory, context, printer)
  }
  const allowed = options.yes === true || saved !== undefined || dryRun
  if (plan.steps.length > 0 && !allowed) {
    context.stderr.write(
      `${planText(plan, printer.errorStyle, { all: options.long === true, now: context.now() })}\n\n`,
    )
    const hint = `to apply without being asked: ${commandLine(args, options, '--yes')}`
    if (!(await confirm(context, 'Apply these steps?', hint))) {
      printer.tell('nothing was done')
      return exitStatus.refused
    }
  }
  return runPlan(
    planned,
    workspace,
    healed,
    {
      dryRun,
      all: options.long === true,
      again: commandLine(args, options),
      passphraseFd: options.passphraseFd,
    },
    printer,
    context,
  )
}

/** Says of each named address that is not due why nothing is done, and how to renew it anyway. */
function tellIdle(
  only: readonly string[],
  { identities }: Inventory,
  context: Context,
  printer: Printer,
): void {
  for (const address of only) {
    const leaf = identities.get(address)?.current?.chain[0]
    if (leaf === undefined) continue
    const left = formatDuration(leaf.notAfter - context.now())
    printer.tell(
      `${address}: not due, valid for ${left} more; for a new one now: nomad-pki rotate leaves ${address}`,
    )
  }
}

async function readSaved(file: string, context: Context): Promise<Plan> {
  const bytes = await context.readFile(file)
  return parsePlan(bufferOf(bytes).toString('utf8'))
}

function refuseStale(saved: Plan, fresh: Plan): void {
  const differences = comparePlans(saved, fresh)
  if (differences.length === 0) return
  const some = differences.slice(0, 5).map(({ address, message }) => `${address}: ${message}`)
  const more = differences.length > 5 ? `; and ${differences.length - 5} more` : ''
  throw new NomadPkiError(
    'ERR_PLAN_STALE',
    `the saved plan no longer fits: ${some.join('; ')}${more}`,
    {
      hint: 'review what is to be done now: nomad-pki plan --out FILE',
    },
  )
}

/** The command as it was given, for "to go on". */
function commandLine(
  args: readonly string[],
  options: Options<'apply'>,
  ...more: readonly string[]
): string {
  return [
    'nomad-pki apply',
    ...(options.file === undefined ? [] : ['--file', options.file]),
    ...(options.prune === true ? ['--prune'] : []),
    ...(options.yes === true ? ['--yes'] : []),
    ...(options.override ?? []).flatMap((text) => ['--override', text]),
    ...(options.reason === undefined ? [] : ['--reason', options.reason]),
    ...more,
    ...args,
  ]
    .map((word, index) => (index === 0 ? word : shellQuote(word)))
    .join(' ')
}
