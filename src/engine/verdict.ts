/**
 * What an answer of an engine means: done, worth another try, refused, or not known. Only what is known not to have
 * been carried out is tried again.
 *
 * @module
 */

import { isNomadPkiError } from '../errors.js'
import type { Certificate } from '../x509/certificate.js'
import { parseCertificates } from '../x509/certificates.js'
import type { EngineProgram, EngineReply } from './client.js'

/** The meaning of an answer. */
export type EngineVerdict =
  | {
      readonly is: 'done'
      /** The field `data` of the answer, or the whole of it; empty where there is none. */
      readonly data: Readonly<Record<string, unknown>>
    }
  | {
      /** Nothing was done, and the same call may succeed. */
      readonly is: 'passing'
      readonly reason: string
      /** Milliseconds that the engine asks to wait. */
      readonly after?: number | undefined
    }
  | {
      /** Nothing was done. */
      readonly is: 'refused'
      readonly reason: string
      readonly status?: number | undefined
      /** Whether the token itself is not, or no longer, good. */
      readonly token?: boolean | undefined
    }
  | {
      /** It may have been done. */
      readonly is: 'unknown'
      readonly reason: string
      /** Whether the cause passes: the same call is answered a moment later. */
      readonly passing: boolean
    }

/**
 * Judges an answer.
 *
 * @param reply What came.
 * @param path What was asked, below `/v1/`; for the message.
 * @param program Whose command gets a new token; for the message.
 */
export function verdictOf(reply: EngineReply, path: string, program: EngineProgram): EngineVerdict {
  if (reply.outcome !== 'answered') {
    const { reason, passing } = reply
    if (reply.outcome === 'unknown') return { is: 'unknown', reason, passing }
    return passing ? { is: 'passing', reason } : { is: 'refused', reason }
  }
  const { status, body, retryAfter } = reply
  if (status >= 200 && status < 300) return { is: 'done', data: dataOf(body) }
  const said = errorsOf(body)
  const words = said === '' ? '' : `: ${said}`
  if (status >= 300 && status < 400) {
    return {
      is: 'unknown',
      passing: true,
      reason: `a standby could not hand the request to the active node (HTTP ${status}); a redirect is not followed`,
    }
  }
  if (status === 429) {
    return { is: 'passing', reason: `the engine limits the rate${words}`, after: retryAfter }
  }
  if (status === 503 && /sealed/i.test(said)) {
    return { is: 'passing', reason: 'the engine is sealed: unseal it', after: retryAfter }
  }
  if (status === 503 && /not initialized|uninitialized/i.test(said)) {
    return { is: 'refused', status, reason: 'the engine is not initialized' }
  }
  if (status === 500 && /active (cluster )?node not found|no active node/i.test(said)) {
    return { is: 'passing', reason: 'the engine elects a new leader' }
  }
  // A new leader looks first at what the mount has in an older form.
  if (/until migration has completed/i.test(said)) {
    return { is: 'passing', reason: `the engine begins to work${words}` }
  }
  if (status === 403) return forbidden(said, path, program)
  if (status === 404) return { is: 'refused', status, reason: notFound(said, path) }
  if (status === 400 || status === 500) {
    if (/HTTP request to an HTTPS server/i.test(said)) {
      return {
        is: 'refused',
        status,
        reason: 'the engine speaks HTTPS at this address: write https:// and replace the token',
      }
    }
    if (said !== '') return { is: 'refused', status, reason: said }
  }
  const unclear = `HTTP ${status} for ${path}${words}`
  return status >= 500
    ? { is: 'unknown', reason: unclear, passing: [502, 503, 504].includes(status) }
    : { is: 'refused', status, reason: unclear }
}

/** Vault says `invalid token` for a dead one; both say `1 error occurred` where a policy is in the way. */
function forbidden(said: string, path: string, program: EngineProgram): EngineVerdict {
  if (/1 error occurred/.test(said)) {
    return {
      is: 'refused',
      status: 403,
      reason: `no policy of the token allows ${path}`,
    }
  }
  return {
    is: 'refused',
    status: 403,
    token: true,
    reason: `the token has expired, is revoked, or is not of this namespace: get a new one (${program} login), then run this again`,
  }
}

function notFound(said: string, path: string): string {
  if (/namespace not found/i.test(said)) return 'the engine does not have this namespace'
  if (/no handler for route|unsupported path/i.test(said)) {
    return `nothing is mounted at ${path.split('/').slice(0, -1).join('/') || path}`
  }
  return said === '' ? `${path} does not exist` : said
}

function dataOf(body: unknown): Readonly<Record<string, unknown>> {
  if (!isRecord(body)) return {}
  return isRecord(body.data) ? body.data : body
}

/** Whether an answer says that the token is good, and that none of its policies allows the call. */
export function lacksRight(verdict: EngineVerdict): boolean {
  return verdict.is === 'refused' && verdict.status === 403 && verdict.token !== true
}

/** What the engine says is shown on one line: it may be anything. */
function errorsOf(body: unknown): string {
  const errors = isRecord(body) && Array.isArray(body.errors) ? (body.errors as unknown[]) : []
  return errors
    .filter((one) => typeof one === 'string')
    .join('; ')
    .replace(/[\s\p{C}]+/gu, ' ')
    .trim()
    .slice(0, 400)
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The one certificate of an answer. */
export function certificateIn(pem: unknown): Certificate | undefined {
  if (typeof pem !== 'string') return undefined
  try {
    const all = parseCertificates(pem)
    return all.length === 1 ? all[0] : undefined
  } catch (error) {
    if (isNomadPkiError(error)) return undefined
    throw error
  }
}
