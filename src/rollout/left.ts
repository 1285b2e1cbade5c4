/**
 * What an earlier run left on a host between switch and proof, and what became of it: loaded by the agent,
 * or never.
 *
 * @module
 */

import type { AgentVerdict } from '../evidence/judge-agents.js'
import { parseGenerationName } from '../inventory/generation-name.js'

/** What became of a generation that was put in place and not proven. */
export type Left =
  /** The agent presents it: its installer has to be told. */
  | { readonly loaded: true }
  /** The agent has another one, or does not run: the next one replaces it. */
  | { readonly loaded: false; readonly why: string }

/**
 * Says what became of it.
 *
 * @param left The name of the generation's directory: `3-9f2c41ab`.
 * @param agent Whether the agent runs.
 * @param verdict What a handshake saw just now.
 * @returns `undefined` where it is not known what the agent has loaded.
 */
export function whatBecameOf(
  left: string,
  { running }: { readonly running: boolean },
  verdict: AgentVerdict | undefined,
): Left | undefined {
  if (!running) return { loaded: false, why: 'its agent does not run' }
  if (verdict === undefined || verdict.seen.length === 0 || verdict.silent.length > 0) {
    return undefined
  }
  if (verdict.generation === null) return undefined
  const { number, fingerprint } = parseGenerationName(left) ?? {}
  const whole = verdict.seen.every((one) => one.fingerprint.startsWith(fingerprint ?? '-'))
  return whole && verdict.generation === number
    ? { loaded: true }
    : { loaded: false, why: `its agent presents generation ${verdict.generation}` }
}
