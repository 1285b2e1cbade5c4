/**
 * Brings what was made to the hosts, for the commands that do so: what the plan has to do with it, the
 * question, the way, and how it ends.
 *
 * @module
 */

import { count } from '../count.js'
import { NomadPkiError } from '../errors.js'
import { sshHosts } from '../hosts/ssh-hosts.js'
import type { Inventory } from '../inventory/inventory.js'
import type { Override, OverrideCode } from '../overrides.js'
import { waitingFor, waitingText } from '../report/plan.js'
import type { Plan } from '../plan/plan.js'
import { unmadeFor } from '../plan/unmade.js'
import { eventDocument, eventText, orderEvent, orderText } from '../report/roll-out.js'
import type { CommandPlace } from '../report/rollout-commands.js'
import { destinationsOf } from '../rollout/destinations.js'
import type { Batch, Rollout, RolloutNode } from '../rollout/order.js'
import { rollOut } from '../rollout/roll-out.js'
import type { RolloutEvent, RollOutOptions, RolloutPorts } from '../rollout/ports.js'
import type { Context } from './context.js'
import { liveRollout, type Live } from './live-rollout.js'
import { confirm } from './prompt.js'
import { printRollout } from './print-rollout.js'
import type { Printer } from './printer.js'
import { onlyMeant, orderOf, placeOf } from './rollout-order.js'
import { rolloutPorts } from './rollout-ports.js'
import { exitStatus, type ExitStatus } from './status.js'
import { underLock } from './under-lock.js'
import { takeOwnInventory, type Workspace } from './workspace.js'

/** What is to be brought, and how. */
export interface RolloutChoice {
  /** Which agents: by their addresses. */
  readonly isMeant: (address: string) => boolean
  readonly batch: Batch
  /** How many clients may fail. Default: none; in a recovery all. */
  readonly maxFailures: number | undefined
  readonly overrides: readonly Override[]
  /** Only look. */
  readonly dryRun: boolean
  /** Ask nobody. */
  readonly yes: boolean
  /** `ssh`: agents and their API are asked from their own hosts. Default: from here. */
  readonly via?: 'ssh' | undefined
  /** A host whose agent does not load what it was brought goes back. */
  readonly backOnFailure?: boolean | undefined
  /** Milliseconds that a person has to bring the hosts of a step what ssh does not bring. Default: an hour. */
  readonly handPatience?: number | undefined
  /** The spec, as it was given. */
  readonly file?: string | undefined
  /** Certificates have ended: {@link RollOutOptions.recover}. */
  readonly recover?: boolean | undefined
  /** Gives the order its own steps. Default: as it was worked out. */
  readonly shape?: ((order: Rollout, inventory: Inventory) => Rollout) | undefined
}

/**
 * Brings it, under the store's lock.
 *
 * @returns 0 if every agent that is meant has its newest generation and is proven; 2 if one does not run.
 * @throws {NomadPkiError} `ERR_REFUSED`: the plan has steps; `ERR_STORE_LOCKED`: another rollout is at work; `ERR_INTERRUPTED`.
 */
export async function bringRollout(
  workspace: Workspace,
  choice: RolloutChoice,
  context: Context,
  printer: Printer,
): Promise<ExitStatus> {
  const { spec, store } = workspace
  const { maxFailures, dryRun } = choice
  const bringIt = (order: Rollout): Promise<ExitStatus> =>
    onHosts(workspace, spec.node.tls ?? '', choice, context, async (given, ports) => {
      const { backOnFailure, handPatience, recover } = choice
      const rules = { ...given, maxFailures, backOnFailure, handPatience, recover }
      const endOf = async (): Promise<Rollout> => {
        const inventory = await takeOwnInventory(workspace)
        const all = orderOf(workspace, inventory, { now: context.now(), batch: choice.batch })
        return onlyMeant(all.order, choice.isMeant)
      }
      const events = (signal: AbortSignal): AsyncIterable<RolloutEvent> =>
        rollOut(order, ports, { ...rules, signal })
      return follow(events, endOf, context, printer, { order, place: placeOf(workspace, choice) })
    })
  const tellAndBring = (order: Rollout): Promise<ExitStatus> | ExitStatus => {
    tellOrder(order, workspace, context, printer)
    return order.steps.length === 0 ? idle(order, context, printer) : bringIt(order)
  }
  if (dryRun) {
    const worked = await workOut(workspace, choice, context)
    return printer.json || isReached(worked, workspace, choice)
      ? tellAndBring(madeOf(worked, choice, printer))
      : printRollout(workspace, choice, context, printer)
  }
  if (choice.yes) {
    // One rollout at a time: the second is told who runs the first.
    return underLock(store, 'rollout', async () =>
      tellAndBring(await prepare(workspace, choice, context, printer)),
    )
  }
  // Nobody holds the store while a person thinks: a renewal on a timer must get at it.
  await underLock(store, 'rollout', () => Promise.resolve())
  const shown = await prepare(workspace, choice, context, printer)
  tellOrder(shown, workspace, context, printer)
  if (shown.steps.length === 0) return idle(shown, context, printer)
  const hosts = shown.steps.reduce((sum, { nodes }) => sum + nodes.length, 0)
  if (!(await confirm(context, `bring them to ${count(hosts, 'host')}?`, '--yes'))) {
    printer.tell('nothing was done')
    return exitStatus.work
  }
  return underLock(store, 'rollout', async () => {
    const order = await prepare(workspace, choice, context, printer)
    if (JSON.stringify(order.steps) !== JSON.stringify(shown.steps)) {
      throw new NomadPkiError('ERR_REFUSED', 'the order changed while you were asked', {
        hint: 'another command wrote to the store: look at the new order with the same command',
      })
    }
    return bringIt(order)
  })
}

