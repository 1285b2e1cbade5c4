/**
 * The gate before a stage: whether every agent of the cluster was seen to have what the stage needs.
 * A new generation may not be delivered or loaded: only a handshake shows what an agent loaded. Where
 * it does not show trust, because the agent asks for no certificate, the installer's receipt counts.
 *
 * An unknown agent holds the gate, and so does one that cannot be reached.
 *
 * @module
 */

import { authorityNameOf, bundleAddress, roleIn } from '../address.js'
import { formatDuration, formatInstant } from '../duration.js'
import type { Inventory } from '../inventory/inventory.js'
import { isAgent, runsServer } from '../nomad/roles.js'
import type { Desired, DesiredIdentity } from '../cluster/desired.js'
import { evidenceLife, newestBy, pastOf, type Evidence, type Members } from './evidence.js'
import { foreignFault, foreignReader, keylessIn, type ForeignReader } from './foreign-trust.js'
import { isMute } from './judge-agents.js'
import { judgeSeenAlone } from './judge.js'
import type { Judgement, Judgements } from './judgement.js'
import { holdOfSelfRenewed } from './self-renewed-hold.js'
import { selfRenewedIn, type SelfRenewedNodes } from './self-renewed.js'
import { generationsIn, rootsAbove, sameRoots, type MadeGeneration } from './generations.js'
import { bareName, unknownMembers } from './unknown-members.js'

/** What every agent must have before an edit. */
export interface GateCondition {
  /** Roots that every agent must trust. */
  readonly trusts?: readonly string[] | undefined
  /** The root that every agent's leaf must hang from. */
  readonly leafUnder?: string | undefined
  /** Whether every agent must trust exactly what its newest generation brought: a rotation has ended. */
  readonly settled?: boolean | undefined
}

/** Why an agent holds the gate. */
export interface Hold {
  /** `identity/server/global/s1`, or `member/global/s9` for an agent that only Nomad knows. */
  readonly address: string
  /** One sentence: lower case, no full stop. */
  readonly message: string
  /** What opens it. */
  readonly remedy: string
}

/** What the gate says. */
export interface GateVerdict {
  /** Whether the stage may be taken. */
  readonly open: boolean
  /** Agents that hold it. */
  readonly holds: readonly Hold[]
  /** How many agents were seen to have it. */
  readonly proven: number
  /** How many there are. */
  readonly agents: number
  /** Those that are not waited for, with the reason that was given. */
  readonly excepted: readonly {
    /** `identity/server/global/s1` */
    readonly address: string
    /** As it was given. */
    readonly reason: string
  }[]
  /** What does not hold it and is worth knowing. */
  readonly notes: readonly string[]
}

/** What the gate needs to know. */
export interface GateFacts {
  /** The cluster. */
  readonly desired: Desired
  /** The store and its ledger. */
  readonly inventory: Inventory
  /** `evidenceIn(inventory.ledger, { now })` */
  readonly evidence: Evidence
  /** Epoch milliseconds. */
  readonly now: number
  /** The root that is coming: exceptions are for its rotation alone. */
  readonly authority: string
  /** What the agents were seen to have, exceptions apart. Default: it is judged from the evidence. */
  readonly judgements?: Judgements | undefined
}

/**
 * Decides whether every agent has what a stage of a rotation takes for granted. An agent that is unknown or
 * cannot be reached holds the gate.
 *
 * @param condition What every agent must have: `rotationOf(…).next.gate`.
 * @param facts The cluster, what is known of it, and the time.
 * @returns Open or closed, with each agent that holds it and what opens it.
 * @see docs/proof.md
 */
