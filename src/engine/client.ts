/**
 * Calls to the HTTP API of Vault and OpenBao, on `node:https`. A redirect is an answer and is not followed: the token
 * goes to one origin and to no other.
 *
 * @module
 */

import http from 'node:http'
import https from 'node:https'

/** An engine's own client, for commands that are printed. */
export type EngineProgram = 'bao' | 'vault'

/** Where an engine is, and how it is reached. */
export interface EngineAddress {
  /** `https://vault.acme.internal:8200`; `http:` on a loopback alone. */
  readonly origin: string
  /** Sent with each call. Default: the root namespace. */
  readonly namespace?: string | undefined
  /** Roots that the engine's certificate must lead to, PEM. Default: those of the system. */
  readonly ca?: Uint8Array | undefined
  /** The certificate that is presented to the engine, PEM. Default: none. */
  readonly certificate?: { readonly cert: Uint8Array; readonly key: Uint8Array } | undefined
  /** The name that the engine's certificate must have. Default: the host of the address. */
  readonly serverName?: string | undefined
  /** Whether any certificate of the engine is taken; on a loopback alone. Default: it is checked. */
  readonly insecure?: boolean | undefined
  /** How long one call may take, milliseconds. */
  readonly timeout: number
  /** Which client the person at this machine uses. Default: `bao`. */
  readonly program?: EngineProgram | undefined
  /** What settings are called in messages, by variable, where they are not called `BAO_*`. */
  readonly settings?: Readonly<Record<string, string>> | undefined
}

/** One call. */
export interface EngineCall {
  readonly method: 'GET' | 'LIST' | 'POST' | 'PATCH'
  /** Below `/v1/`: `pki/nomad/roles/nomad-client-global`. */
  readonly path: string
  /** Becomes JSON. Default: none. */
  readonly body?: Readonly<Record<string, unknown>> | undefined
  /** Default: none is sent. */
  readonly token?: string | undefined
  /** Ends the waiting. */
  readonly signal?: AbortSignal | undefined
  /** How large an answer may be, bytes. Default: 1 MiB. */
  readonly mostBytes?: number | undefined
}

/**
 * What came of one call.
 *
 * - `answered`: the engine answered, with any status.
 * - `not sent`: no byte of the request went out, or the engine refused the connection itself.
 * - `unknown`: the request may have been carried out.
 */
export type EngineReply =
  | {
      readonly outcome: 'answered'
      readonly status: number
      /** Parsed JSON; `undefined` where there is none. */
      readonly body: unknown
      /** Milliseconds that the engine asks to wait. */
      readonly retryAfter?: number | undefined
    }
  | {
      readonly outcome: 'not sent' | 'unknown'
      /** Lower case, no full stop. */
      readonly reason: string
      /** Whether the same call can succeed a moment later. */
      readonly passing: boolean
    }

/** Calls one engine. */
export interface EngineClient {
  /** As it was configured; for messages. */
  readonly origin: string
  /** As it was configured. */
  readonly namespace: string | undefined
  readonly program: EngineProgram
  /** Calls once. It answers and does not throw. */
  call(call: EngineCall): Promise<EngineReply>
  /** Closes connections that are kept. */
  close(): void
}

/** A certificate chain has some kilobytes; an answer with more is none of an engine. */
const usualMost = 1024 * 1024

/**
 * Opens a client. Nothing is connected yet.
 *
 * @param address Where the engine is. Its certificate files are given to TLS as they are.
 */
export function engineClient(address: EngineAddress): EngineClient {
  const { origin, namespace, program = 'bao' } = address
  const secure = origin.startsWith('https:')
  // At most one connection for each call in flight; idle ones do not keep the process.
  const agent = secure ? new https.Agent({ keepAlive: true }) : new http.Agent({ keepAlive: true })
  const tls: https.RequestOptions = secure
    ? {
        ...(address.ca && { ca: Buffer.from(address.ca) }),
        ...(address.certificate && {
          cert: Buffer.from(address.certificate.cert),
          key: Buffer.from(address.certificate.key),
        }),
        ...(address.serverName !== undefined && { servername: address.serverName }),
        rejectUnauthorized: address.insecure !== true,
        minVersion: 'TLSv1.2',
      }
    : {}
  return {
    ...{ origin, namespace, program },
    call: async (call) => once({ ...address, secure, agent, tls, namespace }, call),
    close: () => agent.destroy(),
  }
}

