/**
 * One step of a rollout: what is asked of the region before, its hosts, and what is waited for after.
 *
 * @module
 */

import type { RaftServer } from '../probe/raft.js'
import { agentLog } from './agent-log.js'
import { bring } from './bring.js'
import { bringBack } from './go-back.js'
import { illIn, leaderOf, type CatchUp } from './gate.js'
import { isClient, runs, type Looked } from './look-all.js'
import type { RolloutStep } from './order.js'
import { events, inParallel } from './parallel.js'
import {
  stopIfAborted,
  type RolloutEvent,
  type RollOutOptions,
  type RolloutPorts,
} from './ports.js'
import type { LookedHost, Obstacle } from './preflight.js'
import { guardsUsed, readingObstacle, waitForClients, waitForGate } from './wait.js'

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
 * @param tally Is added to.
 * @returns What stops the rollout; `undefined` where it goes on.
 * @throws {NomadPkiError} `ERR_INTERRUPTED`: after the hosts at work have ended.
 */
export async function* takeStep(
  step: RolloutStep,
  ready: Looked,
  tally: Tally,
  ports: RolloutPorts,
  options: RollOutOptions,
): AsyncGenerator<RolloutEvent, readonly Obstacle[] | undefined, undefined> {
  const { kind, region, nodes } = step
  if (kind === 'server' && !tally.waited.has(region) && runs(ready.get(nodes[0]!))) {
    // Where this step is the cure of the only ill server, nothing is to be waited for.
    if (!(await isCure(step, ports, options))) {
      tally.waited.add(region)
      const outcome = yield* waitForGate(region, undefined, ports, options)
      if (outcome !== undefined) return [outcome]
    }
  }
  if (kind === 'servers' && (await ports.raft(region)).state === 'read') {
    const message = 'its certificates are said to have ended, and its servers answer'
    const remedy = 'nomad-pki probe, and then the same command'
    return [{ host: undefined, address: region, message, remedy }]
  }
  const before = kind === 'server' ? await gateBefore(step, ready, ports, options) : undefined
  if (before !== undefined && 'message' in before) return [before]
  const failed: Obstacle[] = []
  const done = events<RolloutEvent>()
  // Without a server the region may have no quorum: of them none may fail.
  const mayFail = kind === 'clients' ? (options.maxFailures ?? 0) : 0
  const tooMany = (): boolean =>
    failed.length > 0 && tally.failures.length + failed.length > mayFail
  // What it had before was accepted a moment ago.
  const goesBack = async (one: LookedHost): Promise<string> => {
    const back = await bringBack(one, ports, options)
    return 'message' in back
      ? `and it did not go back: ${back.message}`
      : `it went back to ${back.generation}, and its agent presents that`
  }
  const width = kind === 'server' ? 1 : (options.concurrency ?? 8)
  const working = inParallel(nodes, width, async (node) => {
    if (tooMany() || options.signal?.aborted === true) return
    const one = ready.get(node)!
    const tell = (
      state: Extract<RolloutEvent, { event: 'host' }>['state'],
      message?: string,
    ): void => {
      done.push({ event: 'host', node, host: one.host, state, message })
    }
    const end = await bring(one, ports, options, tell, goesBack)
    if (typeof end === 'object') {
      failed.push({ host: one.host, address: node.address, ...end })
      tell('failed', end.message)
    } else tally[end] += 1
  })
  yield* done.until(working)
  if (tooMany()) return [...tally.failures, ...failed]
  tally.failures.push(...failed)
  stopIfAborted(options)
  const away = new Set(failed.map(({ address }) => address))
  const running = nodes.filter((node) => runs(ready.get(node)) && !away.has(node.address))
  if (running.length === 0) return undefined
  if (kind !== 'clients') {
    const outcome = yield* waitForGate(region, before?.catchUp, ports, options)
    if (outcome !== undefined) return [outcome]
  }
  const clients = running.filter(isClient)
  if (clients.length === 0) return undefined
  const down = yield* waitForClients(region, clients, ports, options)
  return down && Promise.all(down.map((one) => withLog(one, ready, ports, options)))
}

/** What a client that went down says of it. */
async function withLog(
  obstacle: Obstacle,
  ready: Looked,
  ports: RolloutPorts,
  { unit }: RollOutOptions,
): Promise<Obstacle> {
  const one = [...ready.values()].find(({ node }) => node.address === obstacle.address)
  if (one === undefined) return obstacle
  const log = await agentLog(ports.hosts.at(one.host), unit, undefined)
  return { ...obstacle, host: one.host, ...(log.length > 0 && { log }) }
}

/** Whether the step's own server is the only one that is ill. */
async function isCure(
  { region, nodes: [node] }: RolloutStep,
  ports: RolloutPorts,
  { mayBeIll }: RollOutOptions,
): Promise<boolean> {
  const answer = await ports.raft(region)
  const ill = answer.state === 'read' ? illIn(answer.reading, mayBeIll) : []
  return ill.length === 1 && ports.isServer(node!.address, ill[0]!)
}

/** Before a server is reloaded: the region can spare it, and how far the log has come. */
async function gateBefore(
  { region, nodes: [node] }: RolloutStep,
  ready: Looked,
  ports: RolloutPorts,
  options: RollOutOptions,
): Promise<Obstacle | { readonly catchUp: CatchUp | undefined } | undefined> {
  if (!runs(ready.get(node!))) return undefined
  const answer = await ports.raft(region)
  if (answer.state !== 'read') {
    return { host: undefined, address: region, message: answer.message }
  }
  const mends = (server: RaftServer): boolean => ports.isServer(node!.address, server)
  const obstacle = readingObstacle(region, answer.reading, mends, options)
  if (obstacle !== undefined) return obstacle
  await ports.accept(guardsUsed(region, answer.reading, options))
  const server = answer.reading.servers.find((one) => ports.isServer(node!.address, one))
  const leader = leaderOf(answer.reading)!
  const catchUp =
    server === undefined ? undefined : { address: server.address, index: leader.lastIndex }
  return { catchUp }
}
