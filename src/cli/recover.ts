/**
 * `rollout --recover`: certificates have ended. It asks every agent, says how things are and what comes in which order,
 * and does it: the commands that a person would call, in their order. All state is in the spec, the ledger and on the
 * hosts, so a run that was ended anywhere goes on with the same command.
 *
 * @module
 */

import { isOfOperator, parseIdentity } from '../address.js'
import { editAuthorities } from '../cluster/edit-authority.js'
import { formatDuration, formatInstant } from '../duration.js'
import { NomadPkiError } from '../errors.js'
import { evidenceIn } from '../evidence/evidence.js'
import { generationsIn } from '../evidence/generations.js'
import { judgeAgents, type AgentVerdict } from '../evidence/judge-agents.js'
import { notBrought } from '../evidence/self-renewed-words.js'
import { selfRenewedIn } from '../evidence/self-renewed.js'
import { newRootOf } from '../evidence/new-root.js'
import { newLinesOf } from '../evidence/new-lines.js'
import type { Hosts } from '../hosts/host.js'
import { sshHosts } from '../hosts/ssh-hosts.js'
import type { Inventory } from '../inventory/inventory.js'
import type { LedgerEvent } from '../inventory/ledger-events.js'
import { withEvents } from '../inventory/ledger.js'
import type { Override } from '../overrides.js'
import { probeCluster } from '../probe/probe-cluster.js'
import {
  recoveryDocument,
  recoveryState,
  recoveryText,
  type RecoveryPlan,
} from '../report/recovery.js'
import { count } from '../report/style.js'
import { destinationsOf } from '../rollout/destinations.js'
import type { Rollout } from '../rollout/order.js'
import { inParallel } from '../in-parallel.js'
import { recoveryOrder } from '../rollout/recovery.js'
import { agentsOf, recoveryOf, type Recovery } from '../rotation/recovery.js'
import { bringRollout, type RolloutChoice } from './bring-rollout.js'
import type { Context } from './context.js'
import { editSpec } from './edit-spec.js'
import type { Printer } from './printer.js'
import { confirm } from './prompt.js'
import { onlyMeant, orderOf } from './rollout-order.js'
import { refuseCutting, refuseEarly, refuseKept, goneRemedy } from './refuse-recovery.js'
import { exitStatus, type ExitStatus } from './status.js'
import { note } from '../inventory/note.js'
import { underLock } from './under-lock.js'
import { wayTo } from './via-ssh.js'
import { fileFlag, openWorkspace, takeOwnInventory, type Workspace } from './workspace.js'

/** What was asked for. */
export interface RecoverChoice extends Omit<RolloutChoice, 'isMeant' | 'shape' | 'recover'> {
  /** Agents that are brought although what they have lives. */
  readonly named: ReadonlySet<string>
  /** Which agents at all. */
  readonly isMeant: (address: string) => boolean
  /** Whether the size of a batch was said; otherwise all clients of a region are one. */
  readonly allClients: boolean
}

/** Nodes that renew themselves are not recovered from here. */
function tellOwnRenewals(
  { desired }: Workspace,
  inventory: Inventory,
  printer: Printer,
  context: Context,
): void {
  for (const one of selfRenewedIn(desired, inventory, { now: context.now() }).values()) {
    if (one.state === 'proven') continue
    printer.tell(
      `${one.address}: ${notBrought(one.message)}${one.remedy === undefined ? '' : `; ${one.remedy}`}`,
    )
  }
}

/** `nomad-pki apply --yes`, of all that is due, or of what is named. */
export type Apply = (names: readonly string[]) => Promise<ExitStatus>

/**
 * Recovers what has ended.
 *
 * @returns 0 if every agent that had ended is proven; what `rollout` ends with; 2 with `dryRun`.
 * @throws {NomadPkiError} `ERR_REFUSED`: nothing has ended, or a new root would cut off agents that live; what the
 *   commands throw.
 */
