/**
 * Asks Nomad itself for the members of the cluster: servers by gossip (`/v1/agent/members`), clients by
 * their registration (`/v1/nodes`). Only this finds an agent that the spec forgot.
 *
 * @module
 */

import { isRegionName } from '../address.js'
import type { MemberNode, Members } from '../evidence/evidence.js'
import { groupBy } from '../grouping.js'
import type { Connect } from './dial.js'
import { parseEndpoint } from './endpoint.js'
import { formatEndpoint, type AgentEndpoint } from './endpoints.js'
import { askApi, Denied, isRecord, type Credential } from './nomad-api.js'

/** The servers to ask, and with what. */
export interface MembersQuestion {
  readonly regions: readonly string[]
  /** HTTPS ports of servers by region, the likeliest to answer first. */
  readonly servers: ReadonlyMap<string, readonly AgentEndpoint[]>
  readonly credentials: readonly Credential[]
  /** PEM of the roots that a server's certificate must hang from. */
  readonly roots: string
  /**
   * The members whose address is wanted: a client's costs a request of its own. Two hosts of one name are always
   * located.
   */
  readonly locate: (one: Pick<MemberHost, 'region' | 'kind' | 'name'>) => boolean
  /** `NOMAD_TOKEN`, where access is controlled by tokens; sent only to servers that proved their identity. */
  readonly token?: string | undefined
  /** Whether plain HTTP is spoken. Default: false. */
  readonly plaintext?: boolean | undefined
  /** Epoch milliseconds. */
  readonly clock: () => number
  /** Milliseconds without a word; an answer may take six times as long. Default: 10,000. */
  readonly timeout?: number | undefined
  readonly signal?: AbortSignal | undefined
  /** How a server is reached. Default: by TCP, from here. */
  readonly connect?: Connect | undefined
}

/** Where one of them listens. */
export interface MemberHost {
  readonly region: string
  readonly kind: 'server' | 'client'
  /** As Nomad says it: `s1.global`, `c1`. */
  readonly name: string
  /** Nomad's own id. */
  readonly id: string
  readonly endpoint: AgentEndpoint
}

/** What Nomad said. */
export interface MembersAnswer {
  readonly members: readonly Members[]
  /** Those that {@link MembersQuestion.locate} asked for, as far as Nomad says where they are. */
  readonly hosts: readonly MemberHost[]
  /** Regions of which nothing was learned. */
  readonly faults: readonly MembersFault[]
}

/** A region of which nothing was learned. */
export interface MembersFault {
  readonly region: string
  /** One sentence: lower case, no full stop. */
  readonly message: string
  /** The token lacks a right, or the region does not know it: asking again changes nothing. */
  readonly denied: boolean
}

/** Clocks that differ by more are told, milliseconds; an answer says its time to the second. */
const mostSkew = 60_000

/** So many clients that are down are asked since when. */
const mostDown = 64

/**
 * Asks for each region: its own servers first, then those of others, which forward the question; every
 * server that there is, until one has answered. Regions that gossip names are asked about too.
 *
 * A server that left is gone; one that failed, and a client that is down, may come back with what it
 * had, and count.
 */
export async function askMembers(question: MembersQuestion): Promise<MembersAnswer> {
  const members: Members[] = []
  const hosts: MemberHost[] = []
  const faults: MembersFault[] = []
  const regions = new Set(question.regions)
  // A region that is found joins the set while it is walked through.
  for (const region of regions) {
    const answer = await askRegion(region, question)
    for (const named of answer.named) regions.add(named)
    if (answer.members !== undefined) members.push(answer.members)
    if (answer.fault !== undefined) faults.push(answer.fault)
    hosts.push(...answer.hosts)
  }
  return { members, hosts, faults }
}

interface RegionAnswer {
  readonly members?: Members | undefined
  readonly hosts: readonly MemberHost[]
  readonly fault?: MembersFault | undefined
  /** Every region that gossip names. */
  readonly named: ReadonlySet<string>
}

