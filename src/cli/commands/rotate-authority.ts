/**
 * `rotate authority`: the stage of an authority's rotation, and the edit of the spec that is its next one.
 *
 * @module
 */

import { authorityAddress, isOfAuthority } from '../../address.js'
import type { Desired } from '../../cluster/desired.js'
import { editAuthorities } from '../../cluster/edit-authority.js'
import { didYouMean } from '../../diagnostics.js'
import { NomadPkiError } from '../../errors.js'
import { evidenceIn } from '../../evidence/evidence.js'
import { twinsOf } from '../../evidence/generations.js'
import type { Inventory } from '../../inventory/inventory.js'
import { isAgent } from '../../nomad/roles.js'
import { undatedErrors } from '../../plan/undated-errors.js'
import { recipeLines } from '../../report/recipe.js'
import { rotationDocument, rotationText } from '../../report/rotation.js'
import { count } from '../../report/style.js'
import { gateOf } from '../../rotation/gate-of.js'
import { applySteps, here, withEdits, type RecipeStep } from '../../rotation/recipe.js'
import { rotationOf, type Way } from '../../rotation/stages.js'
import type { Command } from '../command.js'
import { requireBegun } from '../begin-store.js'
import type { Context } from '../context.js'
import { editSpec } from '../edit-spec.js'
import { exceptAgent } from '../except.js'
import { printerOf } from '../printer.js'
import { runRotation, type StageCommands } from '../run-rotation.js'
import { keepProbeLeaf } from '../probe-leaves.js'
import { exitStatus, statusOfGate } from '../status.js'
import type { Options } from '../surface.js'
import { takeEvidence } from '../take-evidence.js'
import { note } from '../../inventory/note.js'
import { underLock } from '../under-lock.js'
import { usage } from '../usage.js'
import {
  fileFlag,
  openWorkspace,
  takeInventory,
  takeOwnInventory,
  type Workspace,
} from '../workspace.js'

