/**
 * Asks Nomad itself who belongs to the cluster: servers by gossip (`/v1/agent/members`), clients by
 * their registration (`/v1/nodes`). What the spec forgot is found here and nowhere else.
 *
 * @module
 */

import { request } from 'node:https'
import type { Members } from '../evidence/evidence.js'
import { parseEndpoint } from './endpoint.js'
import type { AgentEndpoint } from './endpoints.js'

/** A certificate for the HTTP API. */
export interface Credential {
  /** Who it is, for messages. */
  readonly name: string
  /** PEM; absent for agents that ask nobody who they are. */
  readonly cert?: string | undefined
  readonly key?: string | undefined
}

/** Whom to ask, and with what. */
export interface MembersQuestion {
  readonly regions: readonly string[]
  /** HTTPS ports of servers by region, the likeliest to answer first. */
  readonly servers: ReadonlyMap<string, readonly AgentEndpoint[]>
  readonly credentials: readonly Credential[]
  /** PEM of the roots that a server's certificate must hang from. */
  readonly roots: string
  /** Whose address is wanted: a client's costs a request of its own. */
  readonly locate: (one: Pick<MemberHost, 'region' | 'kind' | 'name'>) => boolean
  /** `NOMAD_TOKEN`, where access is controlled by tokens; sent to servers that proved who they are. */
  readonly token?: string | undefined
  /** Epoch milliseconds. */
  readonly clock: () => number
  /** Milliseconds without a word; an answer may take six times as long. Default: 10,000. */
  readonly timeout?: number | undefined
  readonly signal?: AbortSignal | undefined
}

/** Where one of them listens. */
export interface MemberHost {
  readonly region: string
  readonly kind: 'server' | 'client'
  /** As Nomad says it: `s1.global`, `c1`. */
  readonly name: string
  readonly endpoint: AgentEndpoint
}

/** What Nomad said. */
export interface MembersAnswer {
  readonly members: readonly Members[]
  /** Those that {@link MembersQuestion.locate} asked for, as far as Nomad says where they are. */
  readonly hosts: readonly MemberHost[]
  /** Regions of which nothing was learned. */
  readonly faults: readonly { readonly region: string; readonly message: string }[]
}

/** Servers that are tried for one region before it is given up. */
const mostTries = 6

/** Ten thousand nodes are some 10 MB. */
const sizeLimit = 1 << 27

/**
 * Asks for each region: its own servers first, then those of others, which forward the question.
 *
 * A server that left is gone; one that failed, and a client that is down, may come back with what it
 * had, and count.
 */
export async function askMembers(question: MembersQuestion): Promise<MembersAnswer> {
  const members: Members[] = []
  const hosts: MemberHost[] = []
  const faults: { region: string; message: string }[] = []
  for (const region of question.regions) {
    const answer = await askRegion(region, question)
    if (typeof answer === 'string') faults.push({ region, message: answer })
    else {
      members.push(answer.members)
      hosts.push(...answer.hosts)
    }
  }
  return { members, hosts, faults }
}

async function askRegion(
  region: string,
  question: MembersQuestion,
): Promise<{ readonly members: Members; readonly hosts: readonly MemberHost[] } | string> {
  const { servers, credentials, regions, clock } = question
  const order = [region, ...regions.filter((other) => other !== region)]
  const tries = order
    .flatMap((of) => (servers.get(of) ?? []).map((endpoint) => ({ endpoint, of })))
    .flatMap(({ endpoint, of }) => credentials.map((credential) => ({ endpoint, of, credential })))
  if (tries.length === 0) return 'no server of the cluster has an address'
  let fault = ''
  for (const { endpoint, of, credential } of tries.slice(0, mostTries)) {
    const ask = (path: string): Promise<unknown> => get(path, endpoint, of, credential, question)
    try {
      const query = `?region=${encodeURIComponent(region)}`
      const { at: reached, ...gossip } = serversIn(await ask('/v1/agent/members'), region)
      const nodes = nodesIn(await ask(`/v1/nodes${query}`))
      // Only the order of a rollout rests on it.
      const leading = await ask(`/v1/status/leader${query}`).catch(() => undefined)
      const leader = typeof leading === 'string' ? reached.get(leading) : undefined
      const clients = [...new Set(nodes.map(({ name }) => name))].sort()
      const hosts = await locate(region, reached, nodes, ask, question)
      const members = { region, at: clock(), ...gossip, clients }
      return { members: { ...members, ...(leader !== undefined && { leader }) }, hosts }
    } catch (error) {
      fault = `${error instanceof Error ? error.message.split('\n')[0]! : 'no answer'} (asked by ${credential.name})`
    }
  }
  return fault
}

