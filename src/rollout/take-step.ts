/**
 * One step of a rollout: what is asked of the region before, its hosts, and what is waited for after.
 *
 * @module
 */

import type { RaftAnswer, RaftReading, RaftServer } from '../probe/raft.js'
import { agentLog } from './agent-log.js'
import { bring } from './bring.js'
import { waitByHand, type HandEnd } from './by-hand.js'
import { bringBack } from './go-back.js'
import { illIn, leaderOf, type CatchUp } from './gate.js'
import { awaited, isClient, runs, type Looked } from './look-all.js'
import type { RolloutNode, RolloutStep } from './order.js'
import { events, inParallel } from './parallel.js'
import {
  stopIfAborted,
  type HostState,
  type RolloutEvent,
  type RollOutOptions,
  type RolloutPorts,
} from './ports.js'
import type { LookedHost, Obstacle } from './preflight.js'
import { isEnough } from './recovery.js'
import { guardsUsed, readingObstacle, waitForClients, waitForGate } from './wait.js'

/** A step, and what the servers of its region said when it was chosen; `undefined`: they were not asked. */
export interface NextStep {
  readonly step: RolloutStep
  readonly raft?: RaftAnswer | undefined
}

/** What came of the steps so far. */
export interface Tally {
  /** Agents that a handshake proved. */
  proven: number
  /** Agents that present the leaf and do not show whom they trust: their receipts do. */
  settled: number
  /** Agents that do not run: their next start loads the files. */
  placed: number
  /** Clients that failed, where some may. */
  readonly failures: Obstacle[]
  /** Regions whose servers were waited for once: an earlier run may have ended a moment ago. */
  readonly waited: Set<string>
}

/**
 * Takes one step.
 *
 * @param next The step.
 * @param tally Is added to.
 * @returns What stops the rollout; `undefined` where it goes on.
 * @throws {NomadPkiError} `ERR_INTERRUPTED`: after the hosts at work have ended.
 */
