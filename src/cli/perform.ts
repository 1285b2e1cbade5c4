/**
 * A plan made true, as `apply` and `rotate` do it: what a killed run left is mended first, nothing is
 * begun that could not be ended, progress is told, and an interruption says how to go on.
 *
 * @module
 */

import { applyPlan } from '../apply/apply-plan.js'
import type { ApplyEvent } from '../apply/events.js'
import type { Issuers } from '../authority/issuers.js'
import { isNomadPkiError, NomadPkiError } from '../errors.js'
import { leftOvers, type Inventory } from '../inventory/inventory.js'
import { rehearsalIssuers } from '../issuers/rehearsal-issuers.js'
import { storeIssuers } from '../issuers/store-issuers.js'
import type { Planned } from '../plan/make-plan.js'
import type { Plan, Step } from '../plan/plan.js'
import { findingsText } from '../report/diagnostics.js'
import { applyDocument } from '../report/json.js'
import { appliedText, heldText } from '../report/plan.js'
import { removeLeftAsides } from '../store/left-asides.js'
import { memoryStore } from '../store/memory-store.js'
import type { Context } from './context.js'
import { createProgress } from './progress.js'
import { canAsk } from './prompt.js'
import { rehearsalConfigs } from './rehearsal.js'
import { exitStatus, type ExitStatus } from './status.js'
import type { Options } from './command.js'
import { underLock } from './under-lock.js'
import type { Voice } from './voice.js'
import { takeInventory, type Workspace } from './workspace.js'

/** A store without what a killed run left. */
export interface Mended {
  readonly inventory: Inventory
  /** What was mended, as the events that tell it. */
  readonly events: readonly ApplyEvent[]
}

/**
 * What a killed run left is put into place before the plan is made: a plan of the torn state would
 * take for lost what is only not yet in its place.
 */
export async function mendFirst(
  workspace: Workspace,
  inventory: Inventory,
  options: Options,
  voice: Voice,
  context: Context,
): Promise<Mended> {
  const left = leftOvers(inventory)
  const allowed = options.yes === true || options.plan !== undefined || canAsk(context)
  if (left.length === 0) return { inventory, events: [] }
  if (!allowed || options.dryRun === true) {
    voice.tell(findingsText(left, voice.errorStyle, { all: true }))
    return { inventory, events: [] }
  }
  const { store } = workspace
  const findings = await underLock(store, 'apply', async () => [
    ...(await store.heal()),
    ...removeLeftAsides(inventory),
  ])
  if (findings.length > 0) voice.tell(findingsText(findings, voice.errorStyle, { all: true }))
  return {
    inventory: await takeInventory(workspace),
    events: findings.map((finding) => ({ type: 'healed', finding })),
  }
}

export async function perform(
  { plan, materials }: Planned,
  workspace: Workspace,
  { inventory, events: before }: Mended,
  { options, again }: { readonly options: Options; readonly again: string },
  voice: Voice,
  context: Context,
): Promise<ExitStatus> {
  const dryRun = options.dryRun === true
  const ports = dryRun ? await rehearsal(workspace, inventory) : await real(workspace)
  const progress = createProgress(context, plan.steps.length, voice)
  const signal = context.onInterrupt(() => {
    progress.clear()
    voice.tell('interrupted: finishing what is under way; once more kills')
  })
  const goOn = `what is done is done; to go on: ${again}`
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
        voice.tell(findingsText([event.finding], voice.errorStyle, { all: true }))
      }
    }
  } catch (error) {
    if (isNomadPkiError(error, 'ERR_INTERRUPTED')) voice.tell(goOn)
    throw error
  } finally {
    progress.clear()
  }
  if (voice.json) voice.document(applyDocument(plan, events, { dryRun }))
  else
    voice.answer(
      appliedText(plan, events, voice.style, {
        all: options.long === true,
        dryRun,
        now: context.now(),
      }),
    )
  if (events.some(({ type }) => type === 'stopped')) {
    voice.tell(goOn)
    return exitStatus.interrupted
  }
  return tellHeld(plan, voice)
}

async function real({ store, configs }: Workspace): Promise<{
  readonly store: Workspace['store']
  readonly configs: Workspace['configs']
  readonly issuers: Issuers
}> {
  return { store, configs, issuers: storeIssuers(store) }
}

/** The same work on ports in memory, with throwaway keys in the authorities' names. */
async function rehearsal(
  { store, configs }: Workspace,
  inventory: Inventory,
): Promise<Awaited<ReturnType<typeof real>>> {
  return {
    store: memoryStore(await store.read()),
    configs: rehearsalConfigs(configs, inventory),
    issuers: rehearsalIssuers(),
  }
}

/**
 * Refuses a plan whose errors leave nothing to do: all errors are told, not the first alone. Where
 * something goes on, {@link perform} tells what is held.
 */
export function refuseBlocked({ findings, steps, held = [] }: Plan, voice: Voice): void {
  const errors = findings.filter(({ severity }) => severity === 'error')
  const [first] = errors
  if (first === undefined || steps.length > 0) return
  if (errors.length === 1) {
    throw new NomadPkiError('ERR_PLAN_BLOCKED', first.message, {
      address: first.address,
      hint: first.remedy,
    })
  }
  voice.tell(findingsText(errors, voice.errorStyle, { all: false }))
  throw new NomadPkiError(
    'ERR_PLAN_BLOCKED',
    held.length === 0
      ? `${errors.length} errors are in the way: nothing was done`
      : `${heldText(errors.length, held.length)}: nothing was done`,
  )
}

/** What errors hold is told, and is no success. */
function tellHeld({ findings, held = [] }: Plan, voice: Voice): ExitStatus {
  const errors = findings.filter(({ severity }) => severity === 'error')
  if (errors.length === 0) return exitStatus.ok
  voice.tell(findingsText(errors, voice.errorStyle, { all: false }))
  voice.tell(`${heldText(errors.length, held.length)}; all else is done`)
  return exitStatus.error
}

function doingText({ action, address }: Step): string {
  return `${action} ${address}`
}
