/**
 * A cluster whose certificates have ended: what is left of it, why, and which edits of the spec come before
 * anything can be made again.
 *
 * ```text
 * leaves have ended                      new leaves under the same root
 * the root has ended, or its key is lost a new root, trusted alone: trust in the old one lets nobody in
 * clients alone have ended               an ordinary rollout of clients: the servers are well
 * ```
 *
 * @module
 */

import { authorityAddress, bundleAddress, parseIdentity } from '../address.js'
import { keylessText, signerOf } from '../checks/key-place.js'
import { renewsItself, type Desired } from '../cluster/desired.js'
import type { AuthorityEdit } from '../cluster/edit-authority.js'
import type { AuthoritySpec, ClusterSpec } from '../cluster/spec.js'
import { generationsIn, rootAbove, type MadeGeneration } from '../evidence/generations.js'
import type { AgentVerdict } from '../evidence/judge-agents.js'
import type { Inventory } from '../inventory/inventory.js'
import { isAgent, runsServer } from '../nomad/roles.js'

/** Whether the certificate that an agent has is good for anything. */
export type Life =
  /** It presents one that has ended; or it is silent, and all that it can have have ended. */
  | 'ended'
  /** It presents one that lives, or one that is not ours to judge. */
  | 'lives'
  /** It is silent, and may have one that lives. */
  | 'unknown'

/** One agent. */
export interface RecoveryAgent {
  /** `identity/server/global/s1` */
  readonly address: string
  readonly region: string
  readonly server: boolean
  readonly life: Life
  /** Whether it answered. */
  readonly answers: boolean
  /** When what it has ends or has ended, epoch milliseconds; of a silent one: the last of what was made for it. */
  readonly end: number | undefined
}

/** One region. */
export interface RecoveryRegion {
  readonly region: string
  /** Of the spec. */
  readonly servers: readonly RecoveryAgent[]
  readonly clients: readonly RecoveryAgent[]
  /** Whether servers have ended, and too few of the others are seen to live for them to elect a leader. */
  readonly quorumLost: boolean
}

/** An authority that is to sign, and cannot. */
export interface RecoveryFault {
  /** `authority/agent/1` */
  readonly address: string
  readonly fault: 'ended' | 'key-lost' | 'lost'
  /** When it ended, epoch milliseconds. */
  readonly at?: number | undefined
  /** Agents that still have a certificate below it that lives: another root would cut them off. */
  readonly holds: readonly RecoveryAgent[]
}

/** What is to be recovered. */
export interface Recovery {
  /** In the order of the spec. */
  readonly regions: readonly RecoveryRegion[]
  readonly faults: readonly RecoveryFault[]
  /** What the spec must say before new certificates can be made. */
  readonly edits: readonly AuthorityEdit[]
}

/** What it is read from. */
export interface RecoveryFacts {
  readonly spec: ClusterSpec
  readonly desired: Desired
  readonly inventory: Inventory
  /** What a probe saw just now, of every agent. */
  readonly verdicts: readonly AgentVerdict[]
  /** Epoch milliseconds. */
  readonly now: number
}

/** Finds out what has ended. Nothing is asked and nothing is changed. */
export function recoveryOf(facts: RecoveryFacts): Recovery {
  const { spec, desired, verdicts } = facts
  const agents = lives(facts, verdicts)
  const regions = spec.regions.flatMap(({ name }): RecoveryRegion[] => {
    const own = agents.filter(({ region }) => region === name)
    const servers = own.filter(({ server }) => server)
    // A silent one may be gone: with it nobody waits for a leader that cannot come.
    const living = servers.filter(({ life }) => life === 'lives').length
    const quorumLost =
      servers.some(({ life }) => life === 'ended') && living < Math.floor(servers.length / 2) + 1
    const clients = own.filter(({ server }) => !server)
    return own.length === 0 ? [] : [{ region: name, servers, clients, quorumLost }]
  })
  const needing = needingRoot(agents, facts)
  const all = desired.authorities.flatMap((wanted): RecoveryFault[] => {
    const { address, name, signing } = wanted
    if (!signing || !needing.has(name)) return []
    const found = facts.inventory.authorities.get(address)
    const of = (fault: RecoveryFault['fault'], at?: number): RecoveryFault[] => [
      { address, fault, ...(at !== undefined && { at }), holds: holdersOf(name, agents, facts) },
    ]
    if (found?.certificate === undefined) {
      return wasMade(address, facts) ? of('lost') : []
    }
    const { notAfter } = found.certificate
    if (notAfter <= facts.now) return of('ended', notAfter)
    const { state } = found.key
    // An encrypted key is there: the spec has to say so, and nothing is lost.
    const isLost =
      state !== 'encrypted' && keylessText(signerOf(address, desired), state) !== undefined
    return isLost ? of('key-lost') : []
  })
  const faults = all.filter((one) => one.fault !== 'key-lost' || isNeeded(one, all, facts))
  return { regions, faults, edits: editsFor(faults, facts) }
}

/** Every agent of a recovery. */
export function agentsOf({ regions }: Recovery): readonly RecoveryAgent[] {
  return regions.flatMap(({ servers, clients }) => [...servers, ...clients])
}