/** The plan, and the order that rests on it. */
interface Worked {
  readonly inventory: Inventory
  readonly plan: Plan
  readonly order: Rollout
}

async function workOut(
  workspace: Workspace,
  { batch }: Pick<RolloutChoice, 'batch'>,
  context: Context,
): Promise<Worked> {
  const inventory = await takeOwnInventory(workspace)
  return { inventory, ...orderOf(workspace, inventory, { now: context.now(), batch }) }
}

/** Whether ssh reaches a host of the order, or nothing is in it. */
function isReached(
  { order }: Worked,
  { spec, desired }: Workspace,
  { isMeant }: RolloutChoice,
): boolean {
  const destination = destinationsOf(spec, desired)
  const nodes = onlyMeant(order, isMeant).steps.flatMap((step) => step.nodes)
  return nodes.length === 0 || nodes.some((node) => destination(node) !== false)
}

/**
 * Works out the order of what is made.
 *
 * @throws {NomadPkiError} `ERR_REFUSED`: something is not made.
 */
async function prepare(
  workspace: Workspace,
  choice: RolloutChoice,
  context: Context,
  printer: Printer,
): Promise<Rollout> {
  return madeOf(await workOut(workspace, choice, context), choice, printer)
}

/** @throws {NomadPkiError} `ERR_REFUSED`: something is not made. */
function madeOf(
  { inventory, plan, order }: Worked,
  { isMeant, shape }: RolloutChoice,
  printer: Printer,
): Rollout {
  requireMade(plan, isMeant, printer)
  const waiting = waitingFor(plan).filter(({ address }) => isMeant(address)).length
  if (waiting > 0) {
    printer.tell(`${waitingText(waiting)}: nomad-pki rollout --collect asks for it by ssh`)
  }
  const meant = onlyMeant(order, isMeant)
  return shape === undefined ? meant : shape(meant, inventory)
}

/**
 * Refuses to deliver what is not made. What waits for a request does not count: its agent has what it had.
 *
 * @throws {NomadPkiError} `ERR_REFUSED`: something is not made.
 */
export function requireMade(
  plan: Plan,
  isMeant: (address: string) => boolean,
  printer: Printer,
): void {
  const { steps, errors } = unmadeFor(plan, isMeant)
  for (const { address, message } of errors) printer.report(`${address}: ${message}`)
  // Other errors leave agents what they have, and this rollout can be what ends them: a gate waits for it.
  if (errors.some(({ address }) => isMeant(address))) {
    throw new NomadPkiError(
      'ERR_REFUSED',
      'errors hold a part of the plan: what is not made cannot be delivered',
      { hint: 'nomad-pki plan' },
    )
  }
  if (steps > 0) {
    throw new NomadPkiError(
      'ERR_REFUSED',
      `the plan has ${count(steps, 'step')} for these agents: what is not made cannot be delivered`,
      { hint: 'nomad-pki apply, and then this command again' },
    )
  }
}

function tellOrder(
  order: Rollout,
  { spec, desired }: Workspace,
  context: Context,
  printer: Printer,
): void {
  const destination = destinationsOf(spec, desired)
  const isHand = (node: RolloutNode): boolean => destination(node) === false
  if (printer.json) writeLine(orderEvent(order, context.now()), context)
  else printer.answer(orderText(order, printer.style, isHand))
}

