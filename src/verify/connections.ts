/**
 * Which agents Nomad connects, and whether each of these connections will stand: the five name checks
 * and the chains, for every pair of classes.
 *
 * | dialer | listener | as |
 * | --- | --- | --- |
 * | client | servers of its region | RPC, then what only clients may ask |
 * | server | servers of its region | RPC, raft, then what only servers may ask |
 * | server | servers of other regions | RPC (federation) |
 * | client | clients of its region | HTTPS, the node API (migration of allocations) |
 * | operator | servers and clients, any region | HTTPS |
 *
 * @module
 */

import type { Finding } from '../diagnostics.js'
import { groupBy } from '../grouping.js'
import { judgeConnection, type Protocol } from '../nomad/judge.js'
import { isAgent, runsClient, runsServer } from '../nomad/roles.js'
import type { AgentClass } from './classes.js'

/** One kind of connection between two classes. */
export interface Connection {
  readonly dialer: AgentClass
  readonly listener: AgentClass
  readonly protocol: Protocol
  /** The region whose name the dialer asks for. */
  readonly targetRegion: string
}

/** Beyond this many classes of one role in a region, they are held against the largest ones only. */
const manyClasses = 48

/** What a chain is refused for where the trust beside it is another's; `signature` if the names agree. */
const untrusting: ReadonlySet<string> = new Set(['unknown-authority', 'signature'])

/**
 * Lists the connections that Nomad makes between these classes.
 *
 * @param classes All classes of the cluster.
 */
export function connectionsOf(classes: readonly AgentClass[]): readonly Connection[] {
  const connections: Connection[] = []
  for (const family of groupBy(classes, ({ bundle }) => bundle).values()) {
    const servers = family.filter(isServer)
    const operators = family.filter(({ role }) => !isAgent(role))
    const agents = family.filter(({ role }) => isAgent(role))
    for (const region of groupBy(family, ({ region }) => region).values()) {
      const local = region.filter(isServer)
      const clients = region.filter(isClient)
      pairs(clients, local, (dialer, listener) => {
        add(dialer, listener, 'rpc')
        add(dialer, listener, 'client-only-rpc')
      })
      pairs(local, local, (dialer, listener) => {
        add(dialer, listener, 'raft')
        add(dialer, listener, 'server-only-rpc')
      })
      pairs(clients, clients, (dialer, listener) => {
        add(dialer, listener, 'node-api')
      })
    }
    pairs(servers, servers, (dialer, listener) => {
      add(dialer, listener, 'rpc')
    })
    pairs(operators, agents, (dialer, listener) => {
      add(dialer, listener, 'http')
    })
  }
  return connections

  function add(dialer: AgentClass, listener: AgentClass, protocol: Protocol): void {
    connections.push({ dialer, listener, protocol, targetRegion: listener.region })
  }
}

/**
 * Judges every connection between classes.
 *
 * @returns One finding for each way in which a class is refused, however many others refuse it.
 */
export function verifyConnections(
  classes: readonly AgentClass[],
  options: { readonly now: number },
): readonly Finding[] {
  const refusals = new Map<string, Refusal>()
  for (const connection of connectionsOf(classes)) {
    const { dialer, listener, protocol, targetRegion } = connection
    const verdict = judgeConnection(dialer.facts, listener.facts, {
      protocol,
      targetRegion,
      now: options.now,
    })
    if (verdict.ok) continue
    const [fault, other] = verdict.side === 'dialer' ? [dialer, listener] : [listener, dialer]
    // Its own chain doesn't hold up; that has been said, and every peer would repeat it.
    if (fault.broken !== undefined && (verdict.check === 'chain' || verdict.check === 'load'))
      continue
    // A trust that doesn't hold even for its own owner refuses everybody, and none of them is to blame.
    if (verdict.check === 'chain' && untrusting.has(other.broken ?? '')) continue
    const key = `${fault.members[0]!}\n${verdict.check}\n${verdict.side}\n${verdict.message}`
    const known = refusals.get(key)
    if (known !== undefined) known.others.add(other)
    else refusals.set(key, { ...connection, fault, verdict, others: new Set([other]) })
  }
  return [...refusals.values()].map(told)
}

function isServer({ role }: AgentClass): boolean {
  return runsServer(role)
}

function isClient({ role }: AgentClass): boolean {
  return runsClient(role)
}

interface Refusal extends Connection {
  readonly fault: AgentClass
  readonly verdict: Extract<ReturnType<typeof judgeConnection>, { ok: false }>
  readonly others: Set<AgentClass>
}

function told({ fault, verdict, others, protocol }: Refusal): Finding {
  const address = fault.members[0]!
  const alike = fault.members.length - 1
  const count = [...others].reduce((sum, { members }) => sum + members.length, 0)
  const [first] = others
  const peers = count === 1 ? first!.members[0]! : `${first!.members[0]!} and ${count - 1} more`
  const how = verdict.side === 'dialer' ? 'refused by' : 'not trusted by'
  const check = typeof verdict.check === 'number' ? `name check ${verdict.check}` : verdict.check
  return {
    severity: 'error',
    address,
    reason: 'refused',
    message: `${how} ${peers} (${protocol}, ${check}): ${verdict.message}${alike > 0 ? `; ${alike} more alike` : ''}`,
    remedy: 'nomad-pki apply',
  }
}

/** All pairs while they are few; with many classes each meets the largest of the other side, and they meet it. */
function pairs(
  dialers: readonly AgentClass[],
  listeners: readonly AgentClass[],
  visit: (dialer: AgentClass, listener: AgentClass) => void,
): void {
  if (dialers.length * listeners.length <= manyClasses ** 2) {
    for (const dialer of dialers) for (const listener of listeners) visit(dialer, listener)
    return
  }
  const [someDialers, someListeners] = [largest(dialers), largest(listeners)]
  for (const dialer of dialers) for (const listener of someListeners) visit(dialer, listener)
  for (const listener of listeners) {
    if (someListeners.includes(listener)) continue
    for (const dialer of someDialers) visit(dialer, listener)
  }
}

function largest(classes: readonly AgentClass[]): readonly AgentClass[] {
  return [...classes].sort((a, b) => b.members.length - a.members.length).slice(0, manyClasses / 2)
}
