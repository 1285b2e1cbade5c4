/**
 * The order in which what was made reaches the agents: servers one at a time, region by region, the
 * leader last, then clients in batches. Agents that are proven on the newest generation are left out.
 *
 * One server at a time, because a reload closes its connections and raft streams (nomad/server.go:676);
 * the leader last, because the others' reloads then find the same one.
 *
 * @module
 */

import { parseIdentity } from '../address.js'
import { isAgent, runsServer } from '../nomad/roles.js'
import { renamingOf } from '../checks/cluster.js'
import type { Inventory } from '../inventory/inventory.js'
import type { Ledger } from '../inventory/ledger.js'
import type { Override } from '../overrides.js'
import { groupBy } from '../grouping.js'
import type { Desired, DesiredConfig, DesiredIdentity } from '../cluster/desired.js'
import { evidenceIn, newestBy, type Members, type Receipt } from '../evidence/evidence.js'
import type { AgentState, Judgement } from '../evidence/judgement.js'
import { proofsIn, type Proof } from '../evidence/proven.js'
import { notBrought } from '../evidence/self-renewed-words.js'
import { selfRenewedIn } from '../evidence/self-renewed.js'
import type { Batch } from './batch.js'
import { bareName } from '../evidence/unknown-members.js'

export { parseBatch, usualBatch, type Batch } from './batch.js'

/** One host and what it is to receive. */
export interface RolloutNode {
  /** `identity/server/global/s1` */
  readonly address: string
  /** The host as Nomad calls it; `undefined`: every host that has this shared identity. */
  readonly host: string | undefined
  /** The generation that it is to have. */
  readonly generation: number
  /** The one that it was last known to have. */
  readonly proven: number | undefined
  /** Whether it is said to lead its region's servers. */
  readonly leader: boolean
  /**
   * Whether a reload is not enough: its stanza changed so that a reload does not take the change up, or a
   * `consul` or `vault` block of its configuration names a file of `tls`.
   */
  readonly restart: boolean
  /** What its installer must be told to accept: the cluster was renamed since its generation was made. */
  readonly overrides: readonly Override[]
  /**
   * Files or directories, as the spec names them, that `apply` edits here and no archive carries: the
   * agent needs them after its files and before it loads them. Empty where agents read the store.
   */
  readonly configs: readonly string[]
  /** Whether only the receipt of its installer can prove it: it asks for no certificate. */
  readonly receipt: boolean
}

/** What is done before anybody looks whether it went well. */
export interface RolloutStep {
  /** From 1. */
  readonly number: number
  /**
   * `servers`: all of a region together, because their certificates have ended and the quorum is lost already.
   * `machines`: programs that use the API. No region waits for them.
   */
  readonly kind: 'server' | 'servers' | 'clients' | 'machines'
  /** The region of its hosts. */
  readonly region: string
  /** The hosts, which can be done together. */
  readonly nodes: readonly RolloutNode[]
}

/** The order of a delivery. */
export interface Rollout {
  /** In their order. */
  readonly steps: readonly RolloutStep[]
  /** How many agents the spec has, a shared identity counted once. */
  readonly agents: number
  /** How many of them have the newest already. */
  readonly proven: number
  /** Regions with several servers of which the leader is not known. */
  readonly leaderless: readonly string[]
  /** Agents in the steps whose `consul` or `vault` blocks name a file of `tls`: they restart. */
  readonly notReloaded: readonly string[]
  /** Agents for which nothing was made yet. */
  readonly missing: readonly string[]
  /** Agents that are not proven, and that delivering the newest generation would not cure. */
  readonly doubtful: readonly Doubtful[]
  /** Agents that are not waited for. */
  readonly excepted: readonly Doubtful[]
}

/** An agent that delivering cannot prove. */
export interface Doubtful {
  /** `identity/server/global/s1` */
  readonly address: string
  /** How the agent stands. */
  readonly state: AgentState
  /** One sentence: lower case, no full stop. */
  readonly message: string
  /** What comes first. */
  readonly remedy?: string | undefined
}

/** What may be said about the order. */
export interface RolloutOptions {
  /** Epoch milliseconds. */
  readonly now: number
  /** How many clients at once. */
  readonly batch: Batch
  /** Addresses of servers that lead their regions. Default: what the members' lines of the ledger say. */
  readonly leaders?: readonly string[] | undefined
  /** Addresses of configurations whose edit is planned and needs a restart. Default: none. */
  readonly restarts?: ReadonlySet<string> | undefined
  /** Addresses of all configurations whose edit is planned. Default: `restarts`. */
  readonly edits?: ReadonlySet<string> | undefined
  /** Addresses of configurations with a file of `tls` that a reload does not load again. Default: none. */
  readonly notReloaded?: ReadonlySet<string> | undefined
}

/**
 * Works out in which order hosts receive what was made: servers one at a time, region by region, the leader
 * last, then clients in batches. Agents proven to have the newest generation are left out, so a second call
 * goes on where the first one stopped.
 *
 * @param desired The cluster: `desire(spec)`.
 * @param inventory What was made, and what is known of the agents.
 * @param options The time, the size of a batch, and the leaders.
 * @returns The steps, and the agents that no delivery cures.
 * @see nomad/server.go:676 of Nomad 1.11.3 (what a reload closes)
 */
