/**
 * A cluster that was rotated by half: some agents present leaves of one root and trust only that
 * one, others another, and each refuses the other. It is recognised from what a probe saw, and healed
 * from any state by one generation for everybody: trust in all roots concerned, a leaf of the newest,
 * and that one certified by the others.
 *
 * ```text
 *                       talks to   trust A     trust A+B   trust A+B   trust B     trust B    trust A
 *                                  leaf A      leaf A      leaf B      leaf B      leaf A     leaf B
 * trust A+B, leaf B, B certified by A   ok          ok          ok          ok         ok         ok
 * trust B,   leaf B                     -           -           ok          ok         -          -
 * ```
 *
 * @module
 */

import { authorityAddress, bundleAddress, generationOf, isOfAuthority } from '../address.js'
import { crossDemand, crossObstacle } from '../checks/cross.js'
import { keylessText, signerOf } from '../checks/key-place.js'
import { groupBy } from '../grouping.js'
import type { Inventory } from '../inventory/inventory.js'
import { isAgent, runsServer } from '../nomad/roles.js'
import type { Desired, DesiredIdentity } from '../cluster/desired.js'
import type { AuthorityEdit } from '../cluster/edit-authority.js'
import type { AuthoritySpec, ClusterSpec } from '../cluster/spec.js'
import { evidenceIn, type SeenPort } from '../evidence/evidence.js'
import { generationsIn, rootAbove, sameRoots } from '../evidence/generations.js'
import { isAuthority, recogniser } from '../evidence/recognise.js'

/** Agents that have the same. */
export interface Side {
  /** Under what their leaves hold: roots of ours by address, others by name. */
  readonly roots: readonly string[]
  /** Whom they trust; `null` where that cannot be seen. */
  readonly trusts: readonly string[] | null
  readonly agents: readonly string[]
}

/** Agents under one root that refuse each other, and the way out. */
export interface HalfRotation {
  /** The root's name. */
  readonly authority: string
  /** One sentence: lower case, no full stop. */
  readonly message: string
  readonly sides: readonly Side[]
  /** What the spec must say; empty where it says so. */
  readonly edits: readonly AuthorityEdit[]
  /** Whether each agent is healed when it has it, or only all of them. */
  readonly way: 'crossed' | 'staged'
  /** Why not crossed. */
  readonly obstacle?: string | undefined
  /** How many agents of the spec are concerned. */
  readonly agents: number
}

/** What it is read from. */
export interface HalfRotationFacts {
  readonly spec: ClusterSpec
  readonly desired: Desired
  readonly inventory: Inventory
  readonly seen: readonly SeenPort[]
  /** Epoch milliseconds. */
  readonly now: number
}

/** Finds them, at most one for each root. */
export function halfRotations(facts: HalfRotationFacts): readonly HalfRotation[] {
  const { desired, inventory, seen } = facts
  const stances = stancesOf(seen, desired, inventory)
  const bundles = groupBy(stances, ({ identity }) => identity.profile.bundle)
  return [...bundles].flatMap(([bundle, members]) => {
    const sides = sidesOf(members)
    const name = bundle.slice('bundle/'.length)
    // A few that lag get their newest archive; the repair is for a cluster that is split.
    if (refusals(sides) === 0 || isWhole(name, sides, facts)) return []
    return [halfRotation(name, sides, facts)]
  })
}

/** Whether most servers have what the spec says: the others refuse it, and a newer archive heals them. */
function isWhole(
  name: string,
  sides: readonly SideOfStances[],
  { spec }: HalfRotationFacts,
): boolean {
  const { signing, trusted } = spec.authorities.find((one) => one.name === name)!
  const wanted = trusted.map((generation) => authorityAddress(name, generation))
  const sum = (some: readonly SideOfStances[]): number =>
    some.reduce((all, { servers }) => all + servers, 0)
  const right = sides.filter(
    ({ roots, trusts }) =>
      roots.includes(authorityAddress(name, signing)) &&
      trusts !== null &&
      sameRoots(trusts, wanted),
  )
  return sum(right) * 2 > sum(sides)
}

/** What one agent presents and trusts. */
interface Stance {
  readonly identity: DesiredIdentity
  readonly roots: readonly string[]
  readonly trusts: readonly string[] | null
}

interface SideOfStances extends Side {
  /** How many hosts; many can be one identity. */
  readonly size: number
  /** Clients dial servers and each other's API, but no server is refused by a client alone. */
  readonly servers: number
}

function stancesOf(
  seen: readonly SeenPort[],
  desired: Desired,
  inventory: Inventory,
): readonly Stance[] {
  const known = recogniser(inventory)
  const made = generationsIn(inventory)
  const identities = new Map(desired.identities.map((identity) => [identity.address, identity]))
  const ports = new Map<string, SeenPort>()
  for (const port of seen) {
    // Agents meet on RPC; the other port may have been reloaded alone. Many hosts can be one identity.
    const shared = identities.get(port.asked)?.profile.shared === true
    const key = shared ? port.endpoint : port.asked
    if (port.rpc || !ports.has(key)) ports.set(key, port)
  }
  return [...ports.values()].flatMap(({ asked, address, fingerprint, issuers, trusts }) => {
    const identity = identities.get(asked)
    if (identity === undefined) return []
    const leaf = made.get(address)?.find((one) => one.fingerprint === fingerprint)
    const above = leaf && rootAbove(leaf.issuer, inventory.authorities)
    const roots =
      issuers === undefined || issuers.length === 0
        ? above === undefined
          ? []
          : [above]
        : known.roots(issuers)
    const shown = trusts?.some(known.isAmbiguous) === true ? null : trusts
    return [{ identity, roots: [...roots].sort(), trusts: shown && [...shown].sort() }]
  })
}