async function askRegion(region: string, question: MembersQuestion): Promise<RegionAnswer> {
  const { servers, credentials, clock } = question
  const order = [region, ...[...servers.keys()].filter((other) => other !== region)]
  const tries = order
    .flatMap((of) => (servers.get(of) ?? []).map((endpoint) => ({ endpoint, of })))
    .flatMap(({ endpoint, of }) => credentials.map((credential) => ({ endpoint, of, credential })))
  let fault: MembersFault = {
    ...{ region, denied: false },
    message: 'no server of the cluster has an address',
  }
  let named: ReadonlySet<string> = new Set()
  let partial: Pick<RegionAnswer, 'members' | 'hosts'> | undefined
  for (const { endpoint, of, credential } of tries) {
    const ask = async (path: string): Promise<unknown> => {
      const { body, date } = await askApi(path, endpoint, of, { ...question, credential })
      if (date !== undefined) skew ??= date - clock()
      return body
    }
    let skew: number | undefined
    try {
      const query = `?region=${encodeURIComponent(region)}`
      const gossip = await ask('/v1/agent/members')
      named = regionsIn(gossip)
      const said = serversIn(gossip, region)
      const { servers: alive, gone } = said
      const off =
        skew !== undefined && Math.abs(skew) > mostSkew ? { skew: Math.round(skew) } : undefined
      const base = { region, at: clock(), servers: alive, gone, ...off }
      if (!question.regions.includes(region)) {
        // The spec does not have this region: what gossip says is told, even where nothing more is learned.
        const found = serverHosts(region, said, question)
        const incomplete = 'its clients were not listed'
        partial ??= { members: { ...base, clients: [], incomplete }, hosts: found }
      }
      const nodes = nodesIn(await ask(`/v1/nodes${query}`))
      // Only the order of a rollout rests on it.
      const leading = await ask(`/v1/status/leader${query}`).catch(() => undefined)
      const leader = typeof leading === 'string' ? said.at.get(leading)?.name : undefined
      const clients = [...new Set(nodes.map(({ name }) => name))].sort()
      const clientsAt = await clientHosts(region, nodes, ask, question)
      const found = [...serverHosts(region, said, question), ...clientsAt.hosts]
      const notable = [...said.notable, ...clientsAt.notable]
      return {
        named,
        hosts: found,
        members: {
          ...{ ...base, clients },
          ...(leader !== undefined && { leader }),
          ...(notable.length > 0 && { nodes: notable }),
        },
      }
    } catch (error) {
      const message = error instanceof Error ? error.message.split('\n')[0]! : 'no answer'
      const denied = error instanceof Denied
      // What a region's own server says of the token counts; another's says nothing of that region.
      if (!fault.denied || (denied && of === region)) {
        fault = { region, denied, message: `${message} (asked by ${credential.name})` }
      }
      if (question.signal?.aborted === true) break
    }
  }
  return { named, hosts: [], fault, ...partial }
}

function listOf(answer: unknown): readonly unknown[] {
  const listed = isRecord(answer) ? answer['Members'] : undefined
  if (!Array.isArray(listed)) throw new Error('its list of members is in an unknown form')
  return listed
}

/** Gossip of servers reaches over all regions (nomad/serf.go). */
function regionsIn(answer: unknown): ReadonlySet<string> {
  const named = new Set<string>()
  for (const one of listOf(answer)) {
    if (!isRecord(one) || one['Status'] === 'left' || !isRecord(one['Tags'])) continue
    const region = one['Tags']['region']
    if (typeof region === 'string' && isRegionName(region)) named.add(region)
  }
  return named
}

interface GossipServer {
  readonly name: string
  readonly id: string
}

interface Gossip extends Pick<Members, 'servers' | 'gone'> {
  /** By RPC address. */
  readonly at: ReadonlyMap<string, GossipServer>
  readonly notable: readonly MemberNode[]
}

/**
 * `{ Members: [{ Name: 's1.global', Status: 'alive', Addr: '10.0.0.11', Tags: { region: 'global', id: '8f…',
 * rpc_addr: '10.0.0.11', port: '4647' } }] }` (api/agent.go, nomad/server.go setupSerf).
 */