interface Way extends EngineAddress {
  readonly secure: boolean
  readonly agent: http.Agent
  readonly tls: https.RequestOptions
}

function once(
  way: Way,
  { method, path, body, token, signal, mostBytes = usualMost }: EngineCall,
): Promise<EngineReply> {
  const { secure, agent, tls, namespace, timeout, origin } = way
  const text = body === undefined ? undefined : JSON.stringify(body)
  return new Promise((resolve) => {
    let sent = false
    const timer = setTimeout(() => {
      lost(
        `${origin} ${sent ? 'gave no answer' : 'took no connection'} within ${timeout / 1000}s`,
        true,
      )
    }, timeout)
    const end = (reply: EngineReply): void => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', abort)
      resolve(
        reply.outcome === 'answered' || way.settings === undefined
          ? reply
          : { ...reply, reason: called(reply.reason, way.settings) },
      )
    }
    const lost = (reason: string, passing: boolean): void => {
      end({ outcome: sent ? 'unknown' : 'not sent', reason, passing })
      request?.destroy()
    }
    const abort = (): void => lost(`stopped while ${origin} was asked`, false)
    // Not a constant: it throws where a header or a key cannot be used, and then there is nothing to destroy.
    let request: http.ClientRequest | undefined
    try {
      request = opened()
    } catch (error) {
      end({ outcome: 'not sent', reason: unusable(error as NodeJS.ErrnoException), passing: false })
      return
    }
    signal?.addEventListener('abort', abort, { once: true })
    if (signal?.aborted === true) abort()
    else request.end(text)

    function opened(): http.ClientRequest {
      const made = (secure ? https : http).request(
        // The same for both engines, and a proxy between knows no method LIST.
        new URL(`/v1/${path}${method === 'LIST' ? '?list=true' : ''}`, origin),
        {
          method: method === 'LIST' ? 'GET' : method,
          agent,
          ...tls,
          headers: {
            'X-Vault-Request': 'true',
            ...(token !== undefined && { 'X-Vault-Token': token }),
            ...(namespace !== undefined && { 'X-Vault-Namespace': namespace }),
            ...(text !== undefined && {
              'Content-Type':
                method === 'PATCH' ? 'application/merge-patch+json' : 'application/json',
              'Content-Length': Buffer.byteLength(text),
            }),
          },
        },
        (response) => {
          const chunks: Buffer[] = []
          let size = 0
          response.on('data', (chunk: Buffer) => {
            size += chunk.length
            if (size > mostBytes) lost(`${origin} answered more than ${mostBytes} bytes`, false)
            else chunks.push(chunk)
          })
          response.on('error', (error) => lost(lostText(origin, error), true))
          response.on('end', () =>
            end({
              outcome: 'answered',
              status: response.statusCode ?? 0,
              body: parsed(Buffer.concat(chunks).toString('utf8')),
              retryAfter: secondsOf(response.headers['retry-after']),
            }),
          )
        },
      )
      made.on('socket', (socket) => {
        // A connection that was kept has been through its handshake.
        if (made.reusedSocket) sent = true
        else socket.once(secure ? 'secureConnect' : 'connect', () => (sent = true))
      })
      made.on('error', (error: NodeJS.ErrnoException) => {
        const refused = refusals[error.code ?? '']
        if (refused !== undefined) {
          end({ outcome: 'not sent', reason: `${origin} ${refused}`, passing: false })
          return
        }
        const tlsFault = tlsText(error)
        if (!sent && tlsFault !== undefined) {
          end({ outcome: 'not sent', reason: `${origin} ${tlsFault}`, passing: false })
        } else lost(lostText(origin, error), true)
      })
      return made
    }
  })
}

