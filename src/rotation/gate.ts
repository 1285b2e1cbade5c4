/**
 * The gate before a stage: whether every agent of the cluster was seen to have what the stage takes
 * for granted. Made is not delivered, delivered is not loaded: only a handshake shows what an agent
 * loaded, and where it shows no trust (it asks for no certificate), the receipt of its installer must do.
 *
 * An agent that nobody knows holds the gate, and so does one that cannot be reached.
 *
 * @module
 */

import { formatDuration, formatInstant } from '../duration.js'
import { groupBy } from '../grouping.js'
import type { Inventory } from '../inventory/inventory.js'
import type { Desired, DesiredIdentity } from '../spec/desired.js'
import {
  evidenceLife,
  newestBy,
  portOf,
  type Evidence,
  type Members,
  type Observation,
  type Receipt,
} from '../evidence/evidence.js'
import { generationsIn, rootAbove, type MadeGeneration } from '../evidence/generations.js'
import type { GateCondition } from './stages.js'
import { unknownMembers } from '../evidence/unknown-members.js'

/** Why the gate is held, and by whom. */
export interface Hold {
  /** `identity/server/global/s1`, or `member/global/s9` for one that only Nomad knows. */
  readonly address: string
  /** One sentence: lower case, no full stop. */
  readonly message: string
  /** What opens it. */
  readonly remedy: string
}

/** What the gate says. */
export interface GateVerdict {
  readonly open: boolean
  readonly holds: readonly Hold[]
  /** How many agents were seen to have it. */
  readonly proven: number
  /** How many there are. */
  readonly agents: number
  /** Those that are not waited for, with the reason that was given. */
  readonly excepted: readonly { readonly address: string; readonly reason: string }[]
  /** What does not hold it and is worth knowing. */
  readonly notes: readonly string[]
}

/** What the gate needs to know. */
export interface GateFacts {
  readonly desired: Desired
  readonly inventory: Inventory
  readonly evidence: Evidence
  /** Epoch milliseconds. */
  readonly now: number
  /** The root that is coming: exceptions are for its rotation alone. */
  readonly authority: string
}

/**
 * Judges.
 *
 * @param condition What every agent must have.
 */
export function judgeGate(condition: GateCondition, facts: GateFacts): GateVerdict {
  const { desired, inventory, evidence, now, authority } = facts
  const made = generationsIn(inventory)
  const excepted = new Map(
    evidence.exceptions
      .filter((one) => one.authority === authority)
      .map(({ address, reason }) => [address, reason]),
  )
  const agents = desired.identities.filter(({ profile }) => profile.role !== 'operator')
  const past = ({ at }: { readonly at: number }): boolean => at <= now
  const judge: Judge = {
    condition,
    now,
    made,
    riding: new Set(
      desired.authorities.filter(({ rideAlong }) => rideAlong).map(({ address }) => address),
    ),
    rootOf: remembered((issuer) => rootAbove(issuer, inventory.authorities)),
    // Of one endpoint only what was seen last counts, whoever it was then.
    observations: groupBy(
      newestBy(evidence.observations.filter(past), portOf).values(),
      ({ address }) => address,
    ),
    receipts: newestBy(evidence.receipts.filter(past), ({ address }) => address),
  }
  const holds: Hold[] = []
  let proven = 0
  for (const agent of agents) {
    if (excepted.has(agent.address)) continue
    const hold = agent.profile.shared ? holdOfShared(agent, judge) : holdOf(agent, judge)
    if (hold === undefined) proven += 1
    else holds.push(hold)
  }
  for (const hold of strangers(agents, evidence.members.filter(past), inventory, facts)) {
    if (!excepted.has(hold.address)) holds.push(hold)
  }
  return {
    open: holds.length === 0,
    holds,
    proven,
    agents: agents.length,
    excepted: [...excepted].map(([address, reason]) => ({ address, reason })),
    notes: operatorNotes(desired, judge),
  }
}

interface Judge {
  readonly condition: GateCondition
  readonly now: number
  readonly made: ReadonlyMap<string, readonly MadeGeneration[]>
  readonly rootOf: (issuer: string) => string | undefined
  /** Authorities of which leaves wait for their renewal. */
  readonly riding: ReadonlySet<string>
  readonly observations: ReadonlyMap<string, readonly Observation[]>
  /** The last of each. */
  readonly receipts: ReadonlyMap<string, Receipt>
}