/** Where a rotation stands; with `--next` the next edit of the spec. Exits 3 where the gate is closed. */
export const command: Command<'rotate authority'> = async ({ args, options }, context) => {
  const printer = printerOf(context, options)
  const workspace = await openWorkspace(context, options, printer)
  const names = workspace.spec.authorities.map(({ name }) => name)
  const [name = names.length === 1 ? names[0]! : ''] = args
  if (args.length > 1 || !names.includes(name)) {
    const near = didYouMean(name, names)
    throw usage(
      name === '' ? 'which authority?' : `unknown authority ${JSON.stringify(name)}`,
      near === undefined ? `there are: ${names.join(', ')}` : `did you mean ${near}?`,
    )
  }
  const way: Way | undefined = options.way
  const now = context.now()
  // A stage of a rotation that never began would cut the agents off from the store that is restored.
  await requireBegun(workspace, fileFlag(options))
  const settings = { now, way, compromised: options.compromised, rideAlong: options.rideAlong }
  if (options.evidence !== undefined) {
    await takeEvidence(options.evidence, workspace, printer, context)
  }
  if (options.run === true) {
    const run = {
      ...{ name, way, compromised: options.compromised, file: options.file },
      ...{
        yes: options.yes === true,
        flags: flagsOf(options),
        agents: agentsUnder(name, workspace),
      },
    }
    return runRotation(run, stageCommands(name, options, context), context, printer)
  }
  let inventory = await takeOwnInventory(workspace)
  const rotation = rotationOf(workspace.spec, inventory, name, settings)!
  if (options.except !== undefined) {
    const { position, from, to } = rotation
    // Without a stage under way it is the signing root: its rotation has not reached every agent.
    const authority = authorityAddress(name, position === 'settled' ? from : to)
    await exceptAgent(options.except, workspace, { reason: options.reason!, authority, at: now })
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
  const { edits, reloads, rides } = rotation.next
  const after = withEdits(workspace.spec, edits)
  // The old key is in the engine: anyone with a right to it can sign until its issuer is stopped.
  const setUp = `nomad-pki authority setup ${name}`
  const { signing, signers } = after.authorities.find((one) => one.name === name)!
  const stops =
    options.compromised === true && signing === rotation.to && signers[signing] === 'engine'
  const made = applySteps(after, { inventory, now })
  const isSetUp = ({ command: line }: RecipeStep): boolean => line === setUp
  // A root was set up when it began to be trusted.
  const steps = (stops && !made.some(isSetUp) ? [here(setUp), ...made] : made).map((step) =>
    stops && isSetUp(step) ? { ...step, command: `${setUp} --compromised` } : step,
  )
  printer.tell(
    reloads
      ? nextText(steps, { flag: fileFlag(options), rides })
      : 'nothing has to be reloaded for it',
  )
  return exitStatus.ok
}

/** What follows an edit. */
function nextText(
  steps: readonly RecipeStep[],
  { flag, rides }: { readonly flag: string; readonly rides: boolean },
): string {
  const then = rides
    ? 'agents take it up as they are renewed (rotate leaves --due), and status says until when'
    : `then every agent is reloaded once, in order: nomad-pki rollout${flag}`
  return steps.length === 1
    ? `next: ${steps[0]!.command}${flag}; ${then}`
    : ['next:', ...recipeLines(steps, flag), then].join('\n')
}

/** The commands of a stage, as they are called by hand. */
function stageCommands(
  name: string,
  options: Options<'rotate authority'>,
  context: Context,
): StageCommands {
  const { passphraseFd, via, collect } = options
  const call = { ...options, json: undefined, dryRun: undefined, yes: true }
  return {
    next: async () =>
      command(
        { args: [name], options: { ...call, run: undefined, yes: undefined, next: true } },
        context,
      ),
    async apply() {
      const { command: apply } = await import('./apply.js')
      const given = { plan: undefined, prune: undefined, long: undefined, override: undefined }
      return apply(
        { args: [], options: { ...call, ...given, reason: undefined, passphraseFd } },
        context,
      )
    },
    async rollout() {
      const { command: rollout } = await import('./rollout.js')
      const given = {
        ...{ batch: undefined, only: undefined, maxFailures: undefined, policy: undefined },
        ...{ back: undefined, backOnFailure: undefined, wait: undefined, recover: undefined },
        ...{ commands: undefined, leader: undefined },
        collect,
        passphraseFd: collect === true ? passphraseFd : undefined,
      }
      return rollout(
        { args: [], options: { ...call, ...given, override: undefined, reason: undefined, via } },
        context,
      )
    },
    async probe() {
      const { command: probe } = await import('./probe.js')
      const given = { out: undefined, refuses: undefined, timeout: undefined, long: undefined }
      return probe({ args: [], options: { ...call, ...given, evidence: undefined, via } }, context)
    },
  }
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
 * harm. A certificate of it is kept first, to see later that agents refuse it. What is in other hands is a key:
 * each generation that has it is marked.
 */
async function markCompromised(
  address: string,
  { store }: Workspace,
  { ledger, authorities }: Inventory,
  context: Context,
): Promise<void> {
  const at = context.now()
  const { compromised } = evidenceIn(ledger, { now: at })
  const unmarked = twinsOf(address, authorities).filter(
    (twin) => !compromised.some((one) => one.address === twin),
  )
  if (unmarked.length === 0) return
  for (const twin of unmarked) {
    const found = authorities.get(twin)
    if (found !== undefined) await keepProbeLeaf(found, store, ledger, context)
  }
  const marks = unmarked.map((twin) => ({ event: 'compromised' as const, address: twin, at }))
  await underLock(store, 'rotate', () => note(store, marks))
}

/** What was said about the rotation, to be said again with `--next`. */
function flagsOf(options: Options<'rotate authority'>): string {
  return [
    ...(options.way === undefined ? [] : [` --way ${options.way}`]),
    ...(options.compromised === true ? [' --compromised'] : []),
    ...(options.rideAlong === true ? [' --ride-along'] : []),
    ...(options.collect === true ? [' --collect'] : []),
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
