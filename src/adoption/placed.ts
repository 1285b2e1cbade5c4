/**
 * Which node or operator each adopted certificate belongs to: by the configurations of agents, by the
 * names in it, and at last by a guess that is said.
 *
 * @module
 */

import { isIP } from 'node:net'
import { identityAddress, isName, parseAddress, sharedName, type Role } from '../address.js'
import { groupBy } from '../grouping.js'
import type { ListedNode } from '../cluster/new-spec.js'
import { flow, quoteKey, type Plain } from '../cluster/yaml-write.js'
import { isAgent, runsServer } from '../nomad/roles.js'
import { fingerprintOf } from '../x509/certificate.js'
import { samePublicKey } from '../keys/public-key.js'
import type { Leaf } from './leaves.js'
import type { LeftOut } from './materials.js'
import { guessedName, hostlessBeside, nameInStore, operatorName, pathName } from './guesses.js'
import { holderNotes, olderOf } from './holders.js'
import { isOfSection, leafOf, newestFirst, sameNames, standing } from './of-agent.js'
import { renewedIn, type Renewal, type StoreIdentity } from './renewals.js'
import { hostOf } from './roles.js'
import type { SurveyedNode } from './survey-agents.js'

/** A certificate at its place in the spec. */
export interface Placed {
  readonly role: Role
  readonly region: string
  readonly name: string
  readonly leaf: Leaf
  /** Comments, a line each. */
  readonly notes: readonly string[]
  /** The agent that uses it, where a configuration says so. */
  readonly agent?: SurveyedNode | undefined
  /** The configurations of those that use it together: the spec does not name them. */
  readonly sharedBy?: readonly string[] | undefined
  /** It takes the place of the certificate that the store has. */
  readonly renewal?: Renewal | undefined
  /** The store has another certificate in its place, which stays. */
  readonly stays?: true | undefined
}

/** An agent without a certificate that could be adopted, and why: a comment. */
export interface BareAgent {
  readonly agent: SurveyedNode
  readonly note: string
}

/** Every certificate with its place, and the agents that have none. */
export interface Placement {
  readonly placed: readonly Placed[]
  /** Agents whose certificate is not here. */
  readonly bare: readonly BareAgent[]
  readonly leftOut: readonly LeftOut[]
}

/**
 * Places certificates.
 *
 * @param leaves Those that can be adopted.
 * @param agents The agents whose configurations were read.
 * @param known Addresses of identities by fingerprint, as the ledger has them.
 * @param stored What the store has.
 */