function lives(
  { desired, inventory, now }: RecoveryFacts,
  verdicts: readonly AgentVerdict[],
): readonly RecoveryAgent[] {
  const made = generationsIn(inventory)
  const seenOf = new Map(verdicts.map(({ address, seen }) => [address, seen]))
  const ends = endsOf(inventory)
  return desired.identities.flatMap(({ address, profile }): RecoveryAgent[] => {
    // Nothing that is made here helps a node that renews itself: the command names them.
    if (!isAgent(profile.role) || renewsItself({ profile })) return []
    const generations = made.get(address) ?? []
    const seen = seenOf.get(address) ?? []
    const endOf = (one: MadeGeneration): number => Math.min(one.notAfter, ends(one.issuer))
    const shown = seen.map(({ fingerprint }) => {
      const found = generations.find((one) => one.fingerprint === fingerprint)
      return found && endOf(found)
    })
    const base = {
      ...{ address, region: parseIdentity(address).region, server: runsServer(profile.role) },
      answers: seen.length > 0,
    }
    const known = shown.filter((end) => end !== undefined)
    if (known.some((end) => end <= now)) {
      return [{ ...base, life: 'ended', end: Math.min(...known) }]
    }
    if (seen.length > 0) return [{ ...base, life: 'lives', end: known[0] }]
    const last = Math.max(...generations.map(endOf))
    return [
      generations.length > 0 && last <= now
        ? { ...base, life: 'ended', end: last }
        : { ...base, life: 'unknown', end: generations.length === 0 ? undefined : last },
    ]
  })
}

/** When an authority, or one above it, ends: what it signed is good for nothing after. */
function endsOf({ authorities }: Inventory): (address: string) => number {
  const known = new Map<string, number>()
  return (address) => {
    const found = known.get(address)
    if (found !== undefined) return found
    const above = rootAbove(address, authorities) ?? address
    const endOf = (one: string): number => authorities.get(one)?.certificate?.notAfter ?? Infinity
    const end = Math.min(endOf(address), endOf(above))
    known.set(address, end)
    return end
  }
}

/** The authorities that have to sign for agents that have ended: their issuers, and the roots above. */
function needingRoot(
  agents: readonly RecoveryAgent[],
  { desired, inventory, now }: RecoveryFacts,
): ReadonlySet<string> {
  const made = generationsIn(inventory)
  const ends = endsOf(inventory)
  const ended = new Set(agents.flatMap(({ address, life }) => (life === 'ended' ? [address] : [])))
  const names = new Set<string>()
  for (const { address, profile } of desired.identities) {
    // Where nothing has ended yet, what cannot sign is told in time.
    if (ended.size === 0 ? !isAgent(profile.role) : !ended.has(address)) continue
    const newest = made.get(address)?.at(-1)
    // It was made already, and has only to be brought.
    if (
      ended.size > 0 &&
      newest !== undefined &&
      Math.min(newest.notAfter, ends(newest.issuer)) > now
    )
      continue
    names.add(profile.issuer.name)
    for (const one of desired.authorities) {
      if (one.name === profile.issuer.name && one.issuer !== undefined) names.add(one.issuer.name)
    }
  }
  return names
}

/** Whether the key of an authority has to sign: that of a root rests while what is below it can sign itself. */
function isNeeded(
  { address }: RecoveryFault,
  faults: readonly RecoveryFault[],
  { desired, inventory }: RecoveryFacts,
): boolean {
  const own = desired.authorities.find((one) => one.address === address)!
  const below = desired.authorities.filter(
    ({ issuer, signing }) => signing && issuer?.name === own.name,
  )
  const signs = desired.identities.some(
    ({ profile }) => isAgent(profile.role) && profile.issuer.name === own.name,
  )
  return (
    signs ||
    below.some(
      (one) =>
        inventory.authorities.get(one.address)?.certificate === undefined ||
        faults.some((fault) => fault.address === one.address),
    )
  )
}

/** Agents with a certificate below an authority that lives, or may: one that got none of us has none. */
function holdersOf(
  name: string,
  agents: readonly RecoveryAgent[],
  { desired }: RecoveryFacts,
): readonly RecoveryAgent[] {
  const under = new Set(
    desired.identities.flatMap(({ address, profile }) =>
      profile.bundle === bundleAddress(name) ? [address] : [],
    ),
  )
  return agents.filter(
    ({ address, life, end }) =>
      (life === 'lives' || (life === 'unknown' && end !== undefined)) && under.has(address),
  )
}

function wasMade(address: string, { inventory }: RecoveryFacts): boolean {
  return inventory.ledger.events.some((one) => one.event === 'authority' && one.address === address)
}

function editsFor(
  faults: readonly RecoveryFault[],
  facts: RecoveryFacts,
): readonly AuthorityEdit[] {
  const { spec } = facts
  const faulty = new Set(faults.map(({ address }) => address))
  const broken = spec.authorities.filter(({ name, signing }) =>
    faulty.has(authorityAddress(name, signing)),
  )
  const roots = broken.filter(({ issuer }) => issuer === undefined)
  const raised = spec.authorities.filter(
    (one) => one.issuer !== undefined && (broken.includes(one) || isBelow(one, roots)),
  )
  return [
    ...roots.map((root): AuthorityEdit => {
      const to = nextOf(root, facts)
      return {
        ...{ name: root.name, signing: to, trusted: [to] },
        ...(root.crossed && { crossed: false as const }),
        ...(root.rollout === 'ride-along' && { rollout: false as const }),
      }
    }),
    ...raised.map((one): AuthorityEdit => ({ name: one.name, signing: nextOf(one, facts) })),
  ]
}

function isBelow({ issuer }: AuthoritySpec, roots: readonly AuthoritySpec[]): boolean {
  return roots.some(({ name }) => name === issuer)
}

/** Numbers only rise: one that was made is not taken up again for another purpose. */
function nextOf({ name, signing, trusted }: AuthoritySpec, { inventory }: RecoveryFacts): number {
  const made = [...inventory.authorities.values()].flatMap((one) =>
    one.name === name ? [one.generation] : [],
  )
  return Math.max(signing, ...trusted, ...made) + 1
}