export async function recoverCluster(
  workspace: Workspace,
  choice: RecoverChoice,
  apply: Apply,
  context: Context,
  printer: Printer,
): Promise<ExitStatus> {
  const hosts = sshHosts({ ...workspace.spec.node.ssh, env: context.env })
  let plan: RecoveryPlan
  let seen: Seen
  try {
    seen = await survey(workspace, choice, hosts, context)
    const recovery = recoveryOf({ ...workspace, ...seen, now: context.now() })
    const idle = nothingEnded(recovery, seen.verdicts, choice, printer)
    if (idle !== undefined) return idle
    if (!printer.json) printer.answer(recoveryState(recovery, printer.style))
    tellOwnRenewals(workspace, seen.inventory, printer, context)
    refuseKept(recovery, workspace.desired)
    refuseCutting(recovery, choice)
    plan = await planOf(recovery, seen.inventory, workspace, choice, hosts, context)
  } finally {
    await hosts.end()
  }
  if (printer.json) {
    context.stdout.write(`${JSON.stringify(recoveryDocument(plan, context.now()))}\n`)
  } else printer.answer(recoveryText(plan, printer.style))
  const { recovery, operator, unmade } = plan
  if (workspace.spec.node.tls === undefined) {
    printer.tell('the agents read the store itself: nothing is brought, reload them in this order')
    return exitStatus.work
  }
  const bring = (
    now: Workspace,
    options: Pick<RolloutChoice, 'dryRun' | 'yes'>,
  ): Promise<ExitStatus> =>
    bringRollout(now, { ...choice, ...options, ...ofRecovery(recovery, choice) }, context, printer)
  if (choice.dryRun) {
    // What is not made cannot be held against its host.
    return unmade > 0 || recovery.edits.length > 0
      ? exitStatus.work
      : bring(workspace, { dryRun: true, yes: true })
  }
  refuseUntimed(plan, context.now())
  if (!choice.yes) {
    const agents = plan.order.steps.reduce((sum, { nodes }) => sum + nodes.length, 0)
    if (!(await confirm(context, `do all of it, for ${count(agents, 'agent')}?`, '--yes'))) {
      printer.tell('nothing was done')
      return exitStatus.work
    }
  }
  const { store } = workspace
  await underLock(store, 'rollout', () => note(store, seen.events))
  if (recovery.edits.length > 0) {
    const options = { file: choice.file, dryRun: false }
    const { file } = await editSpec(context, options, printer, (text, _spec, name) =>
      editAuthorities(text, recovery.edits, { file: name }),
    )
    printer.tell(`${file}: another generation signs`)
  }
  if (unmade > 0 || recovery.edits.length > 0) {
    // An error that holds other agents does not hold these: the rollout looks at its own.
    const made = await apply([])
    if (made === exitStatus.interrupted || made === exitStatus.refused) return made
  }
  if (operator !== undefined) {
    const renewed = await apply([operator])
    if (renewed !== exitStatus.ok) return renewed
  }
  const fresh = await openWorkspace(context, { file: choice.file }, printer)
  return bring(fresh, { dryRun: false, yes: true })
}

interface Seen {
  /** With what was seen just now. */
  readonly inventory: Inventory
  /** What the ledger does not have yet. */
  readonly events: readonly LedgerEvent[]
  readonly verdicts: readonly AgentVerdict[]
}

/** Asks every agent by a handshake: nothing else can be asked. Nothing is noted yet: the clock may be wrong. */
async function survey(
  workspace: Workspace,
  { via }: RecoverChoice,
  hosts: Hosts,
  context: Context,
): Promise<Seen> {
  const inventory = await takeOwnInventory(workspace)
  const { targets, connect, concurrency } = wayTo(workspace, inventory, context, via, hosts)
  const clock = (): number => context.now()
  const at = clock()
  const probe = await probeCluster(targets, inventory, { clock, connect, concurrency })
  const looked = {
    addresses: targets.map(({ address }) => address),
    ...{ seen: probe.sightings, silent: probe.unreachable },
  }
  const events = newLinesOf(
    { ...looked, at, members: [] },
    evidenceIn(inventory.ledger, { now: clock() }),
    generationsIn(inventory),
  )
  const verdicts = judgeAgents(workspace.desired, inventory, looked, { now: clock() })
  return {
    ...{ verdicts, events },
    inventory: { ...inventory, ledger: withEvents(inventory.ledger, events) },
  }
}

/**
 * Where nothing has ended there is nothing to recover.
 *
 * @returns The exit status; `undefined` where something has ended.
 */
function nothingEnded(
  recovery: Recovery,
  verdicts: readonly AgentVerdict[],
  { file }: RecoverChoice,
  printer: Printer,
): ExitStatus | undefined {
  const agents = agentsOf(recovery)
  if (agents.some(({ life }) => life === 'ended')) return undefined
  const flags = fileFlag({ file })
  refuseEarly(recovery, flags)
  if (verdicts.every(({ state }) => state === 'proven' || state === 'excepted')) {
    if (!printer.json) {
      printer.answer(printer.style.good('nothing to recover: every agent is proven'))
    }
    return exitStatus.ok
  }
  const silent = agents.filter(({ life }) => life === 'unknown').length
  throw new NomadPkiError(
    'ERR_REFUSED',
    silent > 0
      ? `no certificate is seen to have ended, and ${count(silent, 'agent')} did not answer`
      : 'no certificate has ended: agents still accept each other',
    {
      hint:
        silent > 0
          ? `nomad-pki probe${flags} says why they do not answer; --via ssh asks from their own hosts; a host that is gone does not belong in the spec: nomad-pki remove`
          : `nomad-pki rollout${flags} brings what was made, one server at a time`,
    },
  )
}

/** What there is to do, and whom ssh does not reach. */
async function planOf(
  recovery: Recovery,
  inventory: Inventory,
  workspace: Workspace,
  choice: RecoverChoice,
  hosts: Hosts,
  context: Context,
): Promise<RecoveryPlan> {
  const { isMeant, shape } = ofRecovery(recovery, choice)
  const { order: all } = orderOf(workspace, inventory, { now: context.now(), batch: choice.batch })
  const order = shape(onlyMeant(all, isMeant), inventory)
  const living = livingIn(inventory, context.now())
  const ended = agentsOf(recovery).filter(({ life }) => life === 'ended')
  return {
    ...{ recovery, order, ...(await askClocks(order, workspace, hosts, context)) },
    unmade: ended.filter(({ address }) => !living.has(address)).length,
    operator: operatorFor(workspace, living, context),
    flags: fileFlag({ file: choice.file }),
  }
}