/** A remedy names what the reader can set. */
function called(reason: string, settings: Readonly<Record<string, string>>): string {
  return reason.replace(/BAO_[A-Z_]+/g, (variable) => settings[variable] ?? variable)
}

/** Why Node makes no request from what it was given. */
function unusable({ code, message }: NodeJS.ErrnoException): string {
  switch (code) {
    case 'ERR_INVALID_CHAR':
      return 'the namespace, or the token, holds a character that a header cannot hold: correct BAO_NAMESPACE'
    case 'ERR_OSSL_X509_KEY_VALUES_MISMATCH':
      return 'BAO_CLIENT_KEY is not the key of BAO_CLIENT_CERT'
    default:
      return `BAO_CLIENT_CERT, BAO_CLIENT_KEY or BAO_CACERT cannot be used: each is a PEM file, and the key is not encrypted (${message})`
  }
}

/** Alerts of TLS 1.3 that arrive after the request was written: the engine dropped it unread. */
const refusals: Readonly<Record<string, string>> = {
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED:
    'asks for a client certificate: set BAO_CLIENT_CERT and BAO_CLIENT_KEY',
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: 'does not accept the client certificate (unknown CA)',
  ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE: 'does not accept the client certificate (bad certificate)',
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED: 'does not accept the client certificate (expired)',
}

const unknownRoot =
  'has a certificate of a CA that is not trusted here: set BAO_CACERT to the PEM file of its root'

const tlsFaults: Readonly<Record<string, string>> = {
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: unknownRoot,
  UNABLE_TO_GET_ISSUER_CERT: unknownRoot,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: unknownRoot,
  SELF_SIGNED_CERT_IN_CHAIN: unknownRoot,
  DEPTH_ZERO_SELF_SIGNED_CERT: unknownRoot,
  CERT_SIGNATURE_FAILURE: unknownRoot,
  CERT_UNTRUSTED: unknownRoot,
  CERT_REJECTED: unknownRoot,
  INVALID_CA: unknownRoot,
  INVALID_PURPOSE: 'has a certificate that is not for servers: give it one for serverAuth',
  CERT_HAS_EXPIRED: 'has a certificate that has expired: renew it, or correct the clock here',
  CERT_NOT_YET_VALID: 'has a certificate that is not valid yet: is the clock here right?',
  ERR_TLS_CERT_ALTNAME_INVALID:
    'has a certificate for other names: correct the address, or set BAO_TLS_SERVER_NAME',
  EPROTO: 'does not speak TLS: is the port right?',
  ERR_SSL_WRONG_VERSION_NUMBER: 'does not speak TLS: is the port right?',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: 'does not speak TLS: is the port right?',
}

function tlsText({ code = '' }: NodeJS.ErrnoException): string | undefined {
  return tlsFaults[code]
}

/** Why a connection was lost, or never made: for people. */
export function lostText(origin: string, error: NodeJS.ErrnoException): string {
  switch (error.code) {
    case 'ECONNREFUSED':
      return `${origin} refuses connections`
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `the host of ${origin} has no address (DNS)`
    case 'ECONNRESET':
    case 'EPIPE':
      return `${origin} closed the connection`
    default:
      return `${origin} cannot be reached (${error.code ?? 'connection lost'})`
  }
}

/** An engine's answers are a few levels deep; one that is deeper than a stack is none of an engine. */
const mostLevels = 64

function parsed(text: string): unknown {
  try {
    const value: unknown = text === '' ? undefined : JSON.parse(text)
    return isDeeper(value, mostLevels) ? undefined : value
  } catch {
    return undefined
  }
}

function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false
  return levels === 0 || Object.values(value).some((one) => isDeeper(one, levels - 1))
}

function secondsOf(text: string | undefined): number | undefined {
  return text !== undefined && /^[0-9]{1,5}$/.test(text) ? Number(text) * 1000 : undefined
}
