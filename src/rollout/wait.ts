/**
 * What a region must be like before its next host is touched, and the waiting until it is.
 *
 * @module
 */

import { parseIdentity } from '../address.js'
import type { RaftReading, RaftServer, Unanswered } from '../probe/raft.js'
import { gateOf, illIn, leaderOf, readingPause, type CatchUp } from './gate.js'
import type { RolloutNode } from './order.js'
import {
  stopIfAborted,
  type Guard,
  type RolloutEvent,
  type RollOutOptions,
  type RolloutPorts,
} from './ports.js'
import type { Obstacle } from './preflight.js'

/** The agents of an order. */
export interface Ordered {
  /** Addresses of all of them. */
  readonly all: ReadonlySet<string>
  /** Addresses of those that do not run: Nomad may have forgotten them. */
  readonly stopped: ReadonlySet<string>
}

/** What speaks against reloading the servers of a region now. */
export async function regionObstacle(
  region: string,
  ordered: Ordered,
  ports: RolloutPorts,
  options: RollOutOptions,
): Promise<Obstacle | undefined> {
  const answer = await ports.raft(region)
  if (answer.state !== 'read') return unanswered(region, answer)
  const { reading } = answer
  const all = ports.servers(region)
  const nameless = all.find((address) => {
    const found = reading.servers.filter((one) => ports.isServer(address, one)).length
    return found !== 1 && !(found === 0 && ordered.stopped.has(address))
  })
  const leader = leaderOf(reading)
  if (
    nameless !== undefined ||
    (leader !== undefined && !all.some((address) => ports.isServer(address, leader)))
  ) {
    return {
      ...{ host: undefined, address: nameless ?? region },
      message: 'the servers that Nomad names are not those of the spec, so nothing says who leads',
      remedy:
        'write rpc: at each server, as nomad server members has it (nomad-pki probe compares them); take a server that is gone out of the spec',
    }
  }
  // One that an earlier run left between switch and proof is between them now, in this order or not.
  for (const { address, state, message } of await ports.prove(all, { note: false })) {
    if (ordered.all.has(address) || state === 'proven' || state === 'excepted') continue
    return {
      ...{ host: undefined, address },
      message: `it is not proven, and not in this order: ${message}`,
      remedy:
        'no second server of its region is touched before: name it too, or mend it first; take a server that is gone out of the spec',
    }
  }
  const mends = (server: RaftServer): boolean =>
    all.some((address) => ordered.all.has(address) && ports.isServer(address, server))
  return readingObstacle(region, reading, mends, options)
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

/** The guards that were overridden, and would have refused this reading. */
export function guardsUsed(
  region: string,
  reading: RaftReading,
  { withoutTolerance, mayBeIll }: RollOutOptions,
): readonly Guard[] {
  const ill = reading.servers.filter(
    ({ healthy, name }) => !healthy && mayBeIll?.has(name) === true,
  )
  const intolerant = reading.failureTolerance < 1 && withoutTolerance?.has(region) === true
  return [
    ...ill.map(({ name }) => ({ code: 'unhealthy' as const, value: name })),
    ...(intolerant ? [{ code: 'tolerance' as const, value: region }] : []),
  ]
}

/**
 * What a reading says against it. The only server that is ill may be the one that comes first: what it is
 * brought is its cure, and the region is without it already.
 *
 * @param mends Whether a server is one that comes first.
 */
export function readingObstacle(
  region: string,
  reading: RaftReading,
  mends: (server: RaftServer) => boolean,
  { withoutTolerance, mayBeIll }: RollOutOptions,
): Obstacle | undefined {
  const of = (message: string, remedy?: string): Obstacle => ({
    ...{ host: undefined, address: region, message, remedy },
  })
  if (leaderOf(reading) === undefined)
    return of('it has no leader', 'nomad operator autopilot health')
  const ill = illIn(reading, mayBeIll)
  if (ill.length === 1 && mends(ill[0]!)) return undefined
  if (ill.length > 0) {
    const names = ill.map(({ name }) => name)
    return of(
      `${names.join(', ')} ${names.length === 1 ? 'is' : 'are'} not healthy`,
      `nomad operator autopilot health says why; to go on all the same: ${names.map((name) => `--override unhealthy=${name}`).join(' ')} --reason TEXT`,
    )
  }
  if (reading.failureTolerance < 1 && withoutTolerance?.has(region) !== true) {
    return of(
      `it cannot lose a server (failure tolerance ${reading.failureTolerance})`,
      `add servers; or, where it has one or two: --override tolerance=${region} --reason TEXT, and it may be away for some seconds`,
    )
  }
  return undefined
}

/** A region of one or two servers has none; that this is known was asked before the first of them. */
function toleranceOf(
  region: string,
  { servers }: RaftReading,
  { withoutTolerance }: RollOutOptions,
): number {
  return withoutTolerance?.has(region) === true || servers.length < 3 ? 0 : 1
}

/**
 * Waits until a region can spare its next server.
 *
 * @param spared Servers that may be ill, by their addresses: a leader is waited for, and the others. Default: none,
 *   and the region must be able to lose one more.
 */
export async function* waitForGate(
  region: string,
  catchUp: CatchUp | undefined,
  ports: RolloutPorts,
  options: RollOutOptions,
  spared?: readonly string[],
): AsyncGenerator<RolloutEvent, Obstacle | undefined, undefined> {
  const end = ports.clock() + (options.gatePatience ?? 120_000)
  const readings: RaftReading[] = []
  let said = ''
  for (;;) {
    stopIfAborted(options)
    const answer = await ports.raft(region)
    if (answer.state === 'read') readings.push(answer.reading)
    else readings.length = 0
    const gate =
      answer.state === 'read'
        ? gateOf(readings, {
            tolerance: spared === undefined ? toleranceOf(region, answer.reading, options) : 0,
            ...{ catchUp, accepted: acceptedIn(answer.reading, spared, ports, options) },
          })
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

/** Servers that may be ill, as gossip calls them. */
function acceptedIn(
  { servers }: RaftReading,
  spared: readonly string[] = [],
  ports: RolloutPorts,
  { mayBeIll = new Set() }: RollOutOptions,
): ReadonlySet<string> {
  const own = servers.filter((one) => spared.some((address) => ports.isServer(address, one)))
  return new Set([...mayBeIll, ...own.map(({ name }) => name)])
}

/** A client that went down after its reload is `ready` until its heartbeat is missed. */
export async function* waitForClients(
  region: string,
  nodes: readonly RolloutNode[],
  ports: RolloutPorts,
  options: RollOutOptions,
): AsyncGenerator<RolloutEvent, readonly Obstacle[] | undefined, undefined> {
  const began = ports.clock()
  const { gatePatience = 120_000 } = options
  let heartbeat = options.heartbeat ?? 0
  let said = ''
  for (;;) {
    stopIfAborted(options)
    const answer = await ports.nodes(region)
    if (answer.state === 'read') heartbeat = options.heartbeat ?? missedAfter(answer.nodes.size)
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

/**
 * How long the servers wait for a heartbeat at the most, milliseconds: a TTL that grows with the number of
 * clients, as much again at random, and a grace (nomad/heartbeat.go, resetHeartbeatTimer of 1.11.3).
 */
function missedAfter(clients: number): number {
  return 1000 * (2 * Math.max(10, clients / 50) + 10 + 2)
}