export function planRollout(
  desired: Desired,
  inventory: Inventory,
  options: RolloutOptions,
): Rollout {
  const proofs = proofsIn(inventory, options)
  const self = selfRenewedIn(desired, inventory, options)
  const evidence = evidenceIn(inventory.ledger, options)
  const members = newestBy(evidence.members, ({ region }) => region)
  const agents = desired.identities.filter(({ profile }) => isAgent(profile.role))
  const changed = changedConfigs(
    desired,
    inventory,
    { proofs, receipts: evidence.receipts },
    options,
  )
  const restarts = new Set(
    changed.flatMap(({ config, restart }) => (restart ? [config.identity] : [])),
  )
  const notReloaded = new Set(
    desired.configs.flatMap(({ address, identity }) =>
      options.notReloaded?.has(address) === true ? [identity] : [],
    ),
  )
  const overridesFor = overridesByAgent(desired.cluster, inventory.ledger)
  const edited = groupBy(changed, ({ config }) => config.identity)
  const named = new Set(agents.map(({ name, profile }) => `${profile.region}/${name}`))
  const missing: string[] = []
  const doubtful: Doubtful[] = []
  const excepted: Doubtful[] = []
  const ended = new Set<string>()
  let proven = 0
  const servers = new Map<string, RolloutNode[]>()
  const clients = new Map<string, RolloutNode[]>()
  const sizes = new Map<string, number>()
  for (const agent of agents) {
    const { address, profile } = agent
    const own = self.get(address)
    if (own !== undefined) {
      // Nothing of the store is brought to it.
      if (own.state === 'proven') proven += 1
      else {
        const { state, message, remedy } = own
        doubtful.push({ address, state, message: notBrought(message), remedy })
      }
      continue
    }
    const { region } = profile
    const client = !runsServer(profile.role)
    const hosts = hostsOf(agent, members.get(region), named)
    if (client) sizes.set(region, (sizes.get(region) ?? 0) + hosts.length)
    const proof = proofs.get(address)
    const generation = proof?.newest.number ?? inventory.identities.get(address)?.current?.number
    if (generation === undefined) {
      missing.push(address)
      continue
    }
    const judgement = proof?.judgement
    if (proof?.state === 'proven') {
      proven += 1
      // It has its certificate, and not yet the configuration that was edited since.
      if (!edited.has(address)) continue
    }
    if (proof?.state === 'excepted') {
      excepted.push(doubtOf(judgement!))
      continue
    }
    if (judgement?.held === true) {
      doubtful.push(doubtOf(judgement))
      continue
    }
    if (judgement !== undefined && isDelivered(judgement) && !edited.has(address)) {
      doubtful.push(doubtOf(judgement))
      continue
    }
    if (!client && judgement?.state === 'expired') ended.add(address)
    const into = client ? clients : servers
    const nodes = into.get(region) ?? []
    into.set(region, nodes)
    for (const host of hosts) {
      nodes.push({
        address,
        host,
        generation,
        proven: proof?.proven?.number,
        restart: restarts.has(address) || notReloaded.has(address),
        overrides: overridesFor(address, proof?.proven?.number),
        configs: (edited.get(address) ?? []).flatMap(({ config }) => deliverable(config, host)),
        leader: !client && leads(agent, host, members.get(region), options.leaders),
        receipt: asksForNone(judgement),
      })
    }
  }
  const steps: Omit<RolloutStep, 'number'>[] = []
  for (const [region, nodes] of servers) {
    if (hasLostQuorum(region, nodes, ended, agents)) {
      steps.push({ kind: 'servers', region, nodes })
      continue
    }
    // A stable sort: the others stay in the order of the spec.
    for (const node of [...nodes].sort((a, b) => Number(a.leader) - Number(b.leader))) {
      steps.push({ kind: 'server', region, nodes: [node] })
    }
  }
  for (const [region, nodes] of clients) {
    const size = sizeOf(options.batch, sizes.get(region)!)
    for (let at = 0; at < nodes.length; at += size) {
      steps.push({ kind: 'clients', region, nodes: nodes.slice(at, at + size) })
    }
  }
  return {
    steps: steps.map((step, at) => ({ number: at + 1, ...step })),
    agents: agents.length,
    proven,
    leaderless: [...servers]
      .filter(([, nodes]) => nodes.length > 1 && !nodes.some(({ leader }) => leader))
      .filter(([region]) => !knowsLeader(region, members.get(region), options.leaders))
      .map(([region]) => region),
    notReloaded: agents
      .map(({ address }) => address)
      .filter(
        (address) =>
          notReloaded.has(address) &&
          steps.some(({ nodes }) => nodes.some((node) => node.address === address)),
      ),
    missing,
    doubtful,
    excepted,
  }
}

/**
 * What the installer of an agent refuses after the cluster was renamed, until the agent has a generation
 * that was made under the new name: its node still has the receipt with the old one.
 */
