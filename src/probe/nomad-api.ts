/**
 * One question to the HTTP API of one server, over TLS that proves which region it is of; before TLS is
 * turned on in a cluster, over plain HTTP.
 *
 * @module
 */

import { request as requestPlain } from 'node:http'
import { request } from 'node:https'
import type { Duplex } from 'node:stream'
import { connect as connectTls } from 'node:tls'
import type { Connect } from './dial.js'
import type { AgentEndpoint } from './endpoints.js'

/** A certificate for the HTTP API. */
export interface Credential {
  /** The name of its owner, for messages. */
  readonly name: string
  /** PEM; absent for agents that ask for no certificate. */
  readonly cert?: string | undefined
  readonly key?: string | undefined
}

/** With what a server is asked. */
export interface ApiQuestion {
  readonly credential: Credential
  /** PEM of the roots that a server's certificate must hang from. */
  readonly roots: string
  /** `NOMAD_TOKEN`; over TLS it is sent only to servers that proved their identity. */
  readonly token?: string | undefined
  /** Milliseconds without a word; an answer may take six times as long. Default: 10,000. */
  readonly timeout?: number | undefined
  readonly signal?: AbortSignal | undefined
  /** How a server is reached. Default: by TCP, from here. */
  readonly connect?: Connect | undefined
  /** The name that the certificate there must have. Default: that of a server of the region. */
  readonly servername?: string | undefined
  /** Whether plain HTTP is spoken, because the agents have no TLS yet: nobody proves who answers. */
  readonly plaintext?: boolean | undefined
  /** A status that comes with an answer, beside 200. */
  readonly also?: number | undefined
}

/** Ten thousand nodes are some 10 MB. */
const sizeLimit = 1 << 27

/** The token lacks a right, or is not known there. */
export class Denied extends Error {}

/** What answers there does not speak TLS. */
export class NotTls extends Error {}

/**
 * Asks one question of one server.
 *
 * @param path `/v1/agent/members`
 * @param of The region that is asked about, and that the server must prove to be of.
 * @throws What says why, one line; {@link Denied} for a token; {@link NotTls}.
 */
export async function askApi(
  path: string,
  { host, port }: AgentEndpoint,
  of: string,
  question: ApiQuestion,
): Promise<Answer> {
  const where = `${host}:${port}`
  let way: Duplex | undefined
  try {
    way = await question.connect?.({ host, port, rpc: false })
  } catch (error) {
    const why = error instanceof Error ? error.message : 'no way to it'
    throw new Error(`${where}: ${why}`, { cause: error })
  }
  try {
    return await askOver(way, path, { host, port }, of, question)
  } finally {
    way?.destroy()
  }
}

interface Answer {
  readonly body: unknown
  readonly date: number | undefined
}

function askOver(
  way: Duplex | undefined,
  path: string,
  { host, port }: Pick<AgentEndpoint, 'host' | 'port'>,
  of: string,
  question: ApiQuestion,
): Promise<Answer> {
  const { roots, token, timeout = 10_000, signal } = question
  const { cert, key } = question.credential
  const where = `${host}:${port}`
  // By whatever name or address it is reached, it must be what its certificate says.
  const servername = question.servername ?? `server.${of}.nomad`
  const trust = { cert, key, ca: roots, servername }
  const whole = AbortSignal.any([
    AbortSignal.timeout(6 * timeout),
    ...(signal === undefined ? [] : [signal]),
  ])
  return new Promise((resolve, reject) => {
    const fail = (why: string): void => {
      reject(new Error(`${where}: ${why}`))
    }
    const asking = (question.plaintext === true ? requestPlain : request)(
      {
        ...{ host, port, path, ...trust, timeout, signal: whole },
        ...(way === undefined
          ? { agent: false }
          : {
              createConnection: () =>
                question.plaintext === true ? way : connectTls({ ...trust, socket: way }),
            }),
        headers: token === undefined ? {} : { 'X-Nomad-Token': token },
      },
      (response) => {
        const chunks: Buffer[] = []
        let size = 0
        response.on('data', (chunk: Buffer) => {
          size += chunk.length
          if (size > sizeLimit) asking.destroy(new Error('its answer is too large'))
          else chunks.push(chunk)
        })
        response.on('error', (error) => {
          fail(error.message)
        })
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString('utf8')
          const { statusCode = 0, headers } = response
          const date = Date.parse(headers.date ?? '')
          if (statusCode === 403) {
            reject(new Denied(`${where}: ${deniedBy(text, token, of)}`))
          } else if (statusCode !== 200 && question.also !== statusCode) {
            fail(`it answers ${statusCode}: ${text.slice(0, 200).trim()}`)
          } else {
            try {
              const body: unknown = JSON.parse(text)
              resolve({ body, date: Number.isNaN(date) ? undefined : date })
            } catch {
              fail('its answer is not JSON')
            }
          }
        })
      },
    )
    asking.on('timeout', () => asking.destroy(new Error('no answer in time')))
    asking.on('error', (error) => {
      const isPlain = /wrong version number/i.test(error.message)
      reject(new (isPlain ? NotTls : Error)(`${where}: ${error.message}`))
    })
    asking.end()
  })
}

/** Nomad answers 403 to both: "Permission denied", and "ACL token not found" (nomad/structs/errors.go). */
function deniedBy(text: string, token: string | undefined, region: string): string {
  if (token === undefined) {
    return 'it wants a token: set NOMAD_TOKEN, to one that may read nodes and agents'
  }
  return /token not found/i.test(text)
    ? `region ${region} does not know NOMAD_TOKEN: a local token is known where it was made; set a global one`
    : 'NOMAD_TOKEN may not read nodes and agents'
}

/** Whether a value of JSON is an object. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
