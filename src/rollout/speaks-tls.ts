/**
 * Agents that speak TLS while the spec says that all speak plaintext: their files would be put in place and never proven.
 *
 * @module
 */

import type { AgentVerdict } from '../evidence/judge-agents.js'
import type { RolloutNode } from './order.js'
import type { Obstacle } from './preflight.js'

/** An agent that answered a handshake. */
export interface SpeaksTls {
  readonly node: RolloutNode
  /** The host as ssh knows it. */
  readonly host: string
  /** The port that answered. */
  readonly endpoint: string
  /** Whether each of its ports did. */
  readonly whole: boolean
}

/** What a handshake showed of an agent; `undefined`: no port of it speaks TLS. */
export function speaksTls(
  node: RolloutNode,
  host: string,
  verdict: AgentVerdict | undefined,
): SpeaksTls | undefined {
  const { seen = [], silent = [] } = verdict ?? {}
  const [first] = seen
  return first && { node, host, endpoint: first.endpoint, whole: silent.length === 0 }
}

/**
 * Says what the spec must say instead.
 *
 * @param speaking Those that speak TLS.
 * @param all How many agents were looked at.
 */
export function tlsObstacles(
  speaking: readonly SpeaksTls[],
  all: number,
): readonly (readonly [RolloutNode, Obstacle])[] {
  const whole = speaking.length === all && speaking.every((one) => one.whole)
  const remedy = whole
    ? 'write transport: tls in the spec where every agent of the cluster speaks TLS, as all that were looked at do; else transport: upgrading'
    : 'write transport: upgrading in the spec: some agents speak TLS, and others plaintext'
  return speaking.map(({ node, host, endpoint }) => {
    const message = `${endpoint} speaks TLS, and the spec says transport: plaintext`
    return [node, { host, address: node.address, message, remedy }]
  })
}
