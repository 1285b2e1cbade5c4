/**
 * Nomad's API, over HTTPS with a client certificate, or in plaintext.
 *
 * @module
 */
import { request as plainRequest } from 'node:http'
import { request as tlsRequest } from 'node:https'

export interface Credentials {
  readonly ca: string
  readonly cert?: string
  readonly key?: string
}

export interface Answer {
  readonly status: number
  readonly body: string
}

export interface ApiOptions {
  readonly method?: string
  readonly body?: string
  /** Name to verify the agent by; default the address. `false`: any certificate will do. */
  readonly serverName?: string | false
  /** Milliseconds; default 10 s. */
  readonly timeout?: number
}

/**
 * One request on a connection of its own. Rejects when there is no HTTP answer.
 *
 * @param credentials `undefined`: in plaintext.
 */
export function api(
  port: number,
  path: string,
  credentials: Credentials | undefined,
  options: ApiOptions = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { serverName } = options
    const send = credentials === undefined ? plainRequest : tlsRequest
    const outgoing = send(
      {
        host: '127.0.0.1',
        port,
        path,
        method: options.method ?? 'GET',
        agent: false,
        timeout: options.timeout ?? 10_000,
        ...credentials,
        ...(serverName === undefined || serverName === false ? {} : { servername: serverName }),
        rejectUnauthorized: serverName !== false,
      },
      (incoming) => {
        const chunks: Buffer[] = []
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
        incoming.on('error', reject)
        incoming.on('end', () => {
          const body = Buffer.concat(chunks).toString('utf8')
          resolve({ status: incoming.statusCode ?? 0, body })
        })
      },
    )
    outgoing.on('timeout', () => outgoing.destroy(new Error('no answer in time')))
    outgoing.on('error', reject)
    outgoing.end(options.body)
  })
}

/** The JSON body of a 200; throws on any other answer. */
export async function apiJson<T>(
  port: number,
  path: string,
  credentials: Credentials,
  options: ApiOptions = {},
): Promise<T> {
  const { status, body } = await api(port, path, credentials, options)
  if (status !== 200) throw new Error(`${path}: ${status} ${body}`)
  return JSON.parse(body) as T
}
