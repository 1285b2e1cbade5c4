/**
 * What the servers of a region say of their Raft peers: who leads, who votes, who is healthy, how far each
 * one's log has come.
 *
 * @module
 */

import type { Connect } from './dial.js'
import type { AgentEndpoint } from './endpoints.js'
import { askApi, Denied, isRecord, NotTls, type Credential } from './nomad-api.js'

/** The state of a region's servers at one moment. */
export interface RaftReading {
  /** Epoch milliseconds, by this machine's clock. */
  readonly at: number
  /** Whether autopilot calls all of them healthy. */
  readonly healthy: boolean
  /** How many can be lost before there is no quorum. */
  readonly failureTolerance: number
  /** The servers that are in the Raft configuration. */
  readonly servers: readonly RaftServer[]
  /** How far the server's clock is from this machine's, milliseconds; it is told to the second. */
  readonly skew: number | undefined
}

/** One server. */
export interface RaftServer {
  /** As gossip calls it: `s1.global`. */
  readonly name: string
  /** Its RPC address: `10.0.0.11:4647`. */
  readonly address: string
  readonly leader: boolean
  readonly voter: boolean
  readonly healthy: boolean
  /** The last entry of its log. */
  readonly lastIndex: number
}

/** An HTTPS port of an agent: every agent passes a question on to the region that it is about. */
export interface ApiPort extends AgentEndpoint {
  /** The name that the certificate there must have: `client.global.nomad`. Default: a server's of the region. */
  readonly servername?: string | undefined
  /** Whether the agent was not restarted yet while TLS is turned on, so that it may speak plain HTTP. Default: no. */
  readonly plaintext?: boolean | undefined
}

/** Whom to ask, and with what. */
export interface RaftQuestion {
  readonly region: string
  /** The likeliest to answer first. */
  readonly servers: readonly ApiPort[]
  readonly credentials: readonly Credential[]
  /** PEM of the roots that a server's certificate must hang from. */
  readonly roots: string
  readonly token?: string | undefined
  readonly clock: () => number
  /** Milliseconds for each server. Default: 5,000. */
  readonly timeout?: number | undefined
  readonly signal?: AbortSignal | undefined
  /** How a server is reached. Default: by TCP, from here. */
  readonly connect?: Connect | undefined
}

/** Why nothing is known: no server answered, or the token lacks the right. */
export interface Unanswered {
  readonly state: 'silent' | 'denied'
  /** One sentence: lower case, no full stop. */
  readonly message: string
}

/** A reading, or why there is none. */
export type RaftAnswer = { readonly state: 'read'; readonly reading: RaftReading } | Unanswered

/**
 * Asks the servers of a region, one after the other, until one has answered.
 *
 * @see command/agent/operator_endpoint.go:219 and nomad/structs/autopilot.go of Nomad 1.11.3: an unhealthy
 * region answers 429, with the same body; the right is `operator { policy = "read" }`
 */
export async function askRaft(question: RaftQuestion): Promise<RaftAnswer> {
  const { region, clock } = question
  const path = `/v1/operator/autopilot/health?region=${encodeURIComponent(region)}`
  const answer = await firstAnswer(question, path, 429, ({ body, date }) => {
    const at = clock()
    return readingOf(body, at, date === undefined ? undefined : date - at)
  })
  return 'read' in answer ? { state: 'read', reading: answer.read } : answer
}

/** What the servers say of a region's clients: `ready`, `down`, `disconnected`, by name; or why it is not known. */
export type NodesAnswer =
  { readonly state: 'read'; readonly nodes: ReadonlyMap<string, string> } | Unanswered

/**
 * Asks for the clients of a region. Of several with one name the newest counts: a client that lost its data
 * registers anew, and its old entry stays `down` until it is collected.
 *
 * @see nomad/structs/structs.go of Nomad 1.11.3, NodeListStub; the right is `node { policy = "read" }`
 */
export async function askNodes(question: RaftQuestion): Promise<NodesAnswer> {
  const path = `/v1/nodes?region=${encodeURIComponent(question.region)}`
  const answer = await firstAnswer(question, path, undefined, ({ body }) => {
    if (body !== null && !Array.isArray(body)) return undefined
    const newest = new Map<string, { readonly at: number; readonly status: string }>()
    for (const one of (body ?? []) as readonly unknown[]) {
      if (!isRecord(one) || typeof one['Name'] !== 'string') continue
      const { Name: name, Status: status, CreateIndex: index } = one
      const at = typeof index === 'number' ? index : 0
      if (at >= (newest.get(name)?.at ?? 0)) newest.set(name, { at, status: String(status) })
    }
    return new Map([...newest].map(([name, { status }]) => [name, status]))
  })
  return 'read' in answer ? { state: 'read', nodes: answer.read } : answer
}

type Asked = Awaited<ReturnType<typeof askApi>>

/** One server after the other, until one has answered. */
async function firstAnswer<Value>(
  question: RaftQuestion,
  path: string,
  also: number | undefined,
  readAnswer: (answer: Asked) => Value | undefined,
): Promise<{ readonly read: Value } | Unanswered> {
  const { region, servers, credentials, timeout = 5000 } = question
  let fault: Unanswered = {
    state: 'silent',
    message: 'no agent is known to have its HTTP API in TLS, and the gate needs one',
  }
  for (const endpoint of servers) {
    for (const credential of credentials) {
      if (question.signal?.aborted === true) return { state: 'silent', message: 'interrupted' }
      try {
        const { servername } = endpoint
        const asked = { ...question, servername, credential, timeout, also }
        const said = await askApi(path, endpoint, region, asked).catch((error: unknown) => {
          if (endpoint.plaintext !== true || !(error instanceof NotTls)) throw error
          return askApi(path, endpoint, region, { ...asked, plaintext: true })
        })
        const value = readAnswer(said)
        if (value !== undefined) return { read: value }
        fault = { state: 'silent', message: 'its answer is not one that Nomad writes' }
      } catch (error) {
        const message = error instanceof Error ? error.message.split('\n')[0]! : 'no answer'
        if (fault.state !== 'denied') {
          fault = { state: error instanceof Denied ? 'denied' : 'silent', message }
        }
      }
    }
  }
  return fault
}

function readingOf(body: unknown, at: number, skew: number | undefined): RaftReading | undefined {
  if (!isRecord(body) || !Array.isArray(body.Servers)) return undefined
  const { Healthy: healthy, FailureTolerance: tolerance, Servers: listed } = body
  if (typeof healthy !== 'boolean' || typeof tolerance !== 'number') return undefined
  const servers: RaftServer[] = []
  for (const one of listed as readonly unknown[]) {
    if (!isRecord(one) || typeof one.Name !== 'string' || typeof one.Address !== 'string') {
      return undefined
    }
    servers.push({
      ...{ name: one.Name, address: one.Address },
      ...{ leader: one.Leader === true, voter: one.Voter === true, healthy: one.Healthy === true },
      lastIndex: typeof one.LastIndex === 'number' ? one.LastIndex : 0,
    })
  }
  return { at, healthy, failureTolerance: tolerance, servers, skew }
}