export function placeLeaves(
  leaves: readonly Leaf[],
  agents: readonly SurveyedNode[],
  known: ReadonlyMap<string, string>,
  stored: readonly StoreIdentity[] = [],
): Placement {
  const placed: Placed[] = []
  const leftOut: LeftOut[] = []
  const bare: BareAgent[] = []
  const names = new Names(agents)
  for (const { address } of stored) {
    const place = parseAddress(address)
    if (place.kind === 'identity') names.claim(place.role, place.region, place.name)
  }
  const addresses = new Set(stored.map(({ address }) => address))
  const rest = new Set(leaves)

  for (const leaf of leaves) {
    const address = known.get(fingerprintOf(leaf.certificate))
    const parsed = address === undefined ? undefined : parseAddress(address)
    if (parsed?.kind !== 'identity') continue
    const { role, region, name } = parsed
    names.claim(role, region, name)
    const agent = agents.find(
      ({ node }) => node.kind === role && node.region === region && node.name === name,
    )
    placed.push({ role, region, name, leaf, notes: agent?.node.notes ?? [], agent })
    rest.delete(leaf)
  }

  const served = new Set(placed.flatMap(({ agent }) => agent ?? []))
  const used = new Map<SurveyedNode, Leaf>()
  for (const agent of agents) {
    const found = leafOf(agent, leaves, agents)
    if (found.leaf !== undefined) used.set(agent, found.leaf)
    else if (!served.has(agent)) bare.push({ agent, note: found.note })
  }
  for (const [, group] of groupBy(used, ([{ node }]) => `${node.kind} ${node.region}`)) {
    const [first] = group
    const [{ node }, leaf] = first!
    const all = agents.filter(
      ({ node: other }) => other.kind === node.kind && other.region === node.region,
    )
    const one = group.every(([, other]) => other === leaf) && group.length === all.length
    if (one && group.length > 1) {
      if (rest.has(leaf)) {
        const who = group.map(([agent]) => agent.node.name).join(', ')
        placed.push({
          role: node.kind,
          region: node.region,
          name: sharedName,
          leaf,
          notes: [
            `one pair of ${leaf.places[0]!} for ${who}; their configurations are not followed while it is shared`,
            ...splitNotes(group.map(([agent]) => agent)),
          ],
          sharedBy: group.map(([agent]) => agent.agent.config),
        })
      }
      continue
    }
    for (const [agent, own] of group) {
      if (!rest.has(own)) continue
      const { kind, region } = agent.node
      const place = { role: kind, region, name: sharedName }
      // Some agents have the renewal of a shared pair, and others wait for it.
      const name = addresses.has(identityAddress(place)) ? sharedName : agent.node.name
      placed.push({ role: kind, region, name, leaf: own, notes: agent.node.notes, agent })
    }
  }
  for (const leaf of used.values()) rest.delete(leaf)
  // A host has one node: another certificate of it is an older one, or not in use.
  for (const leaf of rest) {
    const host = agents.find(
      (one) =>
        standing(leaf, one) !== 'none' &&
        (isOfSection(leaf, one) ||
          (one.node.kind === 'combined' && one.node.region === leaf.named.region)),
    )
    if (host === undefined) continue
    rest.delete(leaf)
    const by = used.get(host)
    leftOut.push({
      kind: 'left-out',
      place: leaf.places[0]!,
      code: by === undefined ? 'adoption/agent' : 'adoption/replaced',
      message:
        by === undefined
          ? `it names ${host.node.name} of ${host.agent.config}, and nothing says that this agent uses it`
          : `${host.node.name} uses ${by.places[0]!}`,
      ...(by === undefined && {
        hint: `put a copy of the agent's cert_file beside ${host.agent.config}, and adopt again`,
      }),
    })
  }

  const renewed = renewedIn(stored, leaves)
  for (const leaf of rest) {
    const place = renewed.of(leaf, guessedName(leaf, leaves))
    if (place === undefined) continue
    const { role, region, name } = place
    placed.push({ role, region, name, leaf, notes: [] })
    rest.delete(leaf)
  }

  const sections = groupBy(rest, ({ named }) => `${named.role} ${named.region ?? ''}`)
  for (const [, group] of sections) {
    const { role, region } = group[0]!.named
    if (!isAgent(role) || region === undefined) continue
    placeAgents(group, { role, region, agents, names, placed, leftOut, leaves })
  }
  const [firstRegion = 'global'] = [...placed, ...agents.map(({ node }) => node)].map(
    (one) => one.region,
  )
  const people = [...rest].filter(({ named }) => !isAgent(named.role))
  const held = new Map<string, Leaf>()
  for (const leaf of newestFirst(people)) {
    const { role, holder } = leaf.named
    const newer = holder === undefined ? undefined : held.get(`${role} ${holder}`)
    if (newer !== undefined) {
      leftOut.push(olderOf(leaf, newer))
      continue
    }
    if (holder !== undefined) held.set(`${role} ${holder}`, leaf)
    const name = names.free(role, '', operatorName(leaf))
    // Where it does not say its region, those that its authority signs do.
    const beside = placed.find((one) => one.leaf.signer === leaf.signer)
    const region = leaf.named.region ?? beside?.region ?? firstRegion
    placed.push({ role, region, name, leaf, notes: holderNotes(leaf) })
  }
  return { placed, bare, leftOut }
}

interface Section {
  readonly role: Role
  readonly region: string
  readonly agents: readonly SurveyedNode[]
  readonly names: Names
  readonly placed: Placed[]
  readonly leftOut: LeftOut[]
  readonly leaves: readonly Leaf[]
}

