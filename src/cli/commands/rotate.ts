/**
 * `rotate`: new leaves now; or where the rotation of an authority stands, and its next stage.
 *
 * @module
 */

import { authorityAddress, isOfAuthority, parseAddress, resolveAddress } from '../../address.js'
import { checkContext } from '../../checks/context.js'
import { didYouMean } from '../../diagnostics.js'
import { NomadPkiError } from '../../errors.js'
import { formatInstant } from '../../duration.js'
import type { Inventory } from '../../inventory/inventory.js'
import { isAgent } from '../../nomad/roles.js'
import { makePlan } from '../../plan/make-plan.js'
import { costText } from '../../report/costs.js'
import type { ApplyEvent } from '../../apply/events.js'
import type { Plan } from '../../plan/plan.js'
import { undatedErrors } from '../../plan/undated-errors.js'
import { applyDocument, type Document } from '../../report/json.js'
import { planText } from '../../report/plan.js'
import { rotationDocument, rotationText } from '../../report/rotation.js'
import { shellQuote } from '../../report/shell.js'
import { count } from '../../report/style.js'
import { dueLeaves } from '../../rotation/due.js'
import { evidenceIn } from '../../evidence/evidence.js'
import { gateOf } from '../../rotation/gate-of.js'
import { rotationOf, type Rotation, type Way } from '../../rotation/stages.js'
import type { Desired } from '../../cluster/desired.js'
import { editAuthorities } from '../../cluster/edit-authority.js'
import { requireBegun } from '../begin-store.js'
import type { Context } from '../context.js'
import { editSpec } from '../edit-spec.js'
import { healFirst, runPlan, refuseBlocked } from '../run-plan.js'
import { confirm } from '../prompt.js'
import { exitStatus, statusOfGate, type ExitStatus } from '../status.js'
import type { Call, Options } from '../command.js'
import { keepProbeLeaf } from '../probe-leaves.js'
import { takeEvidence } from '../take-evidence.js'
import { note, underLock } from '../under-lock.js'
import { printerOf } from '../printer.js'
import { usage } from '../usage.js'
import {
  fileFlag,
  openWorkspace,
  takeInventory,
  takeOwnInventory,
  type Workspace,
} from '../workspace.js'

const due = {
  reason: 'nearing-expiry',
  message: 'its renewal is due; the days are spread by address',
} as const

/** `rotate leaves`: makes new generations. Exits 3 where no authority can sign. */
export async function leaves({ args, options }: Call, context: Context): Promise<ExitStatus> {
  const printer = printerOf(context, options)
  const ways = [args.length > 0, options.due === true, options.all === true].filter(Boolean)
  if (ways.length !== 1) {
    throw usage('which leaves?', 'name their addresses, or say --due, or --all')
  }
  const workspace = await openWorkspace(context, options, printer)
  await requireBegun(workspace.store, fileFlag(options))
  const own = await takeOwnInventory(workspace)
  const healed = await healFirst(workspace, own, options, printer, context)
  const { desired } = workspace
  const now = context.now()
  const chosen =
    options.due === true
      ? dueLeaves(desired, healed.inventory, checkContext(desired, healed.inventory, { now }))
      : chosenLeaves(args, workspace)
  if (chosen.length === 0) {
    if (printer.json) printer.document(nothingDue(desired.cluster, now, healed.events, options))
    else printer.answer(printer.style.good('nothing is due'))
    return exitStatus.ok
  }
  requireSigners(chosen, workspace, healed.inventory)
  const planned = makePlan(desired, healed.inventory, {
    now,
    only: chosen,
    renew: chosen,
    ...(options.due === true && { renewReason: due }),
    keepKey: options.keepKey === true,
  })
  const { plan } = planned
  refuseBlocked(plan, printer)
  // What a timer runs was decided when the timer was set up.
  if (options.yes !== true && options.due !== true && options.dryRun !== true) {
    const costs = costText(chosen.length, printer.errorStyle, { rotated: 'leaves' })
    const text = planText(plan, printer.errorStyle, { all: false, now })
    context.stderr.write(`${text}\n\n${costs}\n\n`)
    const again = commandLine(['leaves', ...args], options, '--yes')
    if (!(await confirm(context, 'Make these?', `to rotate without being asked: ${again}`))) {
      printer.tell('nothing was done')
      return exitStatus.refused
    }
  }
  const again = commandLine(['leaves', ...args], options)
  const status = await runPlan(planned, workspace, healed, { options, again }, printer, context)
  if (status === exitStatus.ok && options.dryRun !== true) {
    printer.tell(`to deliver them in order: nomad-pki rotate rollout${fileFlag(options)}`)
  }
  return status
}

