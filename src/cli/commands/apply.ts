/**
 * `apply`: make it so.
 *
 * @module
 */

import { applyPlan } from '../../apply/apply-plan.js'
import type { ApplyEvent } from '../../apply/events.js'
import type { Issuers } from '../../authority/issuers.js'
import type { Finding } from '../../diagnostics.js'
import { isNomadPkiError, NomadPkiError } from '../../errors.js'
import type { Inventory } from '../../inventory/inventory.js'
import { rehearsalIssuers } from '../../issuers/rehearsal-issuers.js'
import { storeIssuers } from '../../issuers/store-issuers.js'
import { makePlan } from '../../plan/make-plan.js'
import { comparePlans, parsePlan } from '../../plan/plan-file.js'
import type { Plan, Step } from '../../plan/plan.js'
import { findingsText } from '../../report/diagnostics.js'
import { applyDocument } from '../../report/json.js'
import { appliedText, planText } from '../../report/plan.js'
import { shellQuote } from '../../report/shell.js'
import { memoryStore } from '../../store/memory-store.js'
import type { Context } from '../context.js'
import { createProgress } from '../progress.js'
import { rehearsalConfigs } from '../rehearsal.js'
import { canAsk, confirm } from '../prompt.js'
import { exitStatus, type ExitStatus } from '../status.js'
import type { Call, Command, Options } from '../surface.js'
import { voiceOf, type Voice } from '../voice.js'
import { namedIdentities, openWorkspace, takeInventory, type Workspace } from '../workspace.js'

/** Exits 0 when it is done, 3 when it is refused, 130 when it was interrupted. */
export const command: Command = async ({ args, options }, context) => {
  const voice = voiceOf(context, options)
  const saved = options.plan === undefined ? undefined : await readSaved(options.plan, context)
  const workspace = await openWorkspace(context, options, voice)
  const mended = await mendFirst(
    workspace,
    await takeInventory(workspace),
    { args, options },
    voice,
    context,
  )
  const { inventory } = mended
  const only = namedIdentities(args, workspace.desired)
  // What was saved says itself whether it removes; `--prune` need not be said again.
  const prune =
    options.prune === true ||
    saved?.steps.some(({ reasons }) => reasons.some(({ reason }) => reason === 'orphan')) === true
  const plan = makePlan(workspace.desired, inventory, { now: context.now(), prune, only })
  if (saved !== undefined) refuseStale(saved, plan)
  refuseBlocked(plan, voice)
  const dryRun = options.dryRun === true
  const allowed = options.yes === true || saved !== undefined || dryRun
  if (plan.steps.length > 0 && !allowed) {
    context.stderr.write(
      `${planText(plan, voice.errorStyle, { all: options.all === true, now: context.now() })}\n\n`,
    )
    const hint = `to apply without being asked: ${commandLine(args, options, '--yes')}`
    if (!(await confirm(context, 'Apply these steps?', hint))) {
      voice.tell('nothing was done')
      return exitStatus.refused
    }
  }
  return perform(plan, workspace, mended, { args, options }, voice, context)
}

interface Mended {
  readonly inventory: Inventory
  /** What was mended, as the events that tell it. */
  readonly events: readonly ApplyEvent[]
}

/**
 * What a killed run left is put into place before the plan is made: a plan of the torn state would
 * take for lost what is only not yet in its place.
 */
async function mendFirst(
  workspace: Workspace,
  inventory: Inventory,
  { options }: Call,
  voice: Voice,
  context: Context,
): Promise<Mended> {
  const torn = inventory.findings.some(({ reason }) => reason === 'left-over')
  const allowed = options.yes === true || options.plan !== undefined || canAsk(context)
  if (!torn || !allowed || options.dryRun === true) return { inventory, events: [] }
  const lock = await workspace.store.lock({ command: 'apply' })
  let findings: readonly Finding[]
  try {
    findings = await workspace.store.heal()
  } finally {
    await lock.release()
  }
  if (findings.length > 0) voice.tell(findingsText(findings, voice.errorStyle, { all: true }))
  return {
    inventory: await takeInventory(workspace),
    events: findings.map((finding) => ({ type: 'healed', finding })),
  }
}

async function perform(
  plan: Plan,
  workspace: Workspace,
  { inventory, events: before }: Mended,
  { args, options }: Call,
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
  const goOn = `what is done is done; to go on: ${commandLine(args, options)}`
  const events: ApplyEvent[] = [...before]
  let begun = 0
  try {
    for await (const event of applyPlan(plan, {
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
        all: options.all === true,
        dryRun,
        now: context.now(),
      }),
    )
  if (events.some(({ type }) => type === 'stopped')) {
    voice.tell(goOn)
    return exitStatus.interrupted
  }
  return exitStatus.ok
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

async function readSaved(file: string, context: Context): Promise<Plan> {
  const bytes = await context.readFile(file)
  return parsePlan(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8'))
}

/** Nothing is begun that could not be ended: all errors are told, not the first alone. */
function refuseBlocked({ findings }: Plan, voice: Voice): void {
  const errors = findings.filter(({ severity }) => severity === 'error')
  const [first] = errors
  if (first === undefined) return
  if (errors.length === 1) {
    throw new NomadPkiError('ERR_PLAN_BLOCKED', first.message, {
      address: first.address,
      hint: first.remedy,
    })
  }
  voice.tell(findingsText(errors, voice.errorStyle, { all: false }))
  throw new NomadPkiError(
    'ERR_PLAN_BLOCKED',
    `${errors.length} errors are in the way: nothing was done`,
  )
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

function doingText({ action, address }: Step): string {
  return `${action} ${address}`
}

/** The command as it was given, for "to go on". */
function commandLine(
  args: readonly string[],
  options: Options,
  ...more: readonly string[]
): string {
  return [
    'nomad-pki apply',
    ...(options.file === undefined ? [] : ['--file', options.file]),
    ...(options.prune === true ? ['--prune'] : []),
    ...(options.yes === true ? ['--yes'] : []),
    ...more,
    ...args,
  ]
    .map((word, index) => (index === 0 ? word : shellQuote(word)))
    .join(' ')
}
