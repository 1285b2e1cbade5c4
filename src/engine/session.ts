/**
 * Calls an engine with a token. The session logs in before the first call, and once more when the token has died. It
 * repeats a call that the engine did certainly not carry out, within a budget.
 *
 * @module
 */

import { setTimeout as sleep } from 'node:timers/promises'
import { shellQuote } from '../shell-quote.js'
import type { EngineCall, EngineClient, EngineProgram } from './client.js'
import { tokenBy, withoutSecrets, type EngineLogin, type TokenAnswer } from './login.js'
import { verdictOf, type EngineVerdict } from './verdict.js'

/** Time and chance. Default: the process's own. */
export interface SessionPorts {
  readonly clock?: (() => number) | undefined
  readonly sleep?: ((milliseconds: number, signal?: AbortSignal) => Promise<void>) | undefined
  /** From 0 up to 1. */
  readonly random?: (() => number) | undefined
}

/** Calls an engine with a token. */
export interface EngineSession {
  /** For messages. */
  readonly origin: string
  /** The namespace that each call names; `undefined`: none. */
  readonly namespace: string | undefined
  /** For commands that are printed. */
  readonly program: EngineProgram
  /**
   * Calls, and judges the answer. It answers and does not throw, but for a signal that was aborted before.
   *
   * @param call `repeat: false`: an answer that is worth another try is given back.
   */
  call(
    call: Omit<EngineCall, 'token'> & { readonly repeat?: boolean | undefined },
  ): Promise<EngineVerdict>
  /** Closes connections that are kept. */
  close(): void
}

/**
 * Gives a command of the engine's own client, for a message that says what to do: in the namespace of the session.
 *
 * @param rest Behind the verb and the flag.
 */
export function engineCommand(
  { namespace, program }: Pick<EngineSession, 'namespace' | 'program'>,
  verb: string,
  rest: string,
): string {
  const flag = namespace === undefined ? '' : ` -namespace=${shellQuote(namespace)}`
  return `${program} ${verb}${flag} ${rest}`
}

/** Calls in flight: more do not make an engine faster. */
export const callsInFlight = 8

/** How long one call is repeated: an election takes up to 24 seconds, a person may unseal. Milliseconds. */
const budget = 60_000
const firstPause = 250
const longestPause = 5_000

/** Opens a session. Nothing is asked yet. */
export function engineSession(
  client: EngineClient,
  login: EngineLogin,
  ports: SessionPorts = {},
): EngineSession {
  const clock = ports.clock ?? Date.now
  const random = ports.random ?? Math.random
  const wait =
    ports.sleep ??
    (async (milliseconds: number, signal?: AbortSignal) =>
      sleep(milliseconds, undefined, signal === undefined ? {} : { signal }))
  let token: Promise<TokenAnswer> | undefined

  const { origin, namespace, program } = client
  return { origin, namespace, program, call, close: () => client.close() }

  async function call({
    repeat = true,
    ...asked
  }: Parameters<EngineSession['call']>[0]): Promise<EngineVerdict> {
    asked.signal?.throwIfAborted()
    const until = clock() + budget
    let renewed = false
    for (let pause = firstPause; ; pause = Math.min(longestPause, pause * 2)) {
      const mine = (token ??= tokenBy(client, login))
      const had = await mine
      let verdict: EngineVerdict
      if (had.token === undefined) {
        if (token === mine) token = undefined
        verdict = had.verdict
      } else {
        const reply = await client.call({ ...asked, token: had.token })
        verdict = withoutSecrets(verdictOf(reply, asked.path, client.program), [had.token])
        if (verdict.is === 'refused' && verdict.token === true && canLogIn() && !renewed) {
          renewed = true
          if (token === mine) token = undefined
          continue
        }
      }
      if (verdict.is !== 'passing' || !repeat) return verdict
      // From half of it to all of it: those that were refused together do not come back together.
      const next = Math.max(verdict.after ?? 0, pause * (0.5 + random() / 2))
      if (clock() + next >= until) {
        return { is: 'refused', reason: `${verdict.reason} (tried for ${budget / 1000}s)` }
      }
      try {
        await wait(next, asked.signal)
      } catch {
        return { is: 'refused', reason: `stopped while it was waited for: ${verdict.reason}` }
      }
    }
  }

  function canLogIn(): boolean {
    return login.method !== 'token'
  }
}
