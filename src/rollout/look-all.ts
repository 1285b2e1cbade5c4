/**
 * Looks at everything before anything is changed: every host, and every region whose agents are reloaded.
 *
 * @module
 */

import { isOfOperator, parseIdentity } from '../address.js'
import { groupBy } from '../grouping.js'
import { runsClient } from '../nomad/roles.js'
import { isRunning } from './delivery-for.js'
import { leaderOf } from './gate.js'
import { lookAt } from './look.js'
import type { Rollout, RolloutNode, RolloutStep } from './order.js'
import { events } from './events.js'
import { inParallel } from '../in-parallel.js'
import {
  stopIfAborted,
  type RolloutEvent,
  type RollOutOptions,
  type RolloutPorts,
} from './ports.js'
import type { LookedHost, Obstacle } from './preflight.js'
import { isEnough } from './recovery.js'
import { tlsObstacles, type Spoken } from './speaks-tls.js'
import { regionObstacle, unanswered } from './wait.js'

/** What was seen of each host. */
export type Looked = ReadonlyMap<RolloutNode, LookedHost>

/** Lists the hosts that a person has still to bring their files. */
export function awaited(nodes: readonly RolloutNode[], ready: Looked): readonly RolloutNode[] {
  return nodes.filter((node) => ready.get(node)?.byHand?.seen === false)
}

/**
 * Looks at all hosts, several at once, then at the regions.
 *
 * @returns The hosts, and all that speaks against the rollout.
 * @throws {NomadPkiError} `ERR_INTERRUPTED`
 */
export async function* lookAtAll(
  rollout: Rollout,
  ports: RolloutPorts,
  options: RollOutOptions,
): AsyncGenerator<
  RolloutEvent,
  {
    readonly ready: Looked
    readonly obstacles: readonly Obstacle[]
    /** In a recovery: what speaks against hosts that are left out. */
    readonly left: readonly Obstacle[]
  },
  undefined
> {
  const nodes = rollout.steps.flatMap((step) => step.nodes)
  const ready = new Map<RolloutNode, LookedHost>()
  const ofHosts = new Map<RolloutNode, readonly Obstacle[]>()
  const asked: Spoken[] = []
  const queue = events<RolloutEvent>()
  const twice = oneHostOfMany(nodes, ports)
  const looking = inParallel(nodes, options.concurrency ?? 8, async (node) => {
    const found = twice.get(node) ?? (await lookAt(node, ports, options))
    ofHosts.set(node, found.obstacles)
    if (found.ready !== undefined) ready.set(node, found.ready)
    if (found.spoken !== undefined) asked.push(found.spoken)
    const host = found.host ?? node.host ?? node.address
    queue.push({ event: 'looked', node, host, ready: found.ready !== undefined })
  })
  yield* queue.until(looking)
  stopIfAborted(options)
  const ordered = {
    all: new Set(nodes.map(({ address }) => address)),
    stopped: new Set([...ready].flatMap(([{ address }, one]) => (isRunning(one) ? [] : [address]))),
  }
  const agents = nodes.filter(({ address }) => !isOfOperator(address))
  for (const [node, one] of tlsObstacles(asked, agents.length)) {
    ofHosts.set(node, [...(ofHosts.get(node) ?? []), one])
  }
  const { obstacles, left } = judgeHosts(rollout, ready, ofHosts, ports, options)
  for (const region of regionsOf(rollout, ready, 'server')) {
    // An earlier run was ended when its servers had just been brought: they are waited for.
    if (options.recover === true && !(await hasLeader(region, ports))) continue
    const obstacle = await regionObstacle(region, ordered, ports, options)
    if (obstacle !== undefined) obstacles.push(obstacle)
  }
  const ended = new Set(
    rollout.steps.flatMap(({ kind, region }) => (kind === 'servers' ? region : [])),
  )
  for (const region of clientRegionsOf(rollout, ready)) {
    // Servers whose certificates have ended cannot be asked before they have new ones.
    if (ended.has(region)) continue
    const answer = await ports.nodes(region)
    if (answer.state !== 'read') obstacles.push(unanswered(region, answer))
  }
  return { ready, obstacles, left }
}

/** Agents of which ssh reaches one host: each would get the files of the others. */
function oneHostOfMany(
  nodes: readonly RolloutNode[],
  ports: RolloutPorts,
): ReadonlyMap<RolloutNode, Awaited<ReturnType<typeof lookAt>>> {
  // Machines have places of their own, and stand beside agents.
  const agents = nodes.filter(({ address }) => !isOfOperator(address))
  const found = new Map<RolloutNode, Awaited<ReturnType<typeof lookAt>>>()
  for (const [host, all] of groupBy(agents, (node) => ports.destination(node))) {
    if (typeof host !== 'string' || all.length === 1) continue
    for (const node of all) {
      const obstacle = {
        ...{ host: node.host ?? parseIdentity(node.address).name, address: node.address },
        message: `ssh reaches it at ${host}, and other agents of this order there too`,
        remedy:
          'each agent has its own host: write ssh: at the node in the spec, "{node}.example" at a range',
      }
      found.set(node, { host, obstacles: [obstacle] })
    }
  }
  return found
}

/** What refuses the rollout, and in a recovery what only leaves a host out. */
function judgeHosts(
  { steps }: Rollout,
  ready: Looked,
  ofHosts: ReadonlyMap<RolloutNode, readonly Obstacle[]>,
  ports: RolloutPorts,
  { recover }: RollOutOptions,
): { readonly obstacles: Obstacle[]; readonly left: readonly Obstacle[] } {
  const obstacles: Obstacle[] = []
  const left: Obstacle[] = []
  const fit = new Set(ready.keys())
  for (const step of steps) {
    const may = recover === true && isEnough(step, fit, ports.servers(step.region))
    for (const node of step.nodes) (may ? left : obstacles).push(...(ofHosts.get(node) ?? []))
  }
  return { obstacles, left }
}

async function hasLeader(region: string, ports: RolloutPorts): Promise<boolean> {
  const answer = await ports.raft(region)
  return answer.state === 'read' && leaderOf(answer.reading) !== undefined
}

/** Regions whose clients are waited for: also those that are servers too. */
function clientRegionsOf({ steps }: Rollout, ready: Looked): readonly string[] {
  const regions = steps.flatMap(({ nodes, region }) =>
    nodes.some((node) => runs(ready.get(node)) && isClient(node)) ? [region] : [],
  )
  return [...new Set(regions)]
}

/** Whether it has to be ready for longer than a heartbeat after its reload. */
export function isClient({ address }: RolloutNode): boolean {
  return runsClient(parseIdentity(address).role)
}

/** Whether a person brings a host its files. */
export function isHand(node: RolloutNode, ready: Looked): boolean {
  return ready.get(node)?.byHand !== undefined
}

/** Whether the agent of a host that was looked at runs. */
export function runs(one: LookedHost | undefined): boolean {
  return one !== undefined && isRunning(one)
}

/** Regions whose servers or clients run, and are to be reloaded. */
function regionsOf(
  { steps }: Rollout,
  ready: Looked,
  wanted: RolloutStep['kind'],
): readonly string[] {
  const regions = steps
    .filter(({ kind, nodes }) => kind === wanted && nodes.some((node) => runs(ready.get(node))))
    .map(({ region }) => region)
  return [...new Set(regions)]
}