function get(
  path: string,
  { host, port }: AgentEndpoint,
  region: string,
  { cert, key }: Credential,
  { roots, token, timeout = 10_000, signal }: MembersQuestion,
): Promise<unknown> {
  const where = `${host}:${port}`
  const whole = AbortSignal.any([
    AbortSignal.timeout(6 * timeout),
    ...(signal === undefined ? [] : [signal]),
  ])
  return new Promise((resolve, reject) => {
    const fail = (why: string): void => {
      reject(new Error(`${where}: ${why}`))
    }
    const asking = request(
      {
        ...{ host, port, path, cert, key, ca: roots, timeout, agent: false },
        signal: whole,
        // By whatever name or address it is reached, it must be a server of its region.
        servername: `server.${region}.nomad`,
        headers: token === undefined ? {} : { 'X-Nomad-Token': token },
      },
      (response) => {
        const chunks: Buffer[] = []
        let size = 0
        response.on('data', (chunk: Buffer) => {
          size += chunk.length
          if (size > sizeLimit) asking.destroy(new Error('it says more than any cluster has'))
          else chunks.push(chunk)
        })
        response.on('error', (error) => {
          fail(error.message)
        })
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString('utf8')
          const { statusCode = 0 } = response
          if (statusCode === 403) {
            fail(
              token === undefined
                ? 'it wants a token: set NOMAD_TOKEN, to one that may read nodes and agents'
                : 'NOMAD_TOKEN may not read nodes and agents',
            )
          } else if (statusCode !== 200) {
            fail(`it answers ${statusCode}: ${text.slice(0, 200).trim()}`)
          } else {
            try {
              resolve(JSON.parse(text))
            } catch {
              fail('its answer is not JSON')
            }
          }
        })
      },
    )
    asking.on('timeout', () => asking.destroy(new Error('no answer in time')))
    asking.on('error', (error) => {
      fail(error.message)
    })
    asking.end()
  })
}

/**
 * `{ Members: [{ Name: 's1.global', Status: 'alive', Addr: '10.0.0.11', Tags: { region: 'global', rpc_addr:
 * '10.0.0.11', port: '4647' } }] }` (api/agent.go, nomad/server.go setupSerf).
 */
function serversIn(
  answer: unknown,
  region: string,
): Pick<Members, 'servers' | 'gone'> & {
  /** Names by RPC address. */
  readonly at: ReadonlyMap<string, string>
} {
  const listed = isRecord(answer) ? answer['Members'] : undefined
  if (!Array.isArray(listed)) throw new Error('its list of members is not one that Nomad writes')
  const servers: string[] = []
  const gone: string[] = []
  const at = new Map<string, string>()
  for (const one of listed as readonly unknown[]) {
    if (!isRecord(one)) continue
    const { Name: name, Status: status, Tags: tags } = one
    if (typeof name !== 'string' || !isRecord(tags) || tags['region'] !== region) continue
    if (status === 'left') gone.push(name)
    else servers.push(name)
    for (const host of [one['Addr'], tags['rpc_addr']]) {
      const text = String(host)
      at.set(`${text.includes(':') ? `[${text}]` : text}:${String(tags['port'])}`, name)
    }
  }
  if (servers.length === 0) throw new Error(`it knows no server of ${region}`)
  return { servers: servers.sort(), gone: gone.sort(), at }
}

interface Node {
  readonly id: string
  readonly name: string
}

/** `[{ ID: '8f…', Name: 'c1', Status: 'ready', … }]` (api/nodes.go NodeListStub). */
function nodesIn(answer: unknown): readonly Node[] {
  // A region without nodes answers with an empty list, or with null.
  if (answer === null) return []
  if (!Array.isArray(answer)) throw new Error('its list of nodes is not one that Nomad writes')
  return (answer as readonly unknown[]).flatMap((one) =>
    isRecord(one) && typeof one['Name'] === 'string'
      ? [{ id: String(one['ID']), name: one['Name'] }]
      : [],
  )
}

/** So many nodes are asked for at a time. */
const atOnce = 16

async function locate(
  region: string,
  reached: ReadonlyMap<string, string>,
  nodes: readonly Node[],
  ask: (path: string) => Promise<unknown>,
  { locate: wanted }: MembersQuestion,
): Promise<readonly MemberHost[]> {
  const hosts: MemberHost[] = []
  const found = (kind: MemberHost['kind'], name: string, text: string): void => {
    const parsed = parseEndpoint(text)
    if (parsed === undefined) return
    hosts.push({ region, kind, name, endpoint: { ...parsed, rpc: kind === 'server' } })
  }
  for (const [text, name] of reached) {
    const known = hosts.some((one) => one.name === name)
    if (!known && wanted({ region, kind: 'server', name })) found('server', name, text)
  }
  const sought = nodes.filter(({ name }) => wanted({ region, kind: 'client', name }))
  for (let at = 0; at < sought.length; at += atOnce) {
    await Promise.all(
      sought.slice(at, at + atOnce).map(async ({ id, name }) => {
        const path = `/v1/node/${encodeURIComponent(id)}?region=${encodeURIComponent(region)}`
        // Where one of them is that can't be told of is not worth the others.
        const node = await ask(path).catch(() => undefined)
        const text = isRecord(node) ? node['HTTPAddr'] : undefined
        if (typeof text === 'string') found('client', name, text)
      }),
    )
  }
  return hosts
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