/** Agents and people whose newest certificate lives. */
function livingIn(inventory: Inventory, now: number): ReadonlySet<string> {
  return new Set(
    [...generationsIn(inventory)].flatMap(([address, generations]) =>
      generations.at(-1)!.notAfter > now ? [address] : [],
    ),
  )
}

/** Certificates of people end by themselves, and are made when somebody asks: the gates ask the API with one. */
function operatorFor(
  { desired }: Workspace,
  living: ReadonlySet<string>,
  { env }: Context,
): string | undefined {
  const operators = desired.identities.filter(({ address }) => isOfOperator(address))
  if (operators.some(({ address }) => living.has(address))) return undefined
  if (env['NOMAD_CLIENT_CERT'] !== undefined && operators.length === 0) return undefined
  return operators[0]?.address
}

/** Differences of clocks that agents do not mind, milliseconds. */
const mostSkew = 60_000

/**
 * Asks every host for its time. With a wrong clock here all certificates seem to have ended.
 *
 * @returns Those that ssh does not reach, and how many told it.
 * @throws {NomadPkiError} `ERR_REFUSED`: a clock differs.
 */
async function askClocks(
  { steps }: Rollout,
  { spec, desired }: Workspace,
  hosts: Hosts,
  context: Context,
): Promise<Pick<RecoveryPlan, 'away' | 'timed'>> {
  const destination = destinationsOf(spec, desired)
  const away: { address: string; message: string }[] = []
  const wrong: string[] = []
  let timed = 0
  const nodes = steps.flatMap((step) => step.nodes)
  await inParallel(nodes, 8, async (node) => {
    const host = destination(node)
    if (host === undefined || host === false) return
    const answer = await hosts.at(host).run('date -u +%s')
    if (!answer.reached) {
      away.push({ address: node.address, message: answer.message })
      return
    }
    // A shell may greet before it answers.
    const told = /(?:^|\n)([0-9]{9,12})\s*$/.exec(answer.stdout)?.[1]
    if (told === undefined) {
      away.push({ address: node.address, message: 'it did not tell its time (date -u +%s)' })
      return
    }
    timed += 1
    const there = Number(told) * 1000
    if (Math.abs(there - context.now()) > mostSkew + 1000) {
      const skew = formatDuration(Math.round(Math.abs(there - context.now()) / 1000) * 1000)
      wrong.push(`the clock of ${host} is ${skew} ${there > context.now() ? 'ahead' : 'behind'}`)
    }
  })
  if (wrong.length > 0) {
    throw new NomadPkiError(
      'ERR_REFUSED',
      `${wrong.slice(0, 5).join(', ')}${wrong.length > 5 ? `, and ${wrong.length - 5} more` : ''}, seen from here`,
      { hint: 'first set the clock that is wrong, here or there: certificates may not have ended' },
    )
  }
  return { away, timed }
}

/** A clock that nobody confirms must not replace anything. */
function refuseUntimed({ away: [away], timed, flags }: RecoveryPlan, now: number): void {
  if (timed > 0 || away === undefined) return
  throw new NomadPkiError(
    'ERR_REFUSED',
    `no host told its time, so nothing shows that the clock here is right: it says ${formatInstant(now)}`,
    {
      hint: `ssh has to reach one of them first: ${parseIdentity(away.address).name}: ${away.message}${goneRemedy(away.address, flags)}`,
    },
  )
}

/** Whom the rollout of a recovery brings, and in which order. */
function ofRecovery(
  recovery: Recovery,
  { named, isMeant, allClients }: RecoverChoice,
): Required<Pick<RolloutChoice, 'isMeant' | 'shape' | 'recover'>> {
  const ended = new Set(
    agentsOf(recovery).flatMap(({ address, life }) => (life === 'ended' ? [address] : [])),
  )
  const quorumLost = new Set(
    recovery.regions.flatMap((one) => (one.quorumLost ? [one.region] : [])),
  )
  return {
    recover: true,
    isMeant: (address) => isMeant(address) && (ended.has(address) || named.has(address)),
    shape: (order, inventory) =>
      recoveryOrder(order, {
        ...{ quorumLost, allClients },
        overridesFor: (address) => newRootFor(address, inventory),
      }),
  }
}

/** What the installer refuses otherwise: what the agent had before does not vouch for the new root. */
function newRootFor(address: string, inventory: Inventory): readonly Override[] {
  const made = generationsIn(inventory).get(address) ?? []
  const newest = made.at(-1)
  const root = made.slice(0, -1).flatMap((one) => newRootOf(one, newest!, inventory) ?? [])[0]
  const reason = 'recovery: what this agent had has ended'
  return root === undefined ? [] : [{ code: 'new-root', value: root, reason }]
}
