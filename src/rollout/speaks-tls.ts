/**
 * Agents that speak TLS while the spec says that all speak plaintext: their files would be put in place and never proven.
 *
 * @module
 */

import type { AgentVerdict } from '../evidence/judge-agents.js'
import type { RolloutNode } from './order.js'
import type { Obstacle } from './preflight.js'

/** What the ports of an agent were seen to speak. */
export interface Spoken {
  readonly node: RolloutNode
  /** The host as ssh knows it. */
  readonly host: string
  /** The port that answered in TLS; absent: none did. */
  readonly endpoint?: string | undefined
  /** Whether each of its ports did. */
  readonly whole: boolean
  /** Whether a port answered, and not in TLS. */
  readonly other: boolean
}

/** Reads it from what a probe saw of an agent. */
export function spokenBy(
  node: RolloutNode,
  host: string,
  verdict: AgentVerdict | undefined,
): Spoken {
  const { seen = [], silent = [] } = verdict ?? {}
  const [first] = seen
  return {
    ...{ node, host, endpoint: first?.endpoint },
    whole: first !== undefined && silent.length === 0,
    other: silent.some(({ unreached }) => unreached !== true),
  }
}

/**
 * Says what the spec must say instead.
 *
 * @param asked What agents were seen to speak. One whose host is not fit was not asked.
 * @param all How many agents are in the order.
 */
export function tlsObstacles(
  asked: readonly Spoken[],
  all: number,
): readonly (readonly [RolloutNode, Obstacle])[] {
  const remedy = asked.some(({ other }) => other)
    ? 'write transport: upgrading in the spec: some ports speak TLS, and others answer in something else'
    : asked.length === all && asked.every(({ whole }) => whole)
      ? 'write transport: tls in the spec where every agent of the cluster speaks TLS, as all that were looked at do; else transport: upgrading'
      : 'write transport: tls in the spec where every agent of the cluster speaks TLS, which was not seen of all here; where some speak plaintext: transport: upgrading'
  return asked.flatMap(({ node, host, endpoint }) => {
    if (endpoint === undefined) return []
    const message = `${endpoint} speaks TLS, and the spec says transport: plaintext`
    return [[node, { host, address: node.address, message, remedy }] as const]
  })
}