function overridesByAgent(
  cluster: string,
  ledger: Ledger,
): (address: string, proven: number | undefined) => readonly Override[] {
  const renaming = renamingOf(ledger, cluster)
  if (renaming === undefined) return () => []
  const made = new Set<string>()
  for (const event of ledger.events) {
    if (event.event === 'issued' && event.at >= renaming.at) {
      made.add(`${event.address} ${event.generation}`)
    }
  }
  const override: Override = { code: 'cluster', value: cluster, reason: renaming.reason }
  return (address, proven) =>
    proven !== undefined && made.has(`${address} ${proven}`) ? [] : [override]
}

/** Configurations that agents do not have yet: an edit is planned, or was written since they were last proven. */
function changedConfigs(
  { configs }: Desired,
  { ledger }: Inventory,
  known: { readonly proofs: ReadonlyMap<string, Proof>; readonly receipts: readonly Receipt[] },
  { restarts = new Set(), edits = restarts }: RolloutOptions,
): readonly { readonly config: DesiredConfig; readonly restart: boolean }[] {
  const written = new Map<string, number>()
  const restarted = new Map<string, number>()
  for (const line of ledger.events) {
    if (line.event !== 'stanza') continue
    written.set(line.address, line.at)
    if (line.restart.length > 0) restarted.set(line.address, line.at)
  }
  // An agent that was seen first and told then has its configuration since the receipt.
  const told = newestBy(known.receipts, (one) => one.address)
  const sinceOf = (identity: string): number => {
    const { at = 0, state, newest } = known.proofs.get(identity) ?? {}
    const receipt = told.get(identity)
    const isSame = state === 'proven' && receipt?.fingerprint === newest?.fingerprint
    return isSame ? Math.max(at, receipt?.at ?? 0) : at
  }
  return configs.flatMap((config) => {
    const { address, identity } = config
    const since = sinceOf(identity)
    const isNew = (at: number | undefined): boolean => at !== undefined && at >= since
    const restart = restarts.has(address) || isNew(restarted.get(address))
    return restart || edits.has(address) || isNew(written.get(address)) ? [{ config, restart }] : []
  })
}

/** What has to be copied to a host: nothing where the agents read the store, here. */
function deliverable(
  { name, tlsDirectory, write, paths }: DesiredConfig,
  host: string | undefined,
): readonly string[] {
  if (tlsDirectory === undefined || (host !== undefined && host !== name)) return []
  return [write ?? paths[0]!]
}

function doubtOf({ address, state, message, remedy }: Judgement): Doubtful {
  return { address, state, message, ...(remedy !== undefined && { remedy }) }
}

/** Whether delivering it again would change nothing: it presents the newest, and what is missing is proof. */
function isDelivered({ state, known, newest }: Judgement): boolean {
  return known?.number === newest.number && (state === 'silent' || state === 'unobservable')
}

function asksForNone(judgement: Judgement | undefined): boolean {
  const seen = judgement?.ports.seen ?? []
  return seen.length > 0 && seen.every(({ trusts }) => trusts === null)
}

/**
 * Whether so many servers of a region have certificates that ended that the rest elects no leader:
 * then one server at a time would wait for health that cannot come.
 */
function hasLostQuorum(
  region: string,
  nodes: readonly RolloutNode[],
  ended: ReadonlySet<string>,
  agents: readonly DesiredIdentity[],
): boolean {
  const servers = agents.filter(
    ({ profile }) => profile.region === region && runsServer(profile.role),
  )
  const lost = nodes.filter(({ address }) => ended.has(address)).length
  return lost > 0 && servers.length - lost < Math.floor(servers.length / 2) + 1
}

/** Rounded down, so that never more than that are away at once; one at least. */
function sizeOf(batch: Batch, clients: number): number {
  return batch.kind === 'count'
    ? batch.count
    : Math.max(1, Math.floor((clients * batch.percent) / 100))
}

/** The hosts of an identity: one; or, where many share it, those that Nomad names and the spec does not. */
function hostsOf(
  { name, profile }: DesiredIdentity,
  members: Members | undefined,
  named: ReadonlySet<string>,
): readonly (string | undefined)[] {
  if (!profile.shared) return [name]
  const { region } = profile
  const all = runsServer(profile.role)
    ? (members?.servers ?? []).map((server) => bareName(server, region))
    : (members?.clients ?? [])
  const others = all.filter((host) => !named.has(`${region}/${host}`))
  return others.length > 0 ? others : [undefined]
}

function leads(
  { address, name, profile }: DesiredIdentity,
  host: string | undefined,
  members: Members | undefined,
  leaders: readonly string[] | undefined,
): boolean {
  if (leaders?.includes(address) === true) return true
  if (members?.leader === undefined || saidOf(profile.region, leaders)) return false
  return bareName(members.leader, profile.region) === (host ?? name)
}

function knowsLeader(
  region: string,
  members: Members | undefined,
  leaders: readonly string[] | undefined,
): boolean {
  return members?.leader !== undefined || saidOf(region, leaders)
}

function saidOf(region: string, leaders: readonly string[] | undefined): boolean {
  return leaders?.some((address) => parseIdentity(address).region === region) === true
}