export function judgeGate(condition: GateCondition, facts: GateFacts): GateVerdict {
  const { desired, inventory, now, authority } = facts
  const evidence = pastOf(facts.evidence, now)
  const exceptions = evidence.exceptions.filter((one) => one.authority === authority)
  const excepted = new Map(exceptions.map(({ address, reason }) => [address, reason]))
  // Regions of another root neither trust this one nor need it.
  const bundle = bundleAddress(authorityNameOf(authority))
  const below = desired.identities.filter(({ profile }) => profile.bundle === bundle)
  const agents = below.filter(({ profile }) => isAgent(profile.role))
  const judge: Judge = {
    condition,
    now,
    made: generationsIn(inventory),
    // Exceptions are the gate's own: what an agent was seen to have is told without them.
    judgements: facts.judgements ?? judgeSeenAlone(inventory, { now, evidence }),
    deferred: new Set(
      desired.authorities.filter(({ rideAlong }) => rideAlong).map(({ address }) => address),
    ),
    rootsOf: remembered((issuer) => rootsAbove(issuer, inventory.authorities)),
    keyless: keylessIn(desired, inventory),
    foreign: foreignReader(inventory, evidence, now),
    self: selfRenewedIn(desired, inventory, { now, evidence }),
  }
  const left = leftAgents(agents, evidence.members, now)
  const holds: Hold[] = []
  let proven = 0
  for (const agent of agents) {
    if (excepted.has(agent.address)) continue
    const hold = agent.profile.shared ? holdOfShared(agent, judge) : holdOf(agent, judge)
    if (hold === undefined) proven += 1
    else holds.push(left.has(agent.address) ? leftHold(agent, hold) : hold)
  }
  for (const hold of memberHolds(agents, evidence.members, inventory, facts)) {
    if (!excepted.has(hold.address)) holds.push(hold)
  }
  return {
    open: holds.length === 0,
    holds,
    proven,
    agents: agents.length,
    excepted: [...excepted].map(([address, reason]) => ({ address, reason })),
    notes: operatorNotes(below, judge),
  }
}

interface Judge {
  readonly condition: GateCondition
  readonly now: number
  readonly made: ReadonlyMap<string, readonly MadeGeneration[]>
  readonly judgements: Judgements
  readonly rootsOf: (issuer: string) => readonly string[]
  /** Authorities of which leaves wait for their renewal. */
  readonly deferred: ReadonlySet<string>
  /** Authorities that cannot sign, because nobody has their keys. */
  readonly keyless: ReadonlySet<string>
  readonly foreign: ForeignReader
  readonly self: SelfRenewedNodes
}

/** One agent with a leaf of its own. */
function holdOf(identity: DesiredIdentity, judge: Judge): Hold | undefined {
  const { address, profile } = identity
  const { condition, made, judgements, rootsOf, deferred } = judge
  const own = judge.self.get(address)
  if (own !== undefined) {
    const { now, foreign } = judge
    const { trust } = foreign()
    return holdOfSelfRenewed(own, { condition, now, trust, rootsOf, mute: isMute(identity) })
  }
  const newest = made.get(address)?.at(-1)
  const trustFault = foreignFault(identity, condition, judge.foreign)
  if (newest === undefined) {
    if (trustFault === null) return undefined
    if (trustFault !== undefined && judge.keyless.has(profile.issuer.address)) {
      return {
        address,
        message: `its certificate is not in the store, and ${trustFault}`,
        remedy: `nomad-pki pack --trust-only --out ca.pem; put it in the place of the agent's ca_file, reload, then: nomad-pki probe ${address}; or: --except ${address} --reason "…"`,
      }
    }
    return { address, message: 'it has no certificate yet', remedy: 'nomad-pki apply' }
  }
  if (!satisfies(newest, condition, rootsOf)) {
    return {
      address,
      message: `its generation ${newest.number} is not of this stage`,
      remedy: deferred.has(profile.issuer.address)
        ? `its next renewal will be; at once: nomad-pki rotate leaves ${address}`
        : 'nomad-pki apply',
    }
  }
  // It uses another one than what was made or adopted for it, and trusts what the stage needs.
  if (judgements.get(address)!.state === 'foreign' && trustFault === null) return undefined
  return holdOfJudgement(judgements.get(address)!, judge, isMute(identity))
}

