/**
 * Connections to agents that begin on the agents' own hosts.
 *
 * @module
 */

import { NomadPkiError } from '../errors.js'
import type { Connect } from '../probe/dial.js'
import { formatEndpoint, type AgentEndpoint } from '../probe/endpoints.js'
import type { Hosts } from './host.js'

/** How a port is reached. */
export interface Route {
  /** The host, as ssh knows it; `false`: not by ssh, but from here. */
  readonly destination: string | false
  /** What the host connects to. */
  readonly there: Pick<AgentEndpoint, 'host' | 'port'>
}

/**
 * Makes connections to ports through the hosts that the agents run on.
 *
 * @param hosts The hosts.
 * @param routes By the endpoint, as `formatEndpoint` writes it. A port that is not listed is taken for one of the
 *   host that its endpoint names: Nomad has told where it is.
 * @returns For `probeCluster` and its like.
 */
export function through(hosts: Hosts, routes: ReadonlyMap<string, Route>): Connect {
  return async (endpoint) => {
    const { destination, there } = routes.get(formatEndpoint(endpoint)) ?? {
      destination: endpoint.host,
      there: endpoint,
    }
    if (destination === false) return undefined
    const answer = await hosts.at(destination).open(there.host, there.port)
    if (answer.reached) return answer.stream
    throw new NomadPkiError(
      'ERR_UNREACHABLE',
      `its host ${destination} was not reached by ssh: ${answer.message}`,
      { hint: answer.remedy },
    )
  }
}
