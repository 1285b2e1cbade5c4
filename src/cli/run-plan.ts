/**
 * Runs a plan for `apply` and `rotate`: repairs what a killed run left, refuses a plan that is blocked,
 * shows progress, and says after an interruption how to go on.
 *
 * @module
 */

import { applyPlan } from '../apply/apply-plan.js'
import type { ApplyEvent } from '../apply/events.js'
import type { Issuers } from '../authority/issuers.js'
import { isNomadPkiError, NomadPkiError } from '../errors.js'
import { leftOvers, type Inventory } from '../inventory/inventory.js'
import { rehearsalIssuers } from '../issuers/rehearsal-issuers.js'
import type { Planned } from '../plan/make-plan.js'
import type { Plan, Step } from '../plan/plan.js'
import { findingsText } from '../report/diagnostics.js'
import { applyDocument } from '../report/json.js'
import { appliedText, heldText, waitingFor, waitingText } from '../report/plan.js'
import { removeLeftAsides } from '../store/left-asides.js'
import { memoryStore } from '../store/memory-store.js'
import { authorityKeys, type KeyOptions } from './authority-keys.js'
import type { Context } from './context.js'
import { createProgress } from './progress.js'
import { canAsk } from './prompt.js'
import { rehearsalConfigs } from './rehearsal.js'
import { exitStatus, type ExitStatus } from './status.js'
import { underLock } from './under-lock.js'
import type { Printer } from './printer.js'
import { takeInventory, type Workspace } from './workspace.js'

/** The store after {@link healFirst}. */
export interface Healed {
  readonly inventory: Inventory
  /** What was repaired, as events. */
  readonly events: readonly ApplyEvent[]
}

/**
 * Repairs what a killed run left, before the plan is made: a plan of the torn state would take
 * for lost what is only not yet in its place. Without permission (`permitted`, or a terminal) and in a
 * dry run it reports and changes nothing.
 */
export async function healFirst(
  workspace: Workspace,
  inventory: Inventory,
  { permitted, dryRun }: { readonly permitted: boolean; readonly dryRun: boolean },
  printer: Printer,
  context: Context,
): Promise<Healed> {
  const left = leftOvers(inventory)
  const allowed = permitted || canAsk(context)
  if (left.length === 0) return { inventory, events: [] }
  if (!allowed || dryRun) {
    printer.tell(findingsText(left, printer.errorStyle, { all: true }))
    return { inventory, events: [] }
  }
  const { store } = workspace
  const findings = await underLock(store, 'apply', async () => [
    ...(await store.heal()),
    ...removeLeftAsides(inventory),
  ])
  if (findings.length > 0) printer.tell(findingsText(findings, printer.errorStyle, { all: true }))
  return {
    inventory: await takeInventory(workspace),
    events: findings.map((finding) => ({ type: 'healed', finding })),
  }
}

/**
 * Runs a plan, shows its progress and prints the result.
 *
 * @returns `interrupted` after Ctrl-C; `error` where findings held a part of the plan.
 */
export async function runPlan(
  { plan, materials }: Planned,
  workspace: Workspace,
  { inventory, events: before }: Healed,
  {
    dryRun,
    all,
    again,
    passphraseFd,
  }: {
    readonly dryRun: boolean
    /** Each step on a line of its own. */
    readonly all: boolean
    /** The command that goes on after an interruption. */
    readonly again: string
  } & KeyOptions,
  printer: Printer,
  context: Context,
): Promise<ExitStatus> {
  const { store, configs } = workspace
  const ports = dryRun
    ? await rehearsal(workspace, inventory)
    : {
        ...{ store, configs },
        // Who signs in this plan: until the next generation is set up, the one before it.
        issuers: authorityKeys({ ...workspace, desired: materials.desired }, context, {
          passphraseFd,
        }),
      }
  const progress = createProgress(context, plan.steps.length, printer)
  const signal = context.onInterrupt(() => {
    progress.clear()
    printer.tell('interrupted: finishing the step under way; a second Ctrl-C kills')
  })
  const goOn = `completed steps are kept; to go on: ${again}`
  const events: ApplyEvent[] = [...before]
  let begun = 0
  try {
    for await (const event of applyPlan(plan, materials, {
      ...ports,
      clock: () => context.now(),
      signal,
      command: 'apply',
    })) {
      events.push(event)
      if (event.type === 'doing') progress.update((begun += 1) - 1, doingText(event.step))
      if (event.type === 'healed') {
        progress.clear()
        printer.tell(findingsText([event.finding], printer.errorStyle, { all: true }))
      }
    }
  } catch (error) {
    if (isNomadPkiError(error, 'ERR_INTERRUPTED')) printer.tell(goOn)
    throw error
  } finally {
    progress.clear()
  }
  if (printer.json) printer.document(applyDocument(plan, events, { dryRun }))
  else
    printer.answer(
      appliedText(plan, events, printer.style, {
        all,
        dryRun,
        now: context.now(),
      }),
    )
  const unanswered = events.flatMap((event) => (event.type === 'unanswered' ? [event.finding] : []))
  if (unanswered.length > 0) {
    printer.tell(findingsText(unanswered, printer.errorStyle, { all: false }))
  }
  if (events.some(({ type }) => type === 'stopped')) {
    printer.tell(goOn)
    return exitStatus.interrupted
  }
  return tellHeld(plan, printer)
}

/** Ports in memory, with throwaway keys in the authorities' names: for `--dry-run`. */
async function rehearsal(
  { store, configs }: Workspace,
  inventory: Inventory,
): Promise<Pick<Workspace, 'store' | 'configs'> & { readonly issuers: Issuers }> {
  return {
    store: memoryStore(await store.read()),
    configs: rehearsalConfigs(configs, inventory),
    issuers: rehearsalIssuers(),
  }
}

/**
 * Refuses a plan whose errors leave nothing to do, and prints all its errors. Where a part can be
 * done, {@link runPlan} reports what is held.
 */
export function refuseBlocked({ findings, steps, held = [] }: Plan, printer: Printer): void {
  const errors = findings.filter(({ severity }) => severity === 'error')
  const [first] = errors
  if (first === undefined || steps.length > 0) return
  if (errors.length === 1) {
    throw new NomadPkiError('ERR_PLAN_BLOCKED', first.message, {
      address: first.address,
      hint: first.remedy,
    })
  }
  printer.report(findingsText(errors, printer.errorStyle, { all: false }))
  throw new NomadPkiError(
    'ERR_PLAN_BLOCKED',
    held.length === 0
      ? `${errors.length} errors are in the way: nothing was done`
      : `${heldText(errors.length, held.length)}: nothing was done`,
  )
}

/** Reports what waits for its node, and what errors hold; then the command does not succeed. */
function tellHeld(plan: Plan, printer: Printer): ExitStatus {
  const { findings, held = [] } = plan
  const waiting = waitingFor(plan)
  if (waiting.length > 0) {
    printer.tell(findingsText(waiting, printer.errorStyle, { all: false }))
    if (plan.steps.length > 0) printer.tell(waitingText(waiting.length))
  }
  const errors = findings.filter(({ severity }) => severity === 'error')
  if (errors.length === 0) return exitStatus.ok
  printer.report(findingsText(errors, printer.errorStyle, { all: false }))
  printer.report(`${heldText(errors.length, held.length)}; everything else is done`)
  return exitStatus.error
}

function doingText({ action, address }: Step): string {
  return `${action} ${address}`
}
