/**
 * What a region must be like before a step of a rollout, and what is waited for after it.
 *
 * @module
 */

import type { RaftAnswer, RaftReading, RaftServer } from '../probe/raft.js'
import { agentLog } from './agent-log.js'
import { illIn, leaderOf, type CatchUp } from './gate.js'
import { isClient, isHand, runs, type Looked } from './look-all.js'
import type { RolloutNode, RolloutStep } from './order.js'
import type { RolloutEvent, RollOutOptions, RolloutPorts } from './ports.js'
import type { Obstacle } from './preflight.js'
import { guardsUsed, readingObstacle, waitForClients, waitForGate } from './wait.js'

/** A step, and what the servers of its region said when it was chosen; `undefined`: they were not asked. */
export interface NextStep {
  readonly step: RolloutStep
  readonly raft?: RaftAnswer | undefined
}

/** What the gate after a step is to see. */
export interface Before {
  /** Whether the step reloads a server that runs: the region was waited for, and is waited for again. */
  readonly gated: boolean
  /** How far the log had come. */
  readonly catchUp?: CatchUp | undefined
}

/**
 * Waits until the region can spare what the step reloads. Its servers are asked once for all of it.
 *
 * @param waited Regions that were waited for; is added to.
 * @returns What speaks against the step; else what the gate after it is to see.
 */
export async function* waitBefore(
  { step, raft }: NextStep,
  ready: Looked,
  waited: Set<string>,
  ports: RolloutPorts,
  options: RollOutOptions,
): AsyncGenerator<RolloutEvent, Before | Obstacle, undefined> {
  const { kind, region, nodes } = step
  const { recover = false } = options
  if (kind === 'servers' && !recover && (await ports.raft(region)).state === 'read') {
    const message = 'its certificates are said to have ended, and its servers answer'
    const remedy = 'nomad-pki rollout --recover asks each agent, and goes on from there'
    return { host: undefined, address: region, message, remedy }
  }
  const first = nodes[0]!
  if (kind !== 'server' || !(runs(ready.get(first)) || isHand(first, ready))) {
    return { gated: false }
  }
  let answer = raft ?? (await ports.raft(region))
  // Whether an agent runs that a person brings its files is not known where it does not answer: the region says it.
  if (isHand(first, ready) && !runs(ready.get(first)) && answer.state === 'silent') {
    return { gated: false }
  }
  // Where this step is the cure of the only ill server, nothing is to be waited for.
  if (!waited.has(region) && !isCure(step, answer, ports, options)) {
    waited.add(region)
    const own = recover ? nodes.map(({ address }) => address) : undefined
    const outcome = yield* waitForGate(region, undefined, ports, options, own)
    if (outcome !== undefined) return outcome
    answer = await ports.raft(region)
  }
  if (answer.state !== 'read') {
    return { host: undefined, address: region, message: answer.message }
  }
  const mends = (server: RaftServer): boolean => ports.isServer(first.address, server)
  const obstacle = readingObstacle(region, answer.reading, mends, options)
  if (obstacle !== undefined) return obstacle
  await ports.accept(guardsUsed(region, answer.reading, options))
  return { gated: true, catchUp: catchUpIn(step, answer.reading, ports) }
}

/** What was waited for in vain. */
export interface Waited {
  readonly of: readonly Obstacle[]
  /** Whether it stops the rollout. */
  readonly isFinal: boolean
}

/**
 * Waits for what was brought: for the region of servers, and for clients for longer than a heartbeat.
 *
 * @param before As {@link waitBefore} returned it.
 * @param running What runs with its new files.
 * @returns What did not come; `undefined` where all did.
 */
export async function* waitAfter(
  step: RolloutStep,
  before: Before,
  running: readonly RolloutNode[],
  ready: Looked,
  ports: RolloutPorts,
  options: RollOutOptions,
): AsyncGenerator<RolloutEvent, Waited | undefined, undefined> {
  const { kind, region, nodes } = step
  if (kind === 'machines' || (running.length === 0 && !before.gated)) return undefined
  const { recover = false } = options
  if (kind !== 'clients') {
    // Nobody knows when a person reloaded it: the log as it is now is further.
    const catchUp = isHand(nodes[0]!, ready) ? await catchUpNow(step, ports) : before.catchUp
    const up = new Set(running.map(({ address }) => address))
    const others =
      kind === 'servers' && recover
        ? ports.servers(region).filter((address) => !up.has(address))
        : undefined
    const outcome = yield* waitForGate(region, catchUp, ports, options, others)
    if (outcome !== undefined) return { of: [outcome], isFinal: true }
  }
  const clients = running.filter(isClient)
  if (clients.length === 0) return undefined
  const down = yield* waitForClients(region, clients, ports, options)
  if (down === undefined) return undefined
  const told = await Promise.all(down.map((one) => withLog(one, ready, ports, options)))
  return { of: told, isFinal: !recover }
}

/** What a client that went down says of it. */
async function withLog(
  obstacle: Obstacle,
  ready: Looked,
  ports: RolloutPorts,
  { unit }: RollOutOptions,
): Promise<Obstacle> {
  const one = [...ready.values()].find(({ node }) => node.address === obstacle.address)
  if (one === undefined || one.byHand !== undefined) return obstacle
  const log = await agentLog(ports.hosts.at(one.host), unit, undefined)
  return { ...obstacle, host: one.host, ...(log.length > 0 && { log }) }
}

/** Whether the step's own server is the only one that is ill. */
function isCure(
  { nodes: [node] }: RolloutStep,
  answer: RaftAnswer,
  ports: RolloutPorts,
  { mayBeIll }: RollOutOptions,
): boolean {
  const ill = answer.state === 'read' ? illIn(answer.reading, mayBeIll) : []
  return ill.length === 1 && ports.isServer(node!.address, ill[0]!)
}

/** How far the leader's log has come. */
function catchUpIn(
  { nodes: [node] }: RolloutStep,
  reading: RaftReading,
  ports: RolloutPorts,
): CatchUp | undefined {
  const server = reading.servers.find((one) => ports.isServer(node!.address, one))
  const leader = leaderOf(reading)
  if (server === undefined || leader === undefined) return undefined
  return { address: server.address, index: leader.lastIndex }
}

async function catchUpNow(step: RolloutStep, ports: RolloutPorts): Promise<CatchUp | undefined> {
  const answer = await ports.raft(step.region)
  return answer.state === 'read' ? catchUpIn(step, answer.reading, ports) : undefined
}
