/**
 * `--via ssh`: agents are asked from their own hosts, where their ports cannot be reached from here.
 *
 * @module
 */

import { identityHost } from '../rollout/destinations.js'
import { sshHosts } from '../hosts/ssh-hosts.js'
import { through, type Route } from '../hosts/through.js'
import type { Hosts } from '../hosts/host.js'
import type { Inventory } from '../inventory/inventory.js'
import type { Connect } from '../probe/dial.js'
import { endpointsOf, formatEndpoint, type AgentTarget } from '../probe/endpoints.js'
import { listenersOf } from '../probe/listeners.js'
import type { Context } from './context.js'
import type { Workspace } from './workspace.js'

/** Where agents are asked, and how. */
export interface Way {
  readonly targets: readonly AgentTarget[]
  /** `undefined`: from here. */
  readonly connect: Connect | undefined
  /** Handshakes at a time; `undefined`: as many as usual. */
  readonly concurrency: number | undefined
  /** Ends the connections that it made. */
  readonly end: () => Promise<void>
}

/** A jump host that all connections pass takes ten that are not logged in yet (sshd's MaxStartups). */
const logins = 8

/**
 * Finds the agents and the way to them.
 *
 * @param via `ssh`: through their hosts.
 * @param hosts Connections that are there already; they are not ended. Default: new ones.
 */
export function wayTo(
  { spec, desired }: Workspace,
  inventory: Inventory,
  context: Context,
  via: 'ssh' | undefined,
  hosts?: Hosts,
): Way {
  if (via === undefined) {
    const targets = endpointsOf(spec, desired, inventory)
    return { targets, connect: undefined, concurrency: undefined, end: () => Promise.resolve() }
  }
  const hostOf = identityHost(spec, desired)
  const { targets, listeners } = listenersOf(spec, desired, inventory, (address) => {
    const host = hostOf(address)
    return host === false ? undefined : host
  })
  const routes = new Map<string, Route>()
  for (const { address, endpoint, there } of listeners) {
    const destination = hostOf(address)
    const text = formatEndpoint(endpoint)
    if (destination !== undefined && !routes.has(text)) routes.set(text, { destination, there })
  }
  const own = hosts ?? sshHosts({ ...spec.node.ssh, env: context.env })
  return {
    targets,
    connect: through(own, routes),
    concurrency: logins,
    end: () => (hosts === undefined ? own.end() : Promise.resolve()),
  }
}
