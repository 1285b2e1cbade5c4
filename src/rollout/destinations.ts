/**
 * Where ssh reaches the hosts of the agents.
 *
 * @module
 */

import { identityAddress } from '../address.js'
import type { Desired } from '../cluster/desired.js'
import { expandTemplate, nodeAt } from '../cluster/pattern.js'
import type { ClusterSpec } from '../cluster/spec.js'
import { machinesOf } from './machines.js'
import type { RolloutNode } from './order.js'

/**
 * Reads them off the spec: `ssh` of the node, else its first address, else its name. Of an identity that several
 * hosts share, the host's name as Nomad has it.
 *
 * @returns For a node of the order: what ssh is given; `false` where the spec says that ssh does not reach it, or that
 *   agents read the store;
 *   `undefined` where nothing says its host.
 */
export function destinationsOf(
  spec: ClusterSpec,
  desired: Desired,
): (node: RolloutNode) => string | false | undefined {
  const hostOf = identityHost(spec, desired)
  const shared = new Set(
    desired.identities.flatMap(({ address, profile }) => (profile.shared ? [address] : [])),
  )
  const machines = machinesOf(spec)
  // Agents that read the store itself are brought nothing: a person has them load it.
  if (spec.node.tls === undefined) return ({ address }) => machines.get(address)?.ssh ?? false
  return ({ address, host }) => (shared.has(address) ? host : (hostOf(address) ?? host))
}

/**
 * The same for the address of an identity.
 *
 * @returns `undefined` for an identity that several hosts share, or that the spec does not have.
 */
export function identityHost(
  spec: ClusterSpec,
  desired: Desired,
): (address: string) => string | false | undefined {
  const said = new Map<string, string | false>(
    [...machinesOf(spec)].flatMap(([address, { ssh }]) =>
      ssh === undefined ? [] : [[address, ssh]],
    ),
  )
  for (const { name: region, groups } of spec.regions) {
    for (const { role, pattern, shared, ssh } of groups) {
      if (ssh === undefined || shared) continue
      for (let index = 0; index < pattern.count; index += 1) {
        const node = nodeAt(pattern, index)
        const address = identityAddress({ role, region, name: node.name })
        said.set(address, ssh === false ? false : expandTemplate(ssh, node))
      }
    }
  }
  const identities = new Map(desired.identities.map((one) => [one.address, one]))
  return (address) => {
    const own = said.get(address)
    if (own !== undefined) return own
    const identity = identities.get(address)
    if (identity === undefined || identity.profile.shared) return undefined
    return identity.ips[0] ?? identity.name
  }
}
