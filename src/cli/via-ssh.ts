/**
 * `--via ssh`: agents are asked from their own hosts, where their ports cannot be reached from here.
 *
 * @module
 */

import { desire } from '../cluster/desire.js'
import type { Desired } from '../cluster/desired.js'
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
  /** Where agents listen, also while they speak plaintext and no handshake can ask them. */
  readonly listening: readonly AgentTarget[]
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
  { spec, desired }: Pick<Workspace, 'spec' | 'desired'>,
  inventory: Inventory,
  context: Context,
  via: 'ssh' | undefined,
  hosts?: Hosts,
): Way {
  const isPlain = desired.transport === 'plaintext'
  const heard = isPlain ? desire({ ...spec, transport: 'tls' }) : desired
  if (via === undefined) {
    return {
      targets: endpointsOf(spec, desired, inventory),
      listening: endpointsOf(spec, heard, inventory),
      ...{ connect: undefined, concurrency: undefined, end: () => Promise.resolve() },
    }
  }
  const hostOf = identityHost(spec, desired)
  const listenersIn = (wanted: Desired): ReturnType<typeof listenersOf> =>
    listenersOf(spec, wanted, inventory, (address) => {
      const host = hostOf(address)
      return host === false ? undefined : host
    })
  const { targets: listening, listeners } = listenersIn(heard)
  const routes = new Map<string, Route>()
  for (const { address, endpoint, there } of listeners) {
    const destination = hostOf(address)
    const text = formatEndpoint(endpoint)
    if (destination !== undefined && !routes.has(text)) routes.set(text, { destination, there })
  }
  const own = hosts ?? sshHosts({ ...spec.node.ssh, env: context.env })
  return {
    targets: isPlain ? listenersIn(desired).targets : listening,
    listening,
    connect: through(own, routes),
    concurrency: logins,
    end: () => (hosts === undefined ? own.end() : Promise.resolve()),
  }
}
