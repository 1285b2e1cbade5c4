/**
 * A whole rotation of an authority: the commands of its stages in their order, and nothing else. All state is in the
 * spec and the ledger, so a run that was ended anywhere goes on with the same command.
 *
 * @module
 */

import { authorityAddress, generationOf, isOfAuthority } from '../address.js'
import { formatInstant } from '../duration.js'
import { NomadPkiError } from '../errors.js'
import { gateOf } from '../rotation/gate-of.js'
import { rotationOf, type Rotation, type Way } from '../rotation/stages.js'
import { evidenceIn } from '../evidence/evidence.js'
import type { GateVerdict } from '../evidence/gate.js'
import { twinsOf } from '../evidence/generations.js'
import type { Inventory } from '../inventory/inventory.js'
import { rotationText } from '../report/rotation.js'
import type { Context } from './context.js'
import type { Printer } from './printer.js'
import { confirm } from './prompt.js'
import { exitStatus, type ExitStatus } from './status.js'
import { openWorkspace, takeOwnInventory, type Workspace } from './workspace.js'

/** The commands that a stage consists of; each gives back its exit status. */
export interface StageCommands {
  /** `rotate authority NAME --next` */
  readonly next: () => Promise<ExitStatus>
  /** `apply --yes` */
  readonly apply: () => Promise<ExitStatus>
  /** `rollout --yes` */
  readonly rollout: () => Promise<ExitStatus>
  /** `probe` */
  readonly probe: () => Promise<ExitStatus>
}

/** What was asked for. */
export interface RunOptions {
  readonly name: string
  readonly way: Way | undefined
  readonly compromised: boolean | undefined
  readonly file: string | undefined
  /** Ask nobody. */
  readonly yes: boolean
  /** The flags to be said again, ` --file other.yaml`. */
  readonly flags: string
  /** How many agents a stage touches. */
  readonly agents: number
}

/** A generation that is younger was made by the rotation that has just ended, milliseconds. */
const young = 7 * 86_400_000

/**
 * Goes through the stages. First what the stage before has to bring to the agents, then its gate, then the next edit;
 * until the rotation has ended. It asks before it begins, and before the old root is dropped.
 *
 * @returns 0 when it has ended; what a command ended with that did not come to its end; 3 where a gate stays closed.
 * @throws {NomadPkiError} `ERR_REFUSED`: there is nobody to ask, or renewals carry the rotation; what commands throw.
 */
export async function runRotation(
  options: RunOptions,
  commands: StageCommands,
  context: Context,
  printer: Printer,
): Promise<ExitStatus> {
  const again = `nomad-pki rotate authority ${options.name} --run${options.flags}`
  const first = await look(options, context, printer)
  if (first.rotation.next.rides) {
    throw new NomadPkiError(
      'ERR_REFUSED',
      'renewals carry this rotation, so nothing can be run now',
      {
        hint: `status says until when; to do it at once, take rollout: ride-along out of the spec, and then: ${again}`,
      },
    )
  }
  if (!options.yes) {
    context.stderr.write(`${tell(first, options, printer)}\n\n`)
    const question = 'go through all stages: edit the spec, apply, bring it to the hosts?'
    if (!(await confirm(context, question, `${again} --yes`))) {
      printer.tell('nothing was done')
      return exitStatus.refused
    }
  }
  for (let taken = 0; ; taken += 1) {
    for (const step of [commands.apply, commands.rollout]) {
      const status = await step()
      if (status === exitStatus.ok) continue
      printer.tell(`the rotation stops here; when that is mended: ${again}`)
      return status
    }
    let now = await look(options, context, printer)
    if (now.gate?.open === false) {
      await commands.probe()
      now = await look(options, context, printer)
    }
    if (now.gate?.open === false) {
      printer.tell(tell(now, options, printer))
      printer.tell(`the gate is closed; when that is mended: ${again}`)
      return exitStatus.refused
    }
    const { rotation } = now
    const since = madeAt(rotation, now.inventory)
    const at = context.now()
    if (
      rotation.position === 'settled' &&
      !keepsKey(now, options, at) &&
      (taken > 0 || hasEnded(now, options, at))
    ) {
      const when = since === undefined ? '' : `, since ${formatInstant(since)}`
      printer.answer(
        `authority ${options.name}: generation ${rotation.from} signs${when}; the rotation to it has ended`,
      )
      if (taken === 0)
        printer.tell(`to begin another: nomad-pki rotate authority ${options.name} --next`)
      return exitStatus.ok
    }
    if (drops(rotation) && !options.yes) {
      const question = `drop generation ${rotation.from}? agents that still need it are cut off`
      if (!(await confirm(context, question, `${again} --yes`))) {
        printer.tell(`both generations are trusted; to go on: ${again}`)
        return exitStatus.refused
      }
    }
    const status = await commands.next()
    if (status !== exitStatus.ok) return status
  }
}

interface Stand {
  readonly rotation: Rotation
  readonly gate: GateVerdict | undefined
  readonly inventory: Inventory
}

/** Reads the spec and the ledger anew: each command may have changed them. */
async function look(
  { name, way, compromised, file }: RunOptions,
  context: Context,
  printer: Printer,
): Promise<Stand> {
  const workspace: Workspace = await openWorkspace(context, { file }, printer)
  const inventory = await takeOwnInventory(workspace)
  const now = context.now()
  const rotation = rotationOf(workspace.spec, inventory, name, { now, way, compromised })
  if (rotation === undefined) {
    throw new NomadPkiError('ERR_REFUSED', `the spec no longer has the authority ${name}`)
  }
  return { rotation, inventory, gate: gateOf(rotation, workspace.desired, inventory, { now }) }
}

function tell({ rotation, gate }: Stand, { agents, flags }: RunOptions, printer: Printer): string {
  return rotationText({ rotation, gate, agents }, printer.errorStyle, { flags })
}

/** Whether the next edit takes trust away. */
function drops({ next: { gate } }: Rotation): boolean {
  return gate?.leafUnder !== undefined
}

function madeAt({ name, from }: Rotation, { authorities }: Inventory): number | undefined {
  return authorities.get(authorityAddress(name, from))?.certificate?.notBefore
}

/**
 * Whether the generation that signs came of a rotation that has just ended. A key that is in other hands does not
 * wait, unless it is an older one that this rotation has replaced.
 */
function hasEnded(
  { rotation, inventory }: Stand,
  { name, compromised }: RunOptions,
  now: number,
): boolean {
  const since = madeAt(rotation, inventory)
  const isYoung = rotation.from > 1 && since !== undefined && now - since < young
  if (!isYoung || compromised !== true) return isYoung
  return evidenceIn(inventory.ledger, { now }).compromised.some(
    ({ address }) => isOfAuthority(address, name) && generationOf(address) < rotation.from,
  )
}

/** Whether the key that signs is one that is in other hands: it was renewed, and the renewal signs now. */
function keepsKey(
  { rotation: { from }, inventory }: Stand,
  { name, compromised }: RunOptions,
  now: number,
): boolean {
  if (compromised !== true) return false
  const same = twinsOf(authorityAddress(name, from), inventory.authorities)
  return evidenceIn(inventory.ledger, { now }).compromised.some(({ address }) =>
    same.includes(address),
  )
}
