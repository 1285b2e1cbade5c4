/**
 * Machines: programs that use the HTTP API and do not listen. Their files come last, no region waits for them, and
 * what shows that they lie in their place is the receipt of the installer. Nothing shows that a program has read them.
 *
 * @module
 */

import { identityAddress } from '../address.js'
import type { Desired } from '../cluster/desired.js'
import type { ClusterSpec, MachinePlace } from '../cluster/spec.js'
import { generationsIn } from '../evidence/generations.js'
import { placedIn } from '../evidence/placed.js'
import { groupBy } from '../grouping.js'
import type { Inventory } from '../inventory/inventory.js'
import { momentsTo } from '../delivery/porcelain.js'
import { installFault, installTimeout, type Fault } from './bring.js'
import type { RolloutNode, RolloutStep } from './order.js'
import type { HostState, RollOutOptions, RolloutPorts } from './ports.js'
import { judgeHost, type LookedHost, type Obstacle } from './preflight.js'
import { machineScript, readInstall } from './scripts.js'

/** Machines that ssh reaches, with the places of their files, by their addresses. */
export function machinesOf({ operators }: ClusterSpec): ReadonlyMap<string, MachinePlace> {
  return new Map(
    operators.flatMap((one): [string, MachinePlace][] =>
      one.place?.ssh === undefined ? [] : [[identityAddress(one), one.place]],
    ),
  )
}

/**
 * Lists the machines whose newest files no receipt shows in their place: one step for each region.
 *
 * @returns Steps without their numbers; and those for which nothing was made.
 */
export function machineSteps(
  spec: ClusterSpec,
  { identities }: Desired,
  inventory: Inventory,
): {
  readonly steps: readonly Omit<RolloutStep, 'number'>[]
  readonly missing: readonly string[]
} {
  const places = machinesOf(spec)
  const placed = placedIn(inventory)
  const made = generationsIn(inventory)
  const missing: string[] = []
  const nodes = identities.flatMap(({ address, name, profile }): [string, RolloutNode][] => {
    const place = places.get(address)
    if (place === undefined || placed.has(address)) return []
    const newest =
      made.get(address)?.at(-1)?.number ?? inventory.identities.get(address)?.current?.number
    if (newest === undefined) {
      missing.push(address)
      return []
    }
    const node: RolloutNode = {
      ...{ address, host: name, generation: newest, proven: undefined, leader: false },
      ...{ restart: place.reload?.how === 'restart', overrides: [], configs: [], receipt: true },
    }
    return [[profile.region, node]]
  })
  const steps = [...groupBy(nodes, ([region]) => region)].map(([region, own]) => ({
    ...{ kind: 'machines' as const, region },
    nodes: own.map(([, node]) => node),
  }))
  return { steps, missing }
}

/** Looks at the host of a machine, and says what speaks against it. */
export async function lookAtMachine(
  node: RolloutNode,
  place: MachinePlace,
  ports: RolloutPorts,
  { signal }: RollOutOptions,
): Promise<{
  readonly ready?: LookedHost | undefined
  readonly host: string
  readonly obstacles: readonly Obstacle[]
}> {
  const { archive, fingerprint, notBefore } = await ports.pack(node.address)
  const host = place.ssh!
  const answer = await ports.hosts
    .at(host)
    .run(machineScript({ ...place, archive, fingerprint }, true), { signal })
  const { looked, obstacles } = judgeHost({ node, host, notBefore }, answer, ports.clock())
  return { host, obstacles, ready: looked }
}

/** Puts the files of a machine in their place, and has it read them as the spec says. */
export async function bringMachine(
  { node, host }: LookedHost,
  place: MachinePlace,
  ports: RolloutPorts,
  tell: (state: HostState, message?: string) => void,
): Promise<Fault | 'delivered'> {
  tell('sending')
  const { archive, fingerprint } = await ports.pack(node.address)
  const script = machineScript({ ...place, archive, fingerprint }, false)
  const answer = await ports.hosts.at(host).run(script, {
    timeout: installTimeout,
    onLine: momentsTo(tell),
  })
  const fault = installFault(answer, host)
  if (fault !== undefined) return fault
  const { installer, receipt } = readInstall(answer.reached ? answer.stdout : '')
  const shown = receipt === undefined ? undefined : await ports.receive(receipt, node.address)
  if (shown !== node.generation) {
    const message = 'its installer shows no receipt of these files'
    return { message, remedy: 'the same command goes on' }
  }
  // Not the moment of this run: an earlier one may have told it, and was killed before it noted that.
  tell('delivered', readText(place, installer?.state === 'reloaded'))
  return 'delivered'
}

function readText({ reload }: MachinePlace, told: boolean): string {
  if (reload === undefined) return 'it reads them by itself, and nothing shows whether it has'
  return told
    ? `${reload.unit} was told; nothing shows that it has read them`
    : `${reload.unit} is not active there: its next start reads them`
}
