/**
 * What a region must be like before its next host is touched, and the waiting until it is.
 *
 * @module
 */

import { parseIdentity } from '../address.js'
import type { RaftReading, Unanswered } from '../probe/raft.js'
import { gateOf, leaderOf, readingPause, type CatchUp } from './gate.js'
import type { RolloutNode } from './order.js'
import {
  stopIfAborted,
  type RolloutEvent,
  type RollOutOptions,
  type RolloutPorts,
} from './ports.js'
import type { Obstacle } from './preflight.js'

/** What speaks against reloading the servers of a region now. */
export async function regionObstacle(
  region: string,
  ports: RolloutPorts,
  options: RollOutOptions,
): Promise<Obstacle | undefined> {
  const answer = await ports.raft(region)
  return answer.state === 'read'
    ? readingObstacle(region, answer.reading, options)
    : unanswered(region, answer)
}

/** Nothing is known of a region. */
export function unanswered(region: string, { state, message }: Unanswered): Obstacle {
  return {
    ...{ host: undefined, address: region },
    ...(state === 'denied'
      ? { message, remedy: 'nomad-pki rollout --policy prints what the token needs' }
      : {
          message: `no server says how the others are: ${message}`,
          remedy: 'nomad-pki probe says more',
        }),
  }
}

/** What a reading says against it. */
export function readingObstacle(
  region: string,
  reading: RaftReading,
  { withoutTolerance }: RollOutOptions,
): Obstacle | undefined {
  const of = (message: string, remedy?: string): Obstacle => ({
    ...{ host: undefined, address: region, message, remedy },
  })
  if (leaderOf(reading) === undefined)
    return of('it has no leader', 'nomad operator autopilot health')
  const ill = reading.servers.filter(({ healthy }) => !healthy).map(({ name }) => name)
  if (ill.length > 0) {
    return of(`${ill.join(', ')} is not healthy`, 'nomad operator autopilot health says why')
  }
  if (reading.failureTolerance < 1 && withoutTolerance?.has(region) !== true) {
    return of(
      `it cannot lose a server (failure tolerance ${reading.failureTolerance})`,
      `add servers; or, where it has one or two: --override tolerance=${region} --reason TEXT, and it may be away for some seconds`,
    )
  }
  return undefined
}

/** Waits until a region can spare its next server. */
export async function* waitForGate(
  region: string,
  catchUp: CatchUp | undefined,
  ports: RolloutPorts,
  options: RollOutOptions,
): AsyncGenerator<RolloutEvent, Obstacle | undefined, undefined> {
  const end = ports.clock() + (options.gatePatience ?? 120_000)
  const tolerance = options.withoutTolerance?.has(region) === true ? 0 : 1
  const readings: RaftReading[] = []
  let said = ''
  for (;;) {
    stopIfAborted(options)
    const answer = await ports.raft(region)
    if (answer.state === 'read') readings.push(answer.reading)
    else readings.length = 0
    const gate =
      answer.state === 'read'
        ? gateOf(readings, { tolerance, catchUp })
        : { open: false as const, message: answer.message }
    if (gate.open) {
      yield { event: 'gate', region, open: true, message: `${gate.leader.name} leads` }
      return undefined
    }
    if (gate.message !== said) yield { event: 'gate', region, open: false, message: gate.message }
    said = gate.message
    if (ports.clock() >= end) {
      return {
        ...{ host: undefined, address: region },
        message: `its servers did not become healthy: ${gate.message}`,
        remedy: 'nomad operator autopilot health; then the same command goes on',
      }
    }
    await ports.sleep(readingPause)
  }
}

/** A client that went down after its reload is `ready` until its heartbeat is missed. */
export async function* waitForClients(
  region: string,
  nodes: readonly RolloutNode[],
  ports: RolloutPorts,
  options: RollOutOptions,
): AsyncGenerator<RolloutEvent, readonly Obstacle[] | undefined, undefined> {
  const began = ports.clock()
  const { heartbeat = 21_000, gatePatience = 120_000 } = options
  let said = ''
  for (;;) {
    stopIfAborted(options)
    const answer = await ports.nodes(region)
    const away =
      answer.state === 'read'
        ? nodes.flatMap((node) => {
            const name = node.host ?? parseIdentity(node.address).name
            const status = answer.nodes.get(name) ?? 'not among the nodes'
            return status === 'ready' ? [] : [{ node, name, status }]
          })
        : undefined
    const waited = ports.clock() - began
    if (away?.length === 0 && waited >= heartbeat) {
      yield { event: 'gate', region, open: true, message: 'its clients are ready' }
      return undefined
    }
    const message =
      away === undefined
        ? 'no server answers'
        : away.length === 0
          ? 'its clients are ready, and one more heartbeat is waited for'
          : away.map(({ name, status }) => `${name} is ${status}`).join(', ')
    if (message !== said) yield { event: 'gate', region, open: false, message }
    said = message
    if (waited >= gatePatience + heartbeat) {
      if (away === undefined) return [unanswered(region, { state: 'silent', message })]
      return away.map(({ node, name, status }) => ({
        ...{ host: node.host, address: node.address },
        message: `${name} is ${status} after its reload`,
        remedy: `its agent's log says why: journalctl -u ${options.unit} -n 50`,
      }))
    }
    await ports.sleep(readingPause)
  }
}