/** Certificates of agents that no configuration names. */
function placeAgents(
  group: readonly Leaf[],
  { role, region, agents, names, placed, leftOut, leaves }: Section,
): void {
  const surveyed = agents.some(({ node }) => node.kind === role && node.region === region)
  const earlier = placed.some((one) => one.role === role && one.region === region)
  const taken = new Map<string, Leaf>()
  const before = new Set<Leaf>()
  for (const one of placed) {
    const host = nameInStore(one.leaf) ?? hostOf(one.leaf.named)
    if (one.role !== role || one.region !== region || host === undefined) continue
    before.add(one.leaf)
    taken.set(host, one.leaf)
  }
  const hostless: Leaf[] = []
  for (const leaf of newestFirst(group)) {
    const own = nameInStore(leaf)
    const host = own ?? hostOf(leaf.named)
    if (host === undefined) {
      hostless.push(leaf)
      continue
    }
    const other = taken.get(host)
    if (own !== undefined && other !== undefined && nameInStore(other) === own) {
      leftOut.push(olderOf(leaf, other))
      continue
    }
    const alike = other !== undefined && sameNames(other, leaf)
    // One key is one holder. Of two keys both can be in use: servers behind one name have this, too.
    if (alike && samePublicKey(other.certificate.publicKey, leaf.certificate.publicKey)) {
      leftOut.push({
        kind: 'left-out',
        place: leaf.places[0]!,
        code: 'adoption/replaced',
        message: `${other.places[0]!} has the same names, and ${before.has(other) ? 'has their place already' : 'begins later'}`,
      })
      continue
    }
    if (!alike) taken.set(host, leaf)
    const full = leaf.named.names[0]
    const name = names.free(
      role,
      region,
      other !== undefined && !alike && full && isName(full) ? full : host,
    )
    const [by = ''] = [...leaf.named.names, ...leaf.named.ips]
    placed.push({
      role,
      region,
      name,
      leaf,
      notes: [
        own === undefined
          ? `of ${leaf.places[0]!}; the name of the node is a guess from ${by}`
          : `of ${leaf.places[0]!}`,
        ...(alike
          ? [
              `it names the same as ${other.places[0]!}, with another key: is it another host's? If it is the same host's, and not in use, remove this node`,
            ]
          : []),
      ],
    })
  }
  if (hostless.length > 0 && surveyed) {
    for (const leaf of hostless) {
      leftOut.push({
        kind: 'left-out',
        place: leaf.places[0]!,
        code: 'adoption/agent',
        message: `no ${role} of ${region} that --agents named uses it`,
        hint: 'name the configuration of the agent that uses it, too',
      })
    }
    return
  }
  const [only] = hostless
  if (hostless.length === 1 && taken.size === 0 && !earlier) {
    placed.push({
      role,
      region,
      name: sharedName,
      leaf: only!,
      notes: [
        `${only!.places[0]!} names no host: which agents use it? To give each its own, put the nodes by name in the place of the line shared`,
      ],
    })
    return
  }
  for (const leaf of hostless) {
    const name = names.free(role, region, pathName(leaf, hostlessBeside(leaf, leaves)))
    placed.push({
      role,
      region,
      name,
      leaf,
      notes: [`which agent uses ${leaf.places[0]!}? It names no host; the name here is a guess`],
    })
  }
}

/** Names of nodes are unique in their region, those of people and machines in the spec, whatever their role. */
class Names {
  readonly #taken = new Set<string>()

  constructor(agents: readonly SurveyedNode[]) {
    for (const { node } of agents) this.claim(node.kind, node.region, node.name)
  }

  claim(role: Role, region: string, name: string): void {
    this.#taken.add(this.#key(role, region, name))
  }

  /** The name, or it with a number where another has it. */
  free(role: Role, region: string, wanted: string): string {
    let name = wanted
    for (let next = 2; this.#taken.has(this.#key(role, region, name)); next += 1) {
      name = `${wanted.slice(0, 58)}-${next}`
    }
    this.claim(role, region, name)
    return name
  }

  #key(role: Role, region: string, name: string): string {
    return `${isAgent(role) ? region : ''}/${name.toLowerCase()}`
  }
}

/** More nodes than this are not written out in a comment. */
const mostSplit = 12

/** How a shared pair is split: the lines that take its place. */
function splitNotes(agents: readonly SurveyedNode[]): readonly string[] {
  const lines = agents
    .slice(0, mostSplit)
    .map(({ node: { name, value } }) => `  ${quoteKey(name)}: ${flow(value)}`)
  const more = agents.length - lines.length
  return [
    'to give each its own pair: put these lines in the place of the line shared, then plan and apply',
    ...lines,
    ...(more > 0 ? [`  and ${more} more in the same way`] : []),
  ]
}

/**
 * What a node says in the spec: the names and addresses of its certificate. Its configuration can name
 * more; that does not ask for a new certificate, and goes into the addresses that are probed.
 */
export function valueOf(placed: Placed): {
  readonly value: Record<string, Plain>
  readonly notes: readonly string[]
} {
  const { names, ips } = placed.leaf.named
  const own: ListedNode['value'] = placed.agent?.node.value ?? {}
  const notes: string[] = []
  const others = Object.entries(own).filter(([key]) => key !== 'ips' && key !== 'names')
  const value: Record<string, Plain> = {
    ...(ips.length > 0 && { ips: [...ips] }),
    ...(names.length > 0 && { names: [...names] }),
    ...Object.fromEntries(others),
  }
  const more = (['ips', 'names'] as const).flatMap((key) =>
    ((own[key] ?? []) as readonly string[]).filter(
      (one) => !(key === 'ips' ? ips : names).includes(one),
    ),
  )
  const [first] = more
  if (first === undefined) return { value, notes }
  notes.push(
    `its configuration names ${more.join(', ')}, its certificate does not: add it to ips or names for the next one`,
  )
  const host = isIP(first) === 6 ? `[${first}]` : first
  if (ips.length === 0) {
    value['http'] ??= `${host}:4646`
    if (runsServer(placed.role)) value['rpc'] ??= `${host}:4647`
  }
  return { value, notes }
}
