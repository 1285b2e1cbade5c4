/**
 * Brings what was made to running agents, in the order of `planRollout`: first every host is looked at, then
 * one server after the other, with a gate between them, then clients in batches. Whatever stops it, the
 * same call goes on: agents that are proven are not in the order any more, and the installer on a host
 * finishes what it began.
 *
 * At no time are two servers of a region between their reload and their proof, but where the certificates of most
 * have ended: then there is no quorum to be kept.
 *
 * @module
 */

import { bring } from './bring.js'
import { leaderOf, type CatchUp } from './gate.js'
import { isRunning } from './delivery-for.js'
import { lookAt } from './look.js'
import type { Rollout, RolloutNode, RolloutStep } from './order.js'
import { events, inParallel } from './parallel.js'
import {
  stopIfAborted,
  type RolloutEvent,
  type RollOutOptions,
  type RolloutPorts,
} from './ports.js'
import type { LookedHost, Obstacle } from './preflight.js'
import { readingObstacle, regionObstacle, unanswered, waitForClients, waitForGate } from './wait.js'

/**
 * Looks at every host, and brings each what was made for its agent.
 *
 * @param rollout The order: `planRollout`.
 * @param ports Hosts, probes, the ledger.
 * @param options The place on the hosts, and how careful.
 * @returns Events as they happen. The last one is `refused`, `stopped` or `done`; with `dryRun` `ready`.
 * @throws {NomadPkiError} `ERR_INTERRUPTED`: between two hosts; what the ports throw.
 */
export async function* rollOut(
  rollout: Rollout,
  ports: RolloutPorts,
  options: RollOutOptions,
): AsyncGenerator<RolloutEvent, void, undefined> {
  const nodes = rollout.steps.flatMap((step) => step.nodes)
  const ready = new Map<RolloutNode, LookedHost>()
  const obstacles: Obstacle[] = []
  const queue = events<RolloutEvent>()
  const looking = inParallel(nodes, options.concurrency ?? 8, async (node) => {
    const found = await lookAt(node, ports, options)
    obstacles.push(...found.obstacles)
    if (found.ready !== undefined) ready.set(node, found.ready)
    const host = found.host ?? node.host ?? node.address
    queue.push({ event: 'looked', node, host, ready: found.ready !== undefined })
  })
  yield* queue.until(looking)
  stopIfAborted(options)
  const ordered = new Set(nodes.map(({ address }) => address))
  for (const region of regionsOf(rollout, ready, 'server')) {
    const obstacle = await regionObstacle(region, ordered, ports, options)
    if (obstacle !== undefined) obstacles.push(obstacle)
  }
  const ended = new Set(
    rollout.steps.flatMap(({ kind, region }) => (kind === 'servers' ? region : [])),
  )
  for (const region of regionsOf(rollout, ready, 'clients')) {
    // Servers whose certificates have ended cannot be asked before they have new ones.
    if (ended.has(region)) continue
    const answer = await ports.nodes(region)
    if (answer.state !== 'read') obstacles.push(unanswered(region, answer))
  }
  if (obstacles.length > 0) {
    yield { event: 'refused', obstacles }
    return
  }
  yield { event: 'ready', hosts: ready.size }
  if (options.dryRun === true) return
  let proven = 0
  let placed = 0
  const failures: Obstacle[] = []
  const left = [...rollout.steps]
  const looked = new Set<string>()
  for (;;) {
    stopIfAborted(options)
    const step = await nextOf(left, ready, ports)
    if (step === undefined) break
    yield { event: 'step', step }
    if (step.kind === 'server' && !looked.has(step.region) && runs(ready.get(step.nodes[0]!))) {
      // An earlier run may have ended a moment ago: its last server is waited for here.
      looked.add(step.region)
      const outcome = yield* waitForGate(step.region, undefined, ports, options)
      if (outcome !== undefined) {
        yield { event: 'stopped', obstacles: [outcome] }
        return
      }
    }
    if (step.kind === 'servers' && (await ports.raft(step.region)).state === 'read') {
      const message = 'its certificates are said to have ended, and its servers answer'
      const remedy = 'nomad-pki probe, and then the same command'
      yield {
        event: 'stopped',
        obstacles: [{ host: undefined, address: step.region, message, remedy }],
      }
      return
    }
    const failed: Obstacle[] = []
    const done = events<RolloutEvent>()
    const before =
      step.kind === 'server' ? await gateBefore(step, ready, ports, options) : undefined
    if (before !== undefined && 'message' in before) {
      yield { event: 'stopped', obstacles: [before] }
      return
    }
    // Without a server the region may have no quorum: of them none may fail.
    const mayFail = step.kind === 'clients' ? (options.maxFailures ?? 0) : 0
    const tooMany = (): boolean => failed.length > 0 && failures.length + failed.length > mayFail
    const width = step.kind === 'server' ? 1 : (options.concurrency ?? 8)
    const working = inParallel(step.nodes, width, async (node) => {
      if (tooMany() || options.signal?.aborted === true) return
      const one = ready.get(node)!
      const tell = (
        state: Extract<RolloutEvent, { event: 'host' }>['state'],
        message?: string,
      ): void => {
        done.push({ event: 'host', node, host: one.host, state, message })
      }
      const fault = await bring(one, ports, options, tell)
      if (fault !== undefined) {
        failed.push({ host: one.host, address: node.address, ...fault })
        tell('failed', fault.message)
      } else if (isRunning(one)) proven += 1
      else placed += 1
    })
    yield* done.until(working)
    if (tooMany()) {
      yield { event: 'stopped', obstacles: [...failures, ...failed] }
      return
    }
    failures.push(...failed)
    stopIfAborted(options)
    const away = new Set(failed.map(({ address }) => address))
    const running = step.nodes.filter((node) => runs(ready.get(node)) && !away.has(node.address))
    if (step.kind === 'clients' && running.length > 0) {
      const outcome = yield* waitForClients(step.region, running, ports, options)
      if (outcome !== undefined) {
        yield { event: 'stopped', obstacles: outcome }
        return
      }
    }
    if (step.kind !== 'clients' && running.length > 0) {
      const outcome = yield* waitForGate(step.region, before?.catchUp, ports, options)
      if (outcome !== undefined) {
        yield { event: 'stopped', obstacles: [outcome] }
        return
      }
    }
  }
  yield { event: 'done', proven, placed, failures }
}