export async function* takeStep(
  next: NextStep,
  ready: Looked,
  tally: Tally,
  ports: RolloutPorts,
  options: RollOutOptions,
): AsyncGenerator<RolloutEvent, readonly Obstacle[] | undefined, undefined> {
  const { step } = next
  const { kind, region, nodes } = step
  const [first] = nodes
  const isHand = (node: RolloutNode): boolean => ready.get(node)?.byHand !== undefined
  let answer = next.raft
  // Whether an agent runs that a person brings its files is not known where it does not answer: the region says it.
  const isGated = async (): Promise<boolean> =>
    runs(ready.get(first!)) ||
    (isHand(first!) && (answer ??= await ports.raft(region)).state !== 'silent')
  const gated = kind === 'server' && (await isGated())
  if (gated && !tally.waited.has(region)) {
    answer ??= await ports.raft(region)
    // Where this step is the cure of the only ill server, nothing is to be waited for.
    if (!isCure(step, answer, ports, options)) {
      tally.waited.add(region)
      const own = options.recover === true ? nodes.map(({ address }) => address) : undefined
      const outcome = yield* waitForGate(region, undefined, ports, options, own)
      if (outcome !== undefined) return [outcome]
      answer = undefined
    }
  }
  if (
    kind === 'servers' &&
    options.recover !== true &&
    (await ports.raft(region)).state === 'read'
  ) {
    const message = 'its certificates are said to have ended, and its servers answer'
    const remedy = 'nomad-pki rollout --recover asks each agent, and goes on from there'
    return [{ host: undefined, address: region, message, remedy }]
  }
  let before: GateBefore | undefined
  if (gated) {
    answer ??= await ports.raft(region)
    const found = await gateBefore(step, answer, ports, options)
    if ('message' in found) return [found]
    before = found
  }
  const failed: Obstacle[] = []
  const done = events<RolloutEvent>()
  // Without a server the region may have no quorum: of them none may fail.
  const mayFail = mayFailOf(kind, options)
  const tooMany = (): boolean =>
    failed.length > 0 && tally.failures.length + failed.length > mayFail
  // What it had before was accepted a moment ago.
  const goesBack = async (one: LookedHost): Promise<string> => {
    const back = await bringBack(one, ports, options)
    return 'message' in back
      ? `and it did not go back: ${back.message}`
      : `it went back to ${back.generation}, and its agent presents that`
  }
  const isOver = (): boolean => tooMany() || options.signal?.aborted === true
  const tell = ({ node, host }: LookedHost, state: HostState, message?: string): void => {
    done.push({ event: 'host', node, host, state, message })
  }
  const shown = new Set<string>()
  const ended = (one: LookedHost, end: HandEnd | 'placed'): void => {
    if (typeof end === 'object') {
      failed.push({ host: one.host, address: one.node.address, ...end })
      tell(one, 'failed', end.message)
    } else if (end !== 'unseen') {
      tally[end] += 1
      if (end !== 'placed') shown.add(one.node.address)
    }
  }
  const hands = nodes.filter(isHand)
  const unseen = awaited(hands, ready)
  if (unseen.length > 0) yield { event: 'by-hand', nodes: unseen }
  const width = kind === 'server' ? 1 : (options.concurrency ?? 8)
  const sent = nodes.filter((node) => !isHand(node))
  const sending = inParallel(sent, width, async (node) => {
    if (isOver()) return
    const one = ready.get(node)!
    const told = (state: HostState, message?: string): void => {
      tell(one, state, message)
    }
    ended(one, await bring(one, ports, options, told, goesBack))
  })
  const waiting = waitByHand(
    hands.map((node) => ready.get(node)!),
    ports,
    options,
    tell,
    ended,
    isOver,
  )
  const working = Promise.allSettled([sending, waiting]).then(async () => {
    await Promise.all([sending, waiting])
  })
  yield* done.until(working)
  const brought = new Set(
    nodes.filter((node) => !failed.some((one) => one.address === node.address)),
  )
  if (tooMany() || !isEnough(step, brought, ports.servers(region))) {
    return [...tally.failures, ...failed]
  }
  tally.failures.push(...failed)
  stopIfAborted(options)
  const away = new Set(failed.map(({ address }) => address))
  const running = nodes.filter(
    (node) =>
      !away.has(node.address) && (isHand(node) ? shown.has(node.address) : runs(ready.get(node))),
  )
  if (running.length === 0 && !gated) return undefined
  if (kind !== 'clients') {
    // Nobody knows when a person reloaded it: the log as it is now is further.
    const catchUp = isHand(first!) ? await catchUpNow(step, ports) : before?.catchUp
    const up = new Set(running.map(({ address }) => address))
    const others =
      kind === 'servers' && options.recover === true
        ? ports.servers(region).filter((address) => !up.has(address))
        : undefined
    const outcome = yield* waitForGate(region, catchUp, ports, options, others)
    if (outcome !== undefined) return [outcome]
  }
  const clients = running.filter(isClient)
  if (clients.length === 0) return undefined
  const down = yield* waitForClients(region, clients, ports, options)
  if (down === undefined) return undefined
  const told = await Promise.all(down.map((one) => withLog(one, ready, ports, options)))
  if (options.recover !== true) return told
  // The heartbeats of the others run: what is left is brought all the same.
  tally.failures.push(...told)
  return undefined
}

/** How many hosts of a step may fail before the others are not touched. */
function mayFailOf(kind: RolloutStep['kind'], options: RollOutOptions): number {
  if (options.recover === true && kind !== 'server') {
    return kind === 'clients' ? (options.maxFailures ?? Infinity) : Infinity
  }
  return kind === 'clients' ? (options.maxFailures ?? 0) : 0
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

/** What the gate after a server is to see. */
interface GateBefore {
  readonly catchUp: CatchUp | undefined
}

/** Before a server is reloaded: the region can spare it, and how far the log has come. */
async function gateBefore(
  step: RolloutStep,
  answer: RaftAnswer,
  ports: RolloutPorts,
  options: RollOutOptions,
): Promise<Obstacle | GateBefore> {
  const { region } = step
  if (answer.state !== 'read') {
    return { host: undefined, address: region, message: answer.message }
  }
  const mends = (server: RaftServer): boolean => ports.isServer(step.nodes[0]!.address, server)
  const obstacle = readingObstacle(region, answer.reading, mends, options)
  if (obstacle !== undefined) return obstacle
  await ports.accept(guardsUsed(region, answer.reading, options))
  return { catchUp: catchUpIn(step, answer.reading, ports) }
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