function serversIn(answer: unknown, region: string): Gossip {
  const servers: string[] = []
  const gone: string[] = []
  const notable: MemberNode[] = []
  const at = new Map<string, GossipServer>()
  for (const one of listOf(answer)) {
    if (!isRecord(one)) continue
    const { Name: name, Status: status, Tags: tags } = one
    if (typeof name !== 'string' || !isRecord(tags) || tags['region'] !== region) continue
    const id = textOf(tags['id']) ?? ''
    let endpoint: string | undefined
    for (const text of [one['Addr'], tags['rpc_addr']]) {
      if (typeof text !== 'string') continue
      endpoint = `${text.includes(':') ? `[${text}]` : text}:${String(tags['port'])}`
      if (status !== 'left') at.set(endpoint, { name, id })
    }
    if (status === 'left') gone.push(name)
    else servers.push(name)
    if (status !== 'alive' && status !== 'left') {
      notable.push({ id, name, kind: 'server', status: String(status), endpoint })
    }
  }
  if (servers.length === 0) throw new Error(`it knows no server of ${region}`)
  return { servers: servers.sort(), gone: gone.sort(), at, notable }
}

interface Node {
  readonly id: string
  readonly name: string
  readonly status: string
}

/** `[{ ID: '8f…', Name: 'c1', Status: 'ready', … }]` (api/nodes.go NodeListStub). */
function nodesIn(answer: unknown): readonly Node[] {
  // A region without nodes answers with an empty list, or with null.
  if (answer === null) return []
  if (!Array.isArray(answer)) throw new Error('its list of nodes is in an unknown form')
  return (answer as readonly unknown[]).flatMap((one) =>
    isRecord(one) && typeof one['Name'] === 'string'
      ? [{ id: String(one['ID']), name: one['Name'], status: textOf(one['Status']) ?? 'ready' }]
      : [],
  )
}

/** So many nodes are asked for at a time. */
const atOnce = 16

function serverHosts(
  region: string,
  { at }: Gossip,
  { locate }: MembersQuestion,
): readonly MemberHost[] {
  const hosts: MemberHost[] = []
  for (const [text, { name, id }] of at) {
    const parsed = parseEndpoint(text)
    if (parsed === undefined || hosts.some((one) => one.name === name)) continue
    if (!locate({ region, kind: 'server', name })) continue
    hosts.push({ region, kind: 'server', name, id, endpoint: { ...parsed, rpc: true } })
  }
  return hosts
}

/** Clients by id: those that are asked for, those that share a name, and since when others are down. */
async function clientHosts(
  region: string,
  nodes: readonly Node[],
  ask: (path: string) => Promise<unknown>,
  { locate }: MembersQuestion,
): Promise<{ readonly hosts: readonly MemberHost[]; readonly notable: readonly MemberNode[] }> {
  const hosts: MemberHost[] = []
  const notable: MemberNode[] = []
  const named = groupBy(nodes, ({ name }) => name)
  let down = 0
  const sought = nodes.flatMap((node) => {
    const { name, status } = node
    const shared = named.get(name)!.length > 1
    const wanted = shared || locate({ region, kind: 'client', name })
    if (!wanted && (status === 'ready' || (down += 1) > mostDown)) return []
    return [{ ...node, isHost: wanted, isNotable: shared || status !== 'ready' }]
  })
  for (let at = 0; at < sought.length; at += atOnce) {
    await Promise.all(
      sought.slice(at, at + atOnce).map(async ({ id, name, status, isHost, isNotable }) => {
        const path = `/v1/node/${encodeURIComponent(id)}?region=${encodeURIComponent(region)}`
        // One node that cannot be located must not fail the rest.
        const node = await ask(path).catch(() => undefined)
        const [text, updated] = isRecord(node) ? [node['HTTPAddr'], node['StatusUpdatedAt']] : []
        const parsed = typeof text === 'string' ? parseEndpoint(text) : undefined
        if (isHost && parsed !== undefined) {
          hosts.push({ region, kind: 'client', name, id, endpoint: { ...parsed, rpc: false } })
        }
        if (!isNotable) return
        notable.push({
          ...{ id, name, kind: 'client' as const, status },
          ...(parsed !== undefined && { endpoint: formatEndpoint(parsed) }),
          ...(typeof updated === 'number' && status !== 'ready' && { since: updated * 1000 }),
        })
      }),
    )
  }
  // Whichever answered first: the same list must be the same line of the ledger.
  notable.sort((a, b) => (`${a.name} ${a.id}` < `${b.name} ${b.id}` ? -1 : 1))
  return { hosts, notable }
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}
