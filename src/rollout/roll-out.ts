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

import type { RaftServer } from '../probe/raft.js'
import { leaderOf } from './gate.js'
import type { Tally } from './bring-step.js'
import { awaited, isHand, lookAtAll, runs, type Looked } from './look-all.js'
import type { Rollout, RolloutNode, RolloutStep } from './order.js'
import {
  stopIfAborted,
  type RolloutEvent,
  type RollOutOptions,
  type RolloutPorts,
} from './ports.js'
import type { LookedHost } from './preflight.js'
import { isEnough } from './recovery.js'
import type { NextStep } from './step-gates.js'
import { takeStep } from './take-step.js'

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
  const { ready, obstacles, left: unfit } = yield* lookAtAll(rollout, ports, options)
  if (obstacles.length > 0) {
    yield { event: 'refused', obstacles }
    return
  }
  if (options.dryRun === true) {
    for (const { nodes } of rollout.steps) {
      const hands = awaited(nodes, ready)
      if (hands.length > 0) yield { event: 'by-hand', nodes: hands }
    }
  }
  yield { event: 'ready', hosts: ready.size }
  if (unfit.length > 0) yield { event: 'left', obstacles: unfit }
  if (options.dryRun === true) return
  const tally: Tally = {
    proven: 0,
    settled: 0,
    placed: 0,
    delivered: 0,
    failures: [...unfit],
    waited: new Set(),
  }
  const fit = rollout.steps
    .map((step) => ({ ...step, nodes: step.nodes.filter((node) => ready.has(node)) }))
    .filter(({ nodes }) => nodes.length > 0)
  const { steps: left, hands } =
    options.recover === true ? handsLast(fit, ready, ports) : { steps: fit, hands: [] }
  if (hands.length > 0) yield { event: 'by-hand', nodes: hands }
  for (;;) {
    stopIfAborted(options)
    const next = await nextOf(left, ready, ports)
    if (next === undefined) break
    const { step, raft } = next
    yield { event: 'step', step }
    const stopped = yield* takeStep({ step, raft }, ready, tally, ports, options)
    if (stopped !== undefined) {
      yield { event: 'stopped', obstacles: stopped }
      return
    }
  }
  const { proven, settled, placed, delivered, failures } = tally
  yield {
    event: 'done',
    proven,
    settled,
    placed,
    ...(delivered > 0 && { delivered }),
    failures,
    ...(options.plaintext === true && { plaintext: true }),
  }
}

/**
 * In a recovery nobody waits for a person: clients have minutes before their leader takes them for lost. What a
 * person brings comes last, but for servers without which no leader is elected.
 *
 * @returns The steps, and whom a person is told of at once.
 */
function handsLast(
  steps: readonly RolloutStep[],
  ready: Looked,
  ports: RolloutPorts,
): { readonly steps: RolloutStep[]; readonly hands: readonly RolloutNode[] } {
  const first: RolloutStep[] = []
  const last: RolloutStep[] = []
  for (const step of steps) {
    const hands = awaited(step.nodes, ready)
    const others = step.nodes.filter((node) => !hands.includes(node))
    const waits =
      step.kind === 'server' || !isEnough(step, new Set(others), ports.servers(step.region))
    if (hands.length === 0 || waits) {
      first.push(step)
      continue
    }
    if (others.length > 0) first.push({ ...step, nodes: others })
    last.push({ ...step, nodes: hands })
  }
  return { steps: [...first, ...last], hands: last.flatMap(({ nodes }) => nodes) }
}

/**
 * Chooses the next step, and gives what its region's servers said where they were asked. Of the servers of a region an
 * earlier run may have left one between switch and proof: it comes first, also if it leads. Then comes one that is ill,
 * then one that does not lead now: elections between two steps change which that is.
 */
async function nextOf(
  left: RolloutStep[],
  ready: Looked,
  ports: RolloutPorts,
): Promise<NextStep | undefined> {
  const [head] = left
  if (head === undefined) return undefined
  const first = head.nodes[0]!
  if (head.kind !== 'server' || !(runs(ready.get(first)) || isHand(first, ready))) {
    left.shift()
    return { step: head }
  }
  const servers = left.filter(({ kind, region }) => kind === 'server' && region === head.region)
  const begun = servers.find(({ nodes: [node] }) => isBegun(ready.get(node!)))
  const answer = begun === undefined ? await ports.raft(head.region) : undefined
  const reading = answer?.state === 'read' ? answer.reading : undefined
  const leader = reading === undefined ? undefined : leaderOf(reading)
  const of = (server: RaftServer): RolloutStep | undefined =>
    servers.find(({ nodes: [node] }) => ports.isServer(node!.address, server))
  // What it is brought is its cure: nothing else opens the gate for the others.
  const ill = reading?.servers.flatMap((server) => (server.healthy ? [] : (of(server) ?? [])))[0]
  const next =
    begun ??
    ill ??
    (leader === undefined
      ? head
      : (servers.find(({ nodes: [node] }) => !ports.isServer(node!.address, leader)) ?? head))
  left.splice(left.indexOf(next), 1)
  return { step: next, raft: answer }
}

/** An earlier run put files in place there, and nobody has seen its agent present them. */
function isBegun(one: LookedHost | undefined): boolean {
  if (one?.left !== undefined || one?.byHand?.seen === true) return true
  const { generation, wanted } = one?.look.installer ?? {}
  return generation !== undefined && generation === wanted
}