/** It must be seen to have the newest generation, or another one that is of this stage. */
function holdOfJudgement(judgement: Judgement, judge: Judge, mute: boolean): Hold | undefined {
  const { address, state, message, remedy, at, basis, known, newest } = judgement
  const { now, condition, rootsOf } = judge
  const again = `deliver generation ${newest.number}, reload, then: nomad-pki probe ${address}`
  const hold = (why: string, cure: string = again): Hold => ({
    address,
    message: why,
    remedy: cure,
  })
  // Of one that can never be asked its receipt is all that there is.
  if (mute && state === 'proven') return undefined
  if (at !== undefined && now - at > evidenceLife) {
    const ago = formatDuration(now - at)
    return hold(`it was last asked ${ago} ago; evidence holds for ${formatDuration(evidenceLife)}`)
  }
  const older =
    state === 'lagging' &&
    known !== undefined &&
    known.number !== newest.number &&
    (condition.settled !== true || sameRoots(known.trusted, newest.trusted ?? []))
  if (older && isWhole(judgement, condition) && satisfies(known, condition, rootsOf))
    return undefined
  if (state !== 'proven') return hold(message, remedy)
  if (basis !== 'seen') return hold(message, `nomad-pki probe ${address}`)
  return undefined
}

/** Whether every port that was asked shows one leaf, and that it trusts what the stage needs. */
function isWhole(
  { address, ports, basis }: Judgement,
  { trusts: wanted = [] }: GateCondition,
): boolean {
  const { seen, silent } = ports
  const leaves = new Set(seen.map(({ fingerprint }) => fingerprint))
  if (basis !== 'seen' || silent.length > 0 || leaves.size !== 1) return false
  if (runsServer(roleIn(address)) && !seen.some(({ rpc }) => rpc)) return false
  const shown = seen.filter(({ trusts }) => trusts !== null)
  return (
    shown.length > 0 && shown.every(({ trusts }) => wanted.every((root) => trusts!.includes(root)))
  )
}

/**
 * Why a leaf that many hosts share holds the gate: it is unknown which of them loaded the new one, so
 * every generation that is still valid counts.
 */
function holdOfShared({ address }: DesiredIdentity, judge: Judge): Hold | undefined {
  const { condition, now, made, rootsOf } = judge
  const living = (made.get(address) ?? []).filter(({ notAfter }) => notAfter > now)
  const old = living.filter((one) => !satisfies(one, condition, rootsOf))
  const [first, ...more] = old
  if (first === undefined) {
    return living.length > 0
      ? undefined
      : { address, message: 'it has no certificate yet', remedy: 'nomad-pki apply' }
  }
  const last = [first, ...more].reduce((a, b) => (b.notAfter > a.notAfter ? b : a))
  return {
    address,
    message: `many hosts share it, and its generation ${last.number}, which lives until ${formatInstant(last.notAfter)}, is not of this stage`,
    remedy: `wait until then; or, when every host has the new one: --except ${address} --reason "…"`,
  }
}

function satisfies(
  generation: MadeGeneration,
  condition: GateCondition,
  rootsOf: Judge['rootsOf'],
): boolean {
  const trusted = generation.trusted ?? []
  return (
    leafFits(generation, condition, rootsOf) &&
    (condition.trusts ?? []).every((root) => trusted.includes(root))
  )
}

function leafFits(
  { issuer }: MadeGeneration,
  { leafUnder }: GateCondition,
  rootsOf: Judge['rootsOf'],
): boolean {
  return leafUnder === undefined || rootsOf(issuer).includes(leafUnder)
}

