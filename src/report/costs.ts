/**
 * What a reload costs, said before it starts: no tool can avoid it, a tool can avoid reloads.
 *
 * @module
 */

import { count, type Style } from './style.js'

/** What the reloads are for. */
export interface CostOptions {
  /** What changes. Default: something among several. */
  readonly rotated?: 'leaves' | 'root' | 'intermediate' | undefined
  /** Whether renewals carry it: then it costs no reload of its own. */
  readonly rides?: boolean | undefined
  /** How many reloads of each agent the whole of it takes. Default: this is all. */
  readonly inAll?: number | undefined
  /** Whether the agents speak plaintext, so that nothing is reloaded. Default: false. */
  readonly plaintext?: boolean | undefined
  /** How many of the agents have to be restarted instead. Default: none. */
  readonly restarts?: number | undefined
}

/** How often, and how. */
function onceText(agents: number, restarts: number): string {
  const reload = (number: number): string =>
    `one reload (SIGHUP, no restart) of each of ${count(number, 'agent', 'agents')}`
  if (restarts === 0) return reload(agents)
  const restart = `one restart of each of ${count(restarts, 'agent', 'agents')}`
  return restarts >= agents ? restart : `${restart}, ${reload(agents - restarts)}`
}

/**
 * What Nomad itself drops at a reload, measured on real agents.
 *
 * @param agents How many are reloaded, each once.
 * @param options What it is for.
 */
export function costText(agents: number, style: Style, options: CostOptions = {}): string {
  if (options.plaintext === true) {
    return 'costs: nothing is reloaded: agents that speak plaintext load their files when TLS is turned on'
  }
  const { rotated, rides = false, inAll = 1, restarts = 0 } = options
  const lines = [
    rides
      ? `costs: no reload of its own: each of ${count(agents, 'agent', 'agents')} takes it up with its next renewal, and is reloaded then`
      : `costs: ${onceText(agents, restarts)}${inAll > 1 ? `, ${inAll} in all` : ''}; servers one at a time, the leader last, then clients in batches`,
    ...(restarts === 0
      ? []
      : ['  a restart takes up what changed in the stanza, which a reload does not']),
    // nomad#4413; nomad/server.go:676-741.
    '  each reload ends the pooled RPC connections to that agent: a request on one fails once with `rpc error: EOF`, and its retry succeeds',
    // command/agent/http.go:364: the listener is closed, connections that are open are not.
    rotated === 'leaves'
      ? '  HTTPS connections that are open go on with the old leaf until they end'
      : '  HTTPS connections that are open stay open, also those of a root that is dropped, until the agent restarts',
    ...(rotated === 'intermediate'
      ? [
          '  this revokes nothing: leaves of the old intermediate are taken as long as its root is trusted',
        ]
      : []),
  ]
  return lines.map((line, index) => (index === 0 ? line : style.faint(line))).join('\n')
}
