/**
 * How a token is had: one that is given, or a login. A secret id that came wrapped is unwrapped first, once; a wrapping
 * that somebody opened before is an alarm.
 *
 * @module
 */

import { NomadPkiError } from '../errors.js'
import type { EngineClient } from './client.js'
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
      readonly credentials: () => Promise<AppRoleCredentials>
    }
  | {
      readonly method: 'cert'
      readonly mount: string
      /** Default: any role of the engine that takes the client certificate. */
      readonly role?: string | undefined
    }
  | {
      readonly method: 'jwt'
      readonly mount: string
      /** Default: the role that the method has as its default. */
      readonly role?: string | undefined
      /** Read again for each login: what made it replaces it. */
      readonly jwt: () => Promise<string>
    }

/** The two ids of an AppRole; the second may be wrapped. */
export type AppRoleCredentials =
  | { readonly roleId: string; readonly secretId: string }
  | {
      readonly roleId: string
      /** The token of a wrapping that holds the secret id: it opens once. */
      readonly wrapping: string
      /** Keeps what was in it. The next credentials have the secret id. */
      readonly keep: (secretId: string) => Promise<void>
    }

/** A token, or why there is none. */
export type TokenAnswer =
  | { readonly token: string; readonly verdict?: undefined }
  | { readonly token?: undefined; readonly verdict: EngineVerdict }

/** Gives a token. It answers and does not throw, but for a defect. */
export async function tokenBy(client: EngineClient, login: EngineLogin): Promise<TokenAnswer> {
  let body: Readonly<Record<string, string>>
  try {
    switch (login.method) {
      case 'token':
        return { token: await login.token() }
      case 'cert':
        body = login.role === undefined ? {} : { name: login.role }
        break
      case 'jwt': {
        const jwt = await login.jwt()
        body = { jwt, ...(login.role !== undefined && { role: login.role }) }
        break
      }
      case 'approle': {
        const credentials = await login.credentials()
        const opened = await secretOf(client, credentials, login.mount)
        if (opened.verdict !== undefined) return { verdict: opened.verdict }
        body = { role_id: credentials.roleId, secret_id: opened.secretId }
      }
    }
  } catch (error) {
    return { verdict: { is: 'refused', reason: textOf(error) } }
  }
  const path = `auth/${login.mount}/login`
  const reply = await client.call({ method: 'POST', path, body })
  const verdict = withoutSecrets(verdictOf(reply, path, client.program), Object.values(body))
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

type Opened =
  | { readonly secretId: string; readonly verdict?: undefined }
  | { readonly secretId?: undefined; readonly verdict: EngineVerdict }

async function secretOf(
  client: EngineClient,
  credentials: AppRoleCredentials,
  mount: string,
): Promise<Opened> {
  if ('secretId' in credentials) return { secretId: credentials.secretId }
  const { wrapping: token, keep } = credentials
  const refused = (reason: string): Opened => ({ verdict: { is: 'refused', reason } })
  // Looked at first: a wrapping of something else may be somebody's, who wants us to use it.
  const lookup = 'sys/wrapping/lookup'
  const looked = await client.call({ method: 'POST', path: lookup, body: { token } })
  const facts = withoutSecrets(verdictOf(looked, lookup, client.program), [token])
  if (facts.is === 'passing' || facts.is === 'unknown') {
    return { verdict: { is: 'passing', reason: facts.reason } }
  }
  if (facts.is !== 'done') return refused(alarm(facts.reason))
  const from = facts.data.creation_path
  const begins = `auth/${mount}/role/`
  if (typeof from !== 'string' || !from.startsWith(begins) || !from.endsWith('/secret-id')) {
    return refused(
      `ALARM: the wrapping holds no secret id of ${begins}…: it was made by ${JSON.stringify(from).slice(0, 200)}. Somebody put it in the place of the one for this machine: do not use it, and find out who`,
    )
  }
  const path = 'sys/wrapping/unwrap'
  const unwrapped = await client.call({ method: 'POST', path, token })
  const inside = withoutSecrets(verdictOf(unwrapped, path, client.program), [token])
  if (inside.is === 'passing') return { verdict: inside }
  // It may have been opened: another try would look like an interception.
  if (inside.is === 'unknown') {
    return refused(
      `the answer of ${path} was lost (${inside.reason}): the wrapping may be opened. Make a new secret id, and destroy this one`,
    )
  }
  if (inside.is === 'refused') return refused(alarm(inside.reason))
  const { secret_id: secretId } = inside.data
  if (typeof secretId !== 'string' || !/^[\x21-\x7e]+$/.test(secretId)) {
    return refused(`${path} gave no secret id`)
  }
  await keep(secretId)
  return { secretId }
}

function alarm(why: string): string {
  return `ALARM: the wrapping of the secret id is open already, or it has expired (${why}). If nobody here opened it, another person has the secret id: destroy the secret ids of the role (auth/…/role/NAME/secret-id-accessor/destroy), read the audit log for sys/wrapping/unwrap, then make a new one`
}

/** What is between us and an engine may say a request back, and an answer's words are shown. */
export function withoutSecrets(verdict: EngineVerdict, secrets: readonly string[]): EngineVerdict {
  if (verdict.is === 'done') return verdict
  let { reason } = verdict
  // A short one is a word of every day: the token of an engine for trials is `root`.
  for (const secret of secrets.filter(({ length }) => length >= 8))
    reason = reason.replaceAll(secret, '(hidden)')
  return { ...verdict, reason }
}

interface LoginBody {
  readonly auth?: { readonly client_token?: unknown } | undefined
}

function textOf(error: unknown): string {
  if (!(error instanceof NomadPkiError)) throw error
  return error.hint === undefined ? error.message : `${error.message}; ${error.hint}`
}