/** The document of a run that had nothing to do. */
function nothingDue(
  cluster: string,
  madeAt: number,
  events: readonly ApplyEvent[],
  options: Options,
): Document {
  const plan: Plan = {
    ...{ format: 'nomad-pki/plan', version: 1, cluster, madeAt },
    ...{ steps: [], orphans: [], findings: [] },
  }
  return applyDocument(plan, events, { dryRun: options.dryRun === true })
}

function chosenLeaves(args: readonly string[], { desired }: Workspace): readonly string[] {
  const all = desired.identities.map(({ address }) => address)
  if (args.length > 0) return [...new Set(args.map((text) => resolveAddress(text, all)))]
  return desired.identities
    .filter(({ profile }) => isAgent(profile.role))
    .map(({ address }) => address)
}

/** Where a key is kept elsewhere nothing can be renewed: said with the date at risk. */
function requireSigners(
  chosen: readonly string[],
  { desired }: Workspace,
  inventory: Inventory,
): void {
  const wanted = new Set(chosen)
  let without = 0
  let first:
    { readonly address: string; readonly notAfter: number; readonly issuer: string } | undefined
  for (const { address, profile } of desired.identities) {
    if (!wanted.has(address)) continue
    const key = inventory.authorities.get(profile.issuer.address)?.key
    if (key === undefined || key.state === 'present') continue
    without += 1
    const notAfter = inventory.identities.get(address)?.current?.chain[0]?.notAfter ?? Infinity
    if (first === undefined || notAfter < first.notAfter) {
      first = { address, notAfter, issuer: profile.issuer.address }
    }
  }
  // Where others can sign, the plan holds these alone.
  if (first === undefined || without < chosen.length) return
  const { address, notAfter, issuer } = first
  const state = inventory.authorities.get(issuer)!.key.state
  const risk = Number.isFinite(notAfter)
    ? `${address} is the first to end, on ${formatInstant(notAfter)}`
    : `${address} has no certificate`
  throw new NomadPkiError(
    'ERR_REFUSED',
    `nobody can sign: the key of ${issuer} is ${state === 'encrypted' ? 'encrypted' : 'not in the store'}; ${risk}`,
    {
      address: issuer,
      hint: `put ca-key.pem of ${issuer} into the store (mode 0400), then: nomad-pki rotate leaves --due`,
    },
  )
}

/** Where a rotation stands; with `--next` the next edit of the spec. Exits 3 where the gate is closed. */
export async function authority({ args, options }: Call, context: Context): Promise<ExitStatus> {
  const printer = printerOf(context, options)
  const workspace = await openWorkspace(context, options, printer)
  const names = workspace.spec.authorities.map(({ name }) => name)
  const [name = names.length === 1 ? names[0]! : ''] = args
  if (args.length > 1 || !names.includes(name)) {
    const near = didYouMean(name, names)
    throw usage(
      name === '' ? 'which authority?' : `no authority is called ${JSON.stringify(name)}`,
      near === undefined ? `there are: ${names.join(', ')}` : `did you mean ${near}?`,
    )
  }
  // One of its choices: the table of commands says so.
  const way = options.way as Way | undefined
  if ((options.except === undefined) !== (options.reason === undefined)) {
    throw usage('--except and --reason go together', 'say why it is not waited for')
  }
  const now = context.now()
  if (options.compromised === true && options.rideAlong === true) {
    throw usage(
      '--compromised and --ride-along exclude each other',
      'as long as the old root is trusted, anyone with its key can make certificates',
    )
  }
  // A stage of a rotation that never began would cut the agents off from the store that is restored.
  await requireBegun(workspace.store, fileFlag(options))
  const settings = { now, way, compromised: options.compromised, rideAlong: options.rideAlong }
  if (options.evidence !== undefined) {
    await takeEvidence(options.evidence, workspace, printer, context)
  }
  let inventory = await takeOwnInventory(workspace)
  const rotation = rotationOf(workspace.spec, inventory, name, settings)!
  if (options.except !== undefined) {
    await except(options.except, options.reason!, rotation, workspace, now)
    inventory = await takeInventory(workspace)
  }
  const { desired } = workspace
  if (options.next === true) refuseOtherRoot(name, desired, inventory, now)
  const gate = gateOf(rotation, desired, inventory, { now })
  const known = { rotation, gate, agents: agentsUnder(name, workspace) }
  const next = options.next === true
  if (next && gate?.open === false) {
    printer.tell(rotationText(known, printer.errorStyle, { flags: flagsOf(options) }))
    throw new NomadPkiError(
      'ERR_REFUSED',
      `the gate is closed: ${count(gate.holds.length, 'reason holds', 'reasons hold')} it`,
      { hint: gate.holds[0]?.remedy },
    )
  }
  if (printer.json)
    printer.document(rotationDocument(known, { taken: next && options.dryRun !== true }))
  else if (!next) printer.answer(rotationText(known, printer.style, { flags: flagsOf(options) }))
  if (!next) return statusOfGate(gate)
  if (options.compromised === true && rotation.way !== 'intermediate' && options.dryRun !== true) {
    await markCompromised(authorityAddress(name, rotation.from), workspace, inventory, context)
  }
  const { file, written } = await editSpec(context, options, printer, (text, _spec, named) =>
    editAuthorities(text, rotation.next.edits, { file: named }),
  )
  if (!written) return exitStatus.ok
  if (!printer.json) printer.answer(`${file}: ${rotation.next.title}`)
  printer.tell(
    rotation.next.reloads && rotation.next.rides
      ? `next: nomad-pki apply${fileFlag(options)}; agents take it up as they are renewed (rotate leaves --due), and status says until when`
      : rotation.next.reloads
        ? `next: nomad-pki apply${fileFlag(options)}; then every agent is reloaded once, in order: nomad-pki rotate rollout${fileFlag(options)}`
        : 'nothing has to be reloaded for it',
  )
  return exitStatus.ok
}

