/**
 * The order of a rollout, printed or followed, with the plan that it rests on.
 *
 * @module
 */

import type { CommandPlace } from '../report/rollout-commands.js'
import { placedIn } from '../evidence/placed.js'
import type { Inventory } from '../inventory/inventory.js'
import { makePlan } from '../plan/make-plan.js'
import { notReloaded } from '../plan/not-reloaded.js'
import type { Plan } from '../plan/plan.js'
import { machinesOf, machineSteps } from '../rollout/machines.js'
import { planRollout, type Batch, type Rollout, type RolloutStep } from '../rollout/order.js'
import { fileFlag, type Workspace } from './workspace.js'

/** Works out what is planned, and in which order what was made reaches the agents. */
export function orderOf(
  { spec, desired }: Workspace,
  inventory: Inventory,
  options: {
    readonly now: number
    readonly batch: Batch
    /** Addresses of servers that lead. Default: what the ledger says. */
    readonly leaders?: readonly string[] | undefined
  },
): { readonly plan: Plan; readonly order: Rollout } {
  const { plan, materials } = makePlan(desired, inventory, { now: options.now })
  const edits = [...materials.edits]
  const ofAgents = planRollout(desired, inventory, {
    ...options,
    restarts: new Set(
      edits.flatMap(([address, { restart }]) => (restart.length > 0 ? [address] : [])),
    ),
    edits: new Set(edits.map(([address]) => address)),
    notReloaded: notReloaded(desired.configs, inventory, materials.edits),
  })
  const machines = machineSteps(spec, desired, inventory)
  const order: Rollout = {
    ...ofAgents,
    steps: [
      ...ofAgents.steps,
      ...machines.steps.map((step, at) => ({ number: ofAgents.steps.length + at + 1, ...step })),
    ],
    missing: [...ofAgents.missing, ...machines.missing],
  }
  return {
    plan,
    order: desired.transport === 'plaintext' ? withoutPlaced(order, inventory) : order,
  }
}

/** No handshake shows what agents have that speak plaintext: who has its files is left out by its receipt. */
function withoutPlaced(order: Rollout, inventory: Inventory): Rollout {
  const placed = placedIn(inventory)
  const left = order.steps.flatMap(({ nodes }) =>
    nodes.filter(({ address }) => placed.has(address)),
  )
  return {
    ...order,
    steps: stepsWith(order, (address) => !placed.has(address)),
    proven: order.proven + new Set(left.map(({ address }) => address)).size,
  }
}

/** The order of the agents that were named. */
export function onlyMeant(order: Rollout, isMeant: (address: string) => boolean): Rollout {
  return {
    ...order,
    steps: stepsWith(order, isMeant),
    notReloaded: order.notReloaded.filter(isMeant),
    missing: order.missing.filter(isMeant),
    doubtful: order.doubtful.filter(({ address }) => isMeant(address)),
    excepted: order.excepted.filter(({ address }) => isMeant(address)),
  }
}

/** What the commands of a host name. */
export function placeOf(
  { spec }: Workspace,
  { file }: { readonly file?: string | undefined },
): CommandPlace {
  return {
    fileFlag: fileFlag({ file }),
    ...{ tls: spec.node.tls, unit: spec.node.unit, machines: machinesOf(spec) },
    plaintext: spec.transport === 'plaintext',
  }
}

/** The steps with some of their agents, numbered anew. */
function stepsWith(
  { steps }: Pick<Rollout, 'steps'>,
  isKept: (address: string) => boolean,
): readonly RolloutStep[] {
  return steps
    .map((step) => ({ ...step, nodes: step.nodes.filter(({ address }) => isKept(address)) }))
    .filter(({ nodes }) => nodes.length > 0)
    .map((step, at) => ({ ...step, number: at + 1 }))
}