/** Agents of the spec that left their region, as Nomad says: a probe of them is no help. */
function leftAgents(
  agents: readonly DesiredIdentity[],
  members: readonly Members[],
  now: number,
): ReadonlySet<string> {
  const said = newestBy(members, ({ region }) => region)
  const isLeft = ({ profile: { region }, name }: DesiredIdentity): boolean => {
    const latest = said.get(region)
    if (latest === undefined || now - latest.at > evidenceLife) return false
    const isIt = (one: string): boolean => bareName(one, region) === name
    return latest.gone.some(isIt) && ![...latest.servers, ...latest.clients].some(isIt)
  }
  return new Set(agents.filter(isLeft).map(({ address }) => address))
}

/** It can come back with the files that it had, so it still holds the gate. */
function leftHold({ name, profile: { region, role } }: DesiredIdentity, hold: Hold): Hold {
  const { address, message } = hold
  return {
    address,
    message: `${message}; Nomad says that it left ${region}`,
    remedy: `if it stays away: nomad-pki remove ${role} ${region}/${name}; or: --except ${address} --reason "…"`,
  }
}

/** A hold for each member of gossip that the spec does not have, and for each region that was not asked for its members. */
function memberHolds(
  agents: readonly DesiredIdentity[],
  members: readonly Members[],
  inventory: Inventory,
  { now, desired }: GateFacts,
): readonly Hold[] {
  const holds: Hold[] = []
  const said = newestBy(members, ({ region }) => region)
  const regions = new Set(agents.map(({ profile }) => profile.region))
  const known = new Set(desired.identities.map(({ profile }) => profile.region))
  for (const [region, { at }] of said) {
    // Federated: its servers are joined to ours, and trust what ours trust.
    if (known.has(region) || now - at > evidenceLife) continue
    holds.push({
      address: `member/${region}`,
      message: `gossip names a region ${region}, and the spec does not have it`,
      remedy: `write ${region} into the spec; or: --except member/${region} --reason "…"`,
    })
  }
  for (const region of regions) {
    const latest = said.get(region)
    if (latest === undefined || now - latest.at > evidenceLife) {
      holds.push({
        address: `member/${region}`,
        message:
          latest === undefined
            ? 'Nomad was never asked for the members of this region'
            : `Nomad was last asked for the members of this region ${formatDuration(now - latest.at)} ago`,
        remedy: 'nomad-pki probe',
      })
      continue
    }
    if (latest.incomplete !== undefined) {
      holds.push({
        address: `member/${region}`,
        message: `not all members of this region are known: ${latest.incomplete}`,
        remedy: 'nomad-pki probe',
      })
    }
    for (const { address, name, kind } of unknownMembers(desired, [latest])) {
      const orphan = [...inventory.identities.values()].find(
        (one) => one.region === region && one.name === name && isAgent(one.role),
      )
      holds.push({
        address,
        message:
          orphan === undefined
            ? `Nomad has a ${kind} of this name, and neither spec nor store know it`
            : `Nomad has a ${kind} of this name, and the spec no longer does`,
        remedy: `nomad-pki add ${kind} ${region}/${name}; or: --except ${address} --reason "…"`,
      })
    }
  }
  return holds
}

/** Notes about operators, whose certificates do not hold the gate. */
function operatorNotes(
  identities: readonly DesiredIdentity[],
  { condition, now, made, rootsOf, deferred }: Judge,
): readonly string[] {
  const notes: string[] = []
  for (const { address, profile } of identities) {
    if (isAgent(profile.role)) continue
    const newest = made.get(address)?.at(-1)
    if (newest === undefined || newest.notAfter <= now) continue
    if (!satisfies(newest, condition, rootsOf)) {
      // `apply` leaves a deferred agent alone until its renewal is due.
      const cure = deferred.has(profile.issuer.address) ? 'rotate leaves' : 'apply'
      notes.push(`${address} has a certificate of the old root: nomad-pki ${cure} ${address}`)
    }
  }
  return notes
}

function remembered<T>(find: (key: string) => T): (key: string) => T {
  const known = new Map<string, T>()
  return (key) => {
    if (!known.has(key)) known.set(key, find(key))
    return known.get(key)!
  }
}
