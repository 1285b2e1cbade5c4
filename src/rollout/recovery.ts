/**
 * The order of a recovery: the quorum first, then the clients, all at once.
 *
 * @module
 */

import type { Rollout, RolloutNode, RolloutStep } from './order.js'
import type { Override } from '../overrides.js'

/** What is known of a recovery. */
export interface RecoveryOrder {
  /** Regions whose servers have no quorum: one server at a time would wait for health that cannot come. */
  readonly quorumLost: ReadonlySet<string>
  /** What the installer of an agent has to accept: its new root. */
  readonly overridesFor: (address: string) => readonly Override[]
  /** Whether all clients of a region are brought together. */
  readonly allClients: boolean
}

/**
 * Gives the steps of a rollout as a recovery takes them. A region without a quorum gets all its servers at once. Of
 * clients nothing is left to protect one from the other: servers mark each down that they have not heard five
 * minutes after the election.
 *
 * @see nomad/heartbeat.go:86 and nomad/config.go:631 of Nomad 1.11.3 (failover_heartbeat_ttl, 300 s)
 */
export function recoveryOrder(
  rollout: Rollout,
  { quorumLost, overridesFor, allClients }: RecoveryOrder,
): Rollout {
  const steps: Omit<RolloutStep, 'number'>[] = []
  const together = new Map<string, { at: number; nodes: RolloutNode[] }>()
  for (const { kind, region, nodes: own } of rollout.steps) {
    const nodes = own.map((node) => ({
      ...node,
      overrides: [...node.overrides, ...overridesFor(node.address)],
    }))
    const merged: RolloutStep['kind'] =
      kind !== 'clients' ? (quorumLost.has(region) ? 'servers' : 'server') : 'clients'
    const isAlone = merged === 'server' || (merged === 'clients' && !allClients)
    const key = `${merged} ${region}`
    const before = isAlone ? undefined : together.get(key)
    if (before !== undefined) {
      before.nodes.push(...nodes)
      continue
    }
    // A region that elects a leader although the ledger said otherwise: one server at a time.
    if (merged === 'server') {
      for (const node of nodes) steps.push({ kind: merged, region, nodes: [node] })
      continue
    }
    together.set(key, { at: steps.length, nodes })
    steps.push({ kind: merged, region, nodes })
  }
  return { ...rollout, steps: steps.map((step, at) => ({ number: at + 1, ...step })) }
}

/** Whether enough servers of a step can be brought for its region to elect a leader. */
export function isEnough(
  { kind, nodes }: RolloutStep,
  fit: ReadonlySet<RolloutNode>,
  servers: readonly string[],
): boolean {
  if (kind === 'clients' || kind === 'machines') return true
  const named = new Set(nodes.map(({ address }) => address))
  const others = servers.filter((address) => !named.has(address)).length
  const brought = nodes.filter((node) => fit.has(node)).length
  return others + brought >= Math.floor(servers.length / 2) + 1
}