/** Regions whose servers or clients run, and are to be reloaded. */
function regionsOf(
  { steps }: Rollout,
  ready: ReadonlyMap<RolloutNode, LookedHost>,
  wanted: RolloutStep['kind'],
): readonly string[] {
  const regions = steps
    .filter(({ kind, nodes }) => kind === wanted && nodes.some((node) => runs(ready.get(node))))
    .map(({ region }) => region)
  return [...new Set(regions)]
}

/**
 * The next step: of the servers of a region one that an earlier run left between switch and proof, whoever leads;
 * else one that does not lead now. Elections between two steps change who that is.
 */
async function nextOf(
  left: RolloutStep[],
  ready: ReadonlyMap<RolloutNode, LookedHost>,
  ports: RolloutPorts,
): Promise<RolloutStep | undefined> {
  const [head] = left
  if (head?.kind !== 'server' || !runs(ready.get(head.nodes[0]!))) return left.shift()
  const servers = left.filter(({ kind, region }) => kind === 'server' && region === head.region)
  const begun = servers.find(({ nodes: [node] }) => isBegun(ready.get(node!)))
  const answer = begun === undefined ? await ports.raft(head.region) : undefined
  const leader = answer?.state === 'read' ? leaderOf(answer.reading) : undefined
  const next =
    begun ??
    (leader === undefined
      ? head
      : (servers.find(({ nodes: [node] }) => !ports.isServer(node!.address, leader)) ?? head))
  left.splice(left.indexOf(next), 1)
  return next
}

/** Before a server is reloaded: the region can spare it, and how far the log has come. */
async function gateBefore(
  { region, nodes: [node] }: RolloutStep,
  ready: ReadonlyMap<RolloutNode, LookedHost>,
  ports: RolloutPorts,
  options: RollOutOptions,
): Promise<Obstacle | { readonly catchUp: CatchUp | undefined } | undefined> {
  if (!runs(ready.get(node!))) return undefined
  const answer = await ports.raft(region)
  if (answer.state !== 'read') {
    return { host: undefined, address: region, message: answer.message }
  }
  const obstacle = readingObstacle(region, answer.reading, options)
  if (obstacle !== undefined) return obstacle
  const server = answer.reading.servers.find((one) => ports.isServer(node!.address, one))
  const leader = leaderOf(answer.reading)!
  const catchUp =
    server === undefined ? undefined : { address: server.address, index: leader.lastIndex }
  return { catchUp }
}

/** Its files are in place, and nobody has seen its agent present them. */
function isBegun(one: LookedHost | undefined): boolean {
  const { generation, wanted } = one?.look.installer ?? {}
  return generation !== undefined && generation === wanted
}

function runs(one: LookedHost | undefined): boolean {
  return one !== undefined && isRunning(one)
}