/** One agent with a leaf of its own. */
function holdOf({ address, profile }: DesiredIdentity, judge: Judge): Hold | undefined {
  const { condition, now, made, rootOf, observations, riding } = judge
  const generations = made.get(address) ?? []
  const newest = generations.at(-1)
  if (newest === undefined || !satisfies(newest, condition, rootOf)) {
    return {
      address,
      message:
        newest === undefined
          ? 'it has no certificate yet'
          : `its generation ${newest.number} is not of this stage`,
      remedy:
        newest !== undefined && riding.has(profile.issuer.address)
          ? `its next renewal will be; at once: nomad-pki rotate leaves ${address}`
          : 'nomad-pki apply',
    }
  }
  const seen = observations.get(address) ?? []
  const fresh = seen.filter(({ at }) => now - at <= evidenceLife)
  if (fresh.length === 0) {
    const last = seen.reduce((latest, { at }) => Math.max(latest, at), -Infinity)
    return {
      address,
      message: Number.isFinite(last)
        ? `it was last asked ${formatDuration(now - last)} ago; evidence holds for ${formatDuration(evidenceLife)}`
        : 'it was never seen',
      remedy: `deliver generation ${newest.number}, reload, then: nomad-pki probe ${address}`,
    }
  }
  for (const { endpoint, fingerprint } of fresh) {
    const presented = generations.filter((one) => one.fingerprint === fingerprint)
    if (!presented.some((one) => leafFits(one, condition, rootOf))) {
      const which = presented.at(-1)
      return {
        address,
        message: `${endpoint} presents ${which === undefined ? 'a leaf that is not its own' : `generation ${which.number}`}, not ${newest.number}`,
        remedy: `deliver generation ${newest.number}, reload, then: nomad-pki probe ${address}`,
      }
    }
  }
  // A reload that failed half-way: both ports have the new leaf, and RPC the old trust
  // (command/agent/command.go:1121-1127).
  if (profile.role !== 'client' && !fresh.some(({ rpc }) => rpc)) {
    return {
      address,
      message: 'its RPC port was not seen, and may have loaded something else than its HTTP port',
      remedy: `nomad-pki probe ${address}, from where its RPC port can be reached`,
    }
  }
  return holdOfTrust(address, fresh, newest, judge)
}

/** Its trust: what it names while asking for a certificate; or, where it asks for none, its receipt. */
function holdOfTrust(
  address: string,
  fresh: readonly Observation[],
  newest: MadeGeneration,
  { condition, made, receipts }: Judge,
): Hold | undefined {
  const wanted = condition.trusts ?? []
  let shown = false
  for (const { endpoint, trusts } of fresh) {
    if (trusts === null) continue
    shown = true
    const missing = wanted.filter((root) => !trusts.includes(root))
    if (missing.length === 0) continue
    return {
      address,
      message: `${endpoint} does not trust ${missing.join(', ')}`,
      remedy: `deliver generation ${newest.number}, reload, then: nomad-pki probe ${address}`,
    }
  }
  if (shown) return undefined
  const receipt = receipts.get(address)
  const generation = made.get(address)?.find(({ number }) => number === receipt?.generation)
  if (
    generation !== undefined &&
    wanted.every((root) => generation.trusted?.includes(root) === true) &&
    fresh.some(({ fingerprint }) => fingerprint === generation.fingerprint)
  ) {
    return undefined
  }
  return {
    address,
    message:
      'it asks for no certificate, so its trust cannot be seen; its receipt must say it, and there is none of this stage',
    remedy: `take the receipt of its installer: nomad-pki probe --evidence FILE`,
  }
}

/**
 * A leaf that many hosts have: nobody can say which of them took the new one, so every one that still
 * lives counts.
 */
function holdOfShared({ address }: DesiredIdentity, judge: Judge): Hold | undefined {
  const { condition, now, made, rootOf } = judge
  const living = (made.get(address) ?? []).filter(({ notAfter }) => notAfter > now)
  const old = living.filter((one) => !satisfies(one, condition, rootOf))
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
  rootOf: Judge['rootOf'],
): boolean {
  const trusted = generation.trusted ?? []
  return (
    leafFits(generation, condition, rootOf) &&
    (condition.trusts ?? []).every((root) => trusted.includes(root))
  )
}

function leafFits(
  { issuer }: MadeGeneration,
  { leafUnder }: GateCondition,
  rootOf: Judge['rootOf'],
): boolean {
  return leafUnder === undefined || rootOf(issuer) === leafUnder
}

/** Whom Nomad names and nobody knows; and regions of which Nomad was not asked. */
function strangers(
  agents: readonly DesiredIdentity[],
  members: readonly Members[],
  inventory: Inventory,
  { now, desired }: GateFacts,
): readonly Hold[] {
  const holds: Hold[] = []
  const said = newestBy(members, ({ region }) => region)
  for (const region of new Set(agents.map(({ profile }) => profile.region))) {
    const latest = said.get(region)
    if (latest === undefined || now - latest.at > evidenceLife) {
      holds.push({
        address: `member/${region}`,
        message:
          latest === undefined
            ? 'Nomad was never asked who belongs to this region'
            : `Nomad was last asked ${formatDuration(now - latest.at)} ago who belongs to this region`,
        remedy: 'nomad-pki probe',
      })
      continue
    }
    for (const { address, name, kind } of unknownMembers(desired, [latest])) {
      const orphan = [...inventory.identities.values()].find(
        (one) => one.region === region && one.name === name && one.role !== 'operator',
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

/** People are no agents: nobody waits for them, and they are told. */
function operatorNotes(
  desired: Desired,
  { condition, now, made, rootOf, riding }: Judge,
): readonly string[] {
  const notes: string[] = []
  for (const { address, profile } of desired.identities) {
    if (profile.role !== 'operator') continue
    const newest = made.get(address)?.at(-1)
    if (newest === undefined || newest.notAfter <= now) continue
    if (!satisfies(newest, condition, rootOf)) {
      // What rides is not renewed because somebody applies.
      const cure = riding.has(profile.issuer.address) ? 'rotate leaves' : 'apply'
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