/** The next stage of another root's rotation is not the one that is meant. */
function refuseOtherRoot(name: string, desired: Desired, inventory: Inventory, now: number): void {
  const other = undatedErrors(desired, inventory, { now }).find(
    ({ reason, address }) => reason === 'fingerprint-differs' && isOfAuthority(address, name),
  )
  if (other === undefined) return
  throw new NomadPkiError('ERR_PLAN_BLOCKED', other.message, {
    address: other.address,
    hint: other.remedy,
  })
}

/**
 * From now on no plan trusts it again. Noted before the spec is edited: a mark without an edit does no
 * harm. A certificate of it is kept first, to see later that agents refuse it.
 */
async function markCompromised(
  address: string,
  { store }: Workspace,
  { ledger, authorities }: Inventory,
  context: Context,
): Promise<void> {
  const at = context.now()
  const { compromised } = evidenceIn(ledger, { now: at })
  if (compromised.some((one) => one.address === address)) return
  const found = authorities.get(address)
  if (found !== undefined) await keepProbeLeaf(found, store, ledger, context)
  await underLock(store, 'rotate', () => note(store, [{ event: 'compromised', address, at }]))
}

/** What was said about the rotation, to be said again with `--next`. */
function flagsOf(options: Options): string {
  return [
    ...(options.way === undefined ? [] : [` --way ${options.way}`]),
    ...(options.compromised === true ? [' --compromised'] : []),
    ...(options.rideAlong === true ? [' --ride-along'] : []),
    fileFlag(options),
  ].join('')
}

/** How many agents a rotation touches. */
function agentsUnder(name: string, { desired, spec }: Workspace): number {
  const below = new Set(
    spec.authorities
      .filter((one) => one.name === name || one.issuer === name)
      .map((one) => one.name),
  )
  return desired.identities.filter(
    ({ profile }) => isAgent(profile.role) && below.has(profile.issuer.name),
  ).length
}

/** Records an exception for an agent that cannot be asked, for this rotation alone. */
async function except(
  text: string,
  reason: string,
  { name, position, from, to }: Rotation,
  { store, desired }: Workspace,
  at: number,
): Promise<void> {
  if (reason.trim() === '') throw usage('--reason is empty', 'say why it is not waited for')
  const all = desired.identities.map(({ address }) => address)
  const address = text.startsWith('member/') ? text : resolveAddress(text, all)
  if (!text.startsWith('member/')) parseAddress(address)
  // Without a stage under way it is the signing root: its rotation has not reached every agent.
  const coming = authorityAddress(name, position === 'settled' ? from : to)
  await underLock(store, 'rotate', () =>
    note(store, [{ event: 'excepted', address, at, authority: coming, reason }]),
  )
}

function commandLine(
  args: readonly string[],
  options: Options,
  ...more: readonly string[]
): string {
  const flags = [
    ...(options.file === undefined ? [] : ['--file', options.file]),
    ...(options.due === true ? ['--due'] : []),
    ...(options.all === true ? ['--all'] : []),
    ...(options.keepKey === true ? ['--keep-key'] : []),
  ]
  return ['nomad-pki rotate', ...[...args, ...flags, ...more].map(shellQuote)].join(' ')
}