function sidesOf(stances: readonly Stance[]): readonly SideOfStances[] {
  const sides = new Map<string, { side: Side; agents: string[]; size: number; servers: number }>()
  for (const { identity, roots, trusts } of stances) {
    const key = JSON.stringify([roots, trusts])
    let found = sides.get(key)
    if (found === undefined) {
      const agents: string[] = []
      found = { side: { roots, trusts, agents }, agents, size: 0, servers: 0 }
      sides.set(key, found)
    }
    if (found.agents.at(-1) !== identity.address) found.agents.push(identity.address)
    found.size += 1
    if (runsServer(identity.profile.role)) found.servers += 1
  }
  return [...sides.values()].map(({ side, size, servers }) => ({ ...side, size, servers }))
}

/** How many pairs of sides can't talk; a side of several that refuses its own kind is one. */
function refusals(sides: readonly SideOfStances[]): number {
  let count = 0
  for (const [index, a] of sides.entries()) {
    for (const b of sides.slice(index)) {
      if (a === b && a.size < 2) continue
      if (a.servers + b.servers === 0) continue
      if (refuses(a, b) || refuses(b, a)) count += 1
    }
  }
  return count
}

function refuses(a: Side, b: Side): boolean {
  return a.trusts !== null && !b.roots.some((root) => a.trusts!.includes(root))
}

function halfRotation(
  name: string,
  sides: readonly Side[],
  facts: HalfRotationFacts,
): HalfRotation {
  const { spec, desired, inventory, now } = facts
  const authority = spec.authorities.find((one) => one.name === name)!
  const below = spec.authorities.filter(({ issuer }) => issuer === name)
  const { compromised } = evidenceIn(inventory.ledger, { now })
  // No agent is told to trust a root again if another person may have its key.
  const concerned = generationsOf(name, sides, authority).filter(
    (generation) =>
      authority.trusted.includes(generation) ||
      !compromised.some(({ address }) => address === authorityAddress(name, generation)),
  )
  const keyed = concerned.filter(
    (generation) =>
      keylessText(
        signerOf(authorityAddress(name, generation), desired),
        inventory.authorities.get(authorityAddress(name, generation))?.key.state,
      ) === undefined,
  )
  const signing = keyed.at(-1) ?? authority.signing
  const others = concerned.filter((generation) => generation !== signing)
  const uncrossed = others
    .map((other) =>
      crossObstacle(authorityAddress(name, other), crossDemand(name, desired), inventory, now),
    )
    .find((one) => one !== undefined)
  const crossed = uncrossed === undefined && others.length > 0
  const stranger = sides
    .flatMap(({ roots, trusts }) => [...roots, ...(trusts ?? [])])
    .find((one) => !isAuthority(one))
  const obstacle = uncrossed ?? (stranger && `${stranger} is not ours and can certify nothing here`)
  const way = obstacle === undefined ? 'crossed' : 'staged'
  // What rides along with renewals comes too late.
  const rides = authority.rollout === 'ride-along'
  const said =
    !rides &&
    authority.signing === signing &&
    (authority.crossed || !crossed) &&
    concerned.every((generation) => authority.trusted.includes(generation))
  const raised = below.filter(
    (one) =>
      rootAbove(authorityAddress(one.name, one.signing), inventory.authorities) !==
      authorityAddress(name, signing),
  )
  const agents = desired.identities.filter(
    ({ profile }) => isAgent(profile.role) && profile.bundle === bundleAddress(name),
  )
  return {
    authority: name,
    message: `half-rotated: agents under ${name} refuse each other, because they present leaves of one root and trust another`,
    sides: sides.map(({ roots, trusts, agents: all }) => ({ roots, trusts, agents: all })),
    edits: said
      ? []
      : [
          {
            ...{ name, signing, trusted: concerned },
            ...(crossed && { crossed }),
            ...(rides && { rollout: false as const }),
          },
          ...raised.map((one) => ({ name: one.name, signing: one.signing + 1 })),
        ],
    way,
    ...(obstacle !== undefined && { obstacle }),
    agents: agents.length,
  }
}

/**
 * The generations of a root that agents have to trust for all of them to be understood: those that some
 * trust, those of the spec, and for a leaf under none of these the newest above it. A cross-certificate
 * alone is not a reason: it outlives the root that made it, which was dropped and must not come back.
 */
function generationsOf(
  name: string,
  sides: readonly Side[],
  { signing, trusted }: AuthoritySpec,
): readonly number[] {
  const numbersOf = (addresses: readonly string[]): readonly number[] =>
    addresses.filter((one) => isAuthority(one) && isOfAuthority(one, name)).map(generationOf)
  const needed = new Set([
    ...sides.flatMap(({ trusts }) => numbersOf(trusts ?? [])),
    ...trusted,
    signing,
  ])
  for (const { roots } of sides) {
    const above = numbersOf(roots)
    if (above.length > 0 && !above.some((one) => needed.has(one))) needed.add(Math.max(...above))
  }
  return [...needed].sort((a, b) => a - b)
}