/** Nothing is to be brought. */
function idle(order: Rollout, context: Context, printer: Printer): ExitStatus {
  const done = { event: 'done', proven: 0, settled: 0, placed: 0, failures: [] } as const
  if (printer.json) writeLine(eventDocument(done, context.now(), { end: order }), context)
  return openIn(order) > 0 ? exitStatus.work : exitStatus.ok
}

/** How many agents are not proven, and nobody answers for them. */
function openIn({ steps, missing, doubtful }: Rollout): number {
  const nodes = steps.reduce((sum, step) => sum + step.nodes.length, 0)
  return nodes + missing.length + doubtful.length
}

function writeLine(document: object, context: Context): void {
  context.stdout.write(`${JSON.stringify(document)}\n`)
}

/**
 * Reaches the hosts while something is done there.
 *
 * @param tls The folder that hosts have their files in; nothing where they read the store, and a person reloads them.
 * @param work Is handed what holds for every host, and the world.
 */
export async function onHosts(
  workspace: Workspace,
  tls: string,
  choice: Pick<RolloutChoice, 'overrides' | 'dryRun' | 'via'>,
  context: Context,
  work: (rules: RollOutOptions, ports: RolloutPorts) => Promise<ExitStatus>,
): Promise<ExitStatus> {
  const { node, transport } = workspace.spec
  const { overrides, dryRun } = choice
  const hosts = sshHosts({ ...node.ssh, env: context.env })
  try {
    const rules = {
      ...{ tls, unit: node.unit, dryRun, plaintext: transport === 'plaintext' },
      turning: transport === 'upgrading',
      withoutTolerance: valuesOf(overrides, 'tolerance'),
      mayBeIll: valuesOf(overrides, 'unhealthy'),
      mayBeUnseen: valuesOf(overrides, 'unseen'),
    }
    return await work(rules, await rolloutPorts(workspace, hosts, context, choice))
  } finally {
    await hosts.end()
  }
}

/** The values of the overrides with one code. */
function valuesOf(overrides: readonly Override[], wanted: OverrideCode): ReadonlySet<string> {
  return new Set(overrides.flatMap(({ code, value }) => (code === wanted ? [value] : [])))
}

/**
 * Follows events to their end, and says what happens.
 *
 * @param events Begins, with what interrupts it.
 * @param endOf Works the order out again: what is in it then is not proven.
 * @throws {NomadPkiError} `ERR_INTERRUPTED`
 */
export async function follow(
  events: (signal: AbortSignal) => AsyncIterable<RolloutEvent>,
  endOf: (() => Promise<Rollout>) | undefined,
  context: Context,
  printer: Printer,
  shown: { readonly order?: Rollout; readonly place?: CommandPlace } = {},
): Promise<ExitStatus> {
  const { order, place } = shown
  const live = order && liveRollout(order, context, printer)
  const signal = context.onInterrupt(() => {
    const say = (): void => {
      printer.tell('interrupted: the host at work is finished first; a second Ctrl-C kills')
    }
    if (live === undefined) say()
    else live.above(say)
  })
  try {
    return await followAll(events(signal), endOf, context, printer, { place, live })
  } finally {
    live?.end()
  }
}

/** Events that say how it ended. */
const lastEvents: readonly RolloutEvent['event'][] = ['refused', 'stopped', 'back', 'done']

async function followAll(
  events: AsyncIterable<RolloutEvent>,
  endOf: (() => Promise<Rollout>) | undefined,
  context: Context,
  printer: Printer,
  { place, live }: { readonly place: CommandPlace | undefined; readonly live: Live | undefined },
): Promise<ExitStatus> {
  let status: ExitStatus = exitStatus.work
  for await (const event of events) {
    live?.take(event)
    if (lastEvents.includes(event.event)) live?.end()
    // What is proven at the end says the ledger, and not what was counted on the way.
    const end = event.event === 'done' ? await endOf?.() : undefined
    if (printer.json) writeLine(eventDocument(event, context.now(), { end, place }), context)
    else {
      const text = eventText(event, printer.style, { end, place })
      const say = (): void => {
        if (text !== undefined) printer.answer(text)
      }
      if (live === undefined || lastEvents.includes(event.event)) say()
      else if (event.event === 'ready' || event.event === 'by-hand') live.above(say)
    }
    if (event.event === 'refused') status = exitStatus.refused
    if (event.event === 'stopped') status = exitStatus.error
    if (event.event === 'back') status = event.running ? exitStatus.ok : exitStatus.work
    if (event.event === 'done') {
      status =
        event.failures.length > 0
          ? exitStatus.error
          : end !== undefined && openIn(end) > 0
            ? exitStatus.work
            : exitStatus.ok
    }
  }
  return status
}
