/**
 * Where each agent listens, as its own host sees it: for handshakes that begin there.
 *
 * @module
 */

import { isIP } from 'node:net'
import type { Inventory } from '../inventory/inventory.js'
import type { Desired } from '../cluster/desired.js'
import type { ClusterSpec } from '../cluster/spec.js'
import { endpointsOf, type AgentEndpoint, type AgentTarget } from './endpoints.js'

/** A port of an agent, by the name that evidence has for it, and as its host sees it. */
export interface Listener {
  /** `identity/server/global/s1` */
  readonly address: string
  /** As every other probe calls it; where that would be a loopback address, by the name of its host. */
  readonly endpoint: AgentEndpoint
  /** What its host connects to. */
  readonly there: AgentEndpoint
}

/**
 * Finds the ports of agents as their hosts see them: what the spec says; else what the configuration listens on, which is
 * 127.0.0.1 where it listens on every address; else the first address of the node.
 *
 * @param hostOf What ssh knows an agent's host as; `undefined`: nothing says it.
 * @returns The agents of `endpointsOf`, with ports also where only their hosts are known; and what each port is
 *   on its host.
 */
export function listenersOf(
  spec: ClusterSpec,
  desired: Desired,
  inventory: Inventory,
  hostOf: (address: string) => string | undefined,
): { readonly targets: readonly AgentTarget[]; readonly listeners: readonly Listener[] } {
  const listeners: Listener[] = []
  const from = new Map(
    endpointsOf(spec, desired, inventory).map((target) => [target.address, target.endpoints]),
  )
  const targets = endpointsOf(spec, desired, inventory, 'host').map(({ address, endpoints }) => ({
    address,
    endpoints: endpoints.map((there) => {
      const host = hostOf(address)
      const known = from.get(address)!.find(({ rpc }) => rpc === there.rpc) ?? there
      const endpoint = isLoopback(known.host) && host !== undefined ? { ...known, host } : known
      listeners.push({ address, endpoint, there })
      return endpoint
    }),
  }))
  return { targets, listeners }
}

/** Every host has it, so that it names none. */
function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'))
}
