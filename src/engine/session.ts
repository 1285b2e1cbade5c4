/**
 * Calls with a token: logs in where a token has to be had first, once more where it died, and repeats a call that is
 * known not to have been carried out, within a budget.
 *
 * @module
 */

import { setTimeout as sleep } from 'node:timers/promises'
import { NomadPkiError } from '../errors.js'
import type { EngineCall, EngineClient } from './client.js'
import { verdictOf, type EngineVerdict } from './verdict.js'

/** How a token is had. */
export type EngineLogin =
  | {
      readonly method: 'token'
      /** Asked for once, when it is needed first. */
      readonly token: () => Promise<string>
    }
  | {
      readonly method: 'approle'
      readonly mount: string
      readonly credentials: () => Promise<{ readonly roleId: string; readonly secretId: string }>
    }
  | {
      readonly method: 'cert'
      readonly mount: string
      /** Default: any role of the engine that takes the client certificate. */
      readonly role?: string | undefined
    }

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

  const { origin, namespace } = client
  return { origin, namespace, call, close: () => client.close() }

  async function call({
    repeat = true,
    ...asked
  }: Parameters<EngineSession['call']>[0]): Promise<EngineVerdict> {
    asked.signal?.throwIfAborted()
    const until = clock() + budget
    let renewed = false
    for (let pause = firstPause; ; pause = Math.min(longestPause, pause * 2)) {
      const mine = (token ??= take())
      const had = await mine
      let verdict: EngineVerdict
      if (had.token === undefined) {
        if (token === mine) token = undefined
        verdict = had.verdict
      } else {
        const reply = await client.call({ ...asked, token: had.token })
        verdict = withoutSecrets(verdictOf(reply, asked.path), [had.token])
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

  async function take(): Promise<TokenAnswer> {
    if (login.method === 'token') {
      try {
        return { token: await login.token() }
      } catch (error) {
        return { verdict: { is: 'refused', reason: textOf(error) } }
      }
    }
    const path = `auth/${login.mount}/login`
    let body: Record<string, string>
    try {
      if (login.method === 'cert') body = login.role === undefined ? {} : { name: login.role }
      else {
        const { roleId, secretId } = await login.credentials()
        body = { role_id: roleId, secret_id: secretId }
      }
    } catch (error) {
      return { verdict: { is: 'refused', reason: textOf(error) } }
    }
    const reply = await client.call({ method: 'POST', path, body })
    const verdict = withoutSecrets(verdictOf(reply, path), Object.values(body))
    if (verdict.is === 'done') {
      const auth =
        reply.outcome === 'answered' ? (reply.body as LoginBody | undefined)?.auth : undefined
      if (typeof auth?.client_token === 'string') return { token: auth.client_token }
      return { verdict: { is: 'refused', reason: `${path} gave no token` } }
    }
    // A login that was lost made a token that nobody uses: it can be asked for again.
    if (verdict.is === 'unknown') return { verdict: { is: 'passing', reason: verdict.reason } }
    if (verdict.is === 'passing') return { verdict }
    return {
      verdict: {
        is: 'refused',
        reason: `the login by ${login.method} failed (${path}): ${verdict.reason}`,
      },
    }
  }
}

/** What is between us and an engine may say a request back, and an answer's words are shown. */
function withoutSecrets(verdict: EngineVerdict, secrets: readonly string[]): EngineVerdict {
  if (verdict.is === 'done') return verdict
  let { reason } = verdict
  // A short one is a word of every day: the token of an engine for trials is `root`.
  for (const secret of secrets.filter(({ length }) => length >= 8))
    reason = reason.replaceAll(secret, '(hidden)')
  return { ...verdict, reason }
}

type TokenAnswer =
  | { readonly token: string; readonly verdict?: undefined }
  | { readonly token?: undefined; readonly verdict: EngineVerdict }

interface LoginBody {
  readonly auth?: { readonly client_token?: unknown } | undefined
}

function textOf(error: unknown): string {
  if (!(error instanceof NomadPkiError)) throw error
  return error.hint === undefined ? error.message : `${error.message}; ${error.hint}`
}
