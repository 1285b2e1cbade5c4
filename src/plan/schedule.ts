/**
 * What expires when. The end of a certificate is the least of its own and those of every chain that
 * holds it up: a leaf of 90 days under an intermediate of 30 lives for 30.
 *
 * @module
 */

import { latin1Of } from '../bytes.js'
import { endsWithIssuer, isOnDemand, renewBeforeOf } from '../checks/identity.js'
import { rootAbove } from '../evidence/generations.js'
import { proofsIn, type Proof } from '../evidence/proven.js'
import { lastPlaced } from '../evidence/placed.js'
import { asPlaced, asProven, type Placed } from './as-known.js'
import { revocationOf, revocationsIn, type Revocations } from '../inventory/revoked.js'
import type { RevocationReason } from '../revocation-reasons.js'
import { isAgent, profileOf } from '../nomad/roles.js'
import { fingerprintOf, type Certificate } from '../x509/certificate.js'
import type { FoundGeneration, Inventory } from '../inventory/inventory.js'
import type { Desired, DesiredIdentity } from '../cluster/desired.js'
import type { SelfRenewed } from '../evidence/self-renewed.js'
import { newKeyRemedy } from './held-by-node.js'
import { hasIt } from './made-elsewhere.js'
import { selfRenewedLives } from './self-renewed.js'

/** Where something stands in its life, best first. */
export type LifeState =
  | 'good'
  | 'due'
  | 'silent'
  | 'unproven'
  | 'unseen'
  | 'undelivered'
  | 'differs'
  | 'overdue'
  | 'revoked'
  | 'expired'
  | 'not-yet-valid'
  | 'missing'

/** One managed thing and its end. */
export interface ScheduleEntry {
  readonly address: string
  readonly kind: 'authority' | 'identity'
  readonly state: LifeState
  /** The effective end, epoch milliseconds; `undefined` where there is nothing (readable) yet. */
  readonly notAfter?: number | undefined
  /** Where something above ends it sooner than its own certificate: what that is. */
  readonly endedBy?: string | undefined
  /** Its own certificate's end. */
  readonly ownNotAfter?: number | undefined
  /** When `apply` renews it, or until when an authority's successor should sign. */
  readonly dueAt?: number | undefined
  /** Which of its generations its agent is known to have; absent where nothing is to be proven, or it was not asked for. */
  readonly proof?: Proof | undefined
  /** Of a machine: the generation that the last receipt of its installer names. Absent where nobody asked for it. */
  readonly placed?: Placed | undefined
  /** What is known of a node that renews itself: its certificate is not in the store. */
  readonly selfRenewed?: SelfRenewed | undefined
  /** The revocation of the certificate that is current, or of the one that its agent was last known to have. */
  readonly revoked?: RevokedEntry | undefined
  /** The host that ssh asked for the request of the current certificate, by `rollout --collect`. */
  readonly askedHost?: string | undefined
  /** Whether the spec names it: an orphan is not renewed, and is not work. */
  readonly orphan: boolean
  /** An operator's certificate is made when asked for: an expired one is not work. */
  readonly onDemand: boolean
}

/** A revocation, and the generation that it concerns. */
export interface RevokedEntry {
  /** When it was revoked, epoch milliseconds. */
  readonly at: number
  /** Why, in RFC 5280's words. */
  readonly reason: RevocationReason
  /** The number of the generation whose certificate or key was revoked. */
  readonly generation: number
  /** Whether that is the current one of the store: then a new key is to be made. */
  readonly current: boolean
  /** What brings a new key to its agent, a command and perhaps a place; absent for what the spec does not name. */
  readonly remedy?: string | undefined
}

/** When certificates end and when they are renewed. */
export interface Schedule {
  /** Epoch milliseconds that {@link ScheduleEntry.state} is judged at. */
  readonly at: number
  /** Whether what was made was taken for delivered: no state says what agents have. */
  readonly asMade?: boolean | undefined
  /** Soonest end first; what is missing stands at the top. */
  readonly entries: readonly ScheduleEntry[]
}

/** The time, and what is due. */
export interface ScheduleOptions {
  /** The instant to judge at, epoch milliseconds. */
  readonly now: number
  /**
   * Whether what was made is taken for delivered. Default: an agent's certificate ends with the
   * generation that it was last known to have.
   */
  readonly asMade?: boolean | undefined
}

/**
 * Lists when each certificate ends and when it is due, counted from what agents are proven to have.
 *
 * @param desired What should be.
 * @param inventory What is.
 * @param options The time, and whether proof counts.
 */
export function makeSchedule(
  desired: Desired,
  inventory: Inventory,
  options: ScheduleOptions,
): Schedule {
  const { now, asMade = false } = options
  const entries: ScheduleEntry[] = []
  const reach = longestReach(desired)
  const wantedAuthorities = new Map(desired.authorities.map((wanted) => [wanted.address, wanted]))
  for (const wanted of desired.authorities) {
    if (inventory.authorities.get(wanted.address)?.certificate === undefined) {
      entries.push(missing(wanted.address, 'authority'))
    }
  }
  for (const [address, found] of inventory.authorities) {
    const { certificate } = found
    if (certificate === undefined) continue
    const wanted = wantedAuthorities.get(address)
    const end = earliest([
      { address, certificate },
      ...issuersAbove(desired, inventory, wanted?.issuer?.address),
    ])
    // Its successor must sign before a leaf of the usual length no longer fits.
    const dueAt =
      wanted?.signing === true
        ? end.notAfter - Math.max(wanted.renewBefore, reach.get(address) ?? 0)
        : undefined
    entries.push({
      address,
      kind: 'authority',
      ...life(certificate, end, address, dueAt, now),
      orphan: wanted === undefined,
      onDemand: false,
    })
  }

  const revocations = revocationsIn(inventory.ledger)
  const hosts = new Map(
    inventory.ledger.events.flatMap((event) =>
      event.event === 'issued' && event.host !== undefined
        ? [[event.fingerprint, event.host] as const]
        : [],
    ),
  )
  const proofs = asMade ? undefined : proofsIn(inventory, { now })
  const places = asMade ? undefined : lastPlaced(inventory)
  const ends = new Map<string, number>()
  const endOf = (issuer: string): number => {
    if (!ends.has(issuer)) ends.set(issuer, pathEnd(issuer, inventory))
    return ends.get(issuer)!
  }
  const wantedIdentities = new Map(desired.identities.map((wanted) => [wanted.address, wanted]))
  const trustEnds = new Map<readonly Certificate[], ReadonlyMap<string, number>>()
  const signingEnds = new Map<string, number | undefined>()
  const signingEnd = (issuer: string): number | undefined => {
    if (!signingEnds.has(issuer)) {
      const [first, ...rest] = issuersAbove(desired, inventory, issuer)
      signingEnds.set(issuer, first && earliest([first, ...rest]).notAfter)
    }
    return signingEnds.get(issuer)
  }
  const self = selfRenewedLives(desired, inventory, { now, endOf })
  entries.push(...self.values())
  for (const wanted of desired.identities) {
    if (self.has(wanted.address)) continue
    if (inventory.identities.get(wanted.address)?.current?.chain[0] === undefined) {
      entries.push({
        ...missing(wanted.address, 'identity'),
        onDemand: isOnDemand(wanted.profile),
      })
    }
  }
  for (const [address, { current, role }] of inventory.identities) {
    if (current?.chain[0] === undefined || self.has(address)) continue
    const wanted = wantedIdentities.get(address)
    const made = identityLife(address, current, wanted, { trustEnds, signingEnd, now })
    const proof = proofs?.get(address)
    const revoked = revokedOf(current, proof, revocations, wanted && newKeyRemedy(wanted, desired))
    const askedHost = hosts.size === 0 ? undefined : hosts.get(fingerprintOf(current.chain[0]))
    const known = { endOf, now }
    const isMachine = profileOf(role).hosted && !isAgent(role)
    const stands =
      proof !== undefined
        ? asProven(made, proof, known)
        : places !== undefined && isMachine
          ? asPlaced(made, current.number, places.get(address), known)
          : made
    // Nobody here can deliver it, and nothing shows that its agent has it: the plan makes another one.
    const keyless =
      proofs !== undefined && current.key.state === 'elsewhere' && !hasIt(proof, current.number)
    entries.push({
      address,
      kind: 'identity',
      ...stands,
      ...(keyless && stands.state === 'good' && { state: 'missing' as const }),
      ...(revoked && { revoked }),
      ...(askedHost !== undefined && { askedHost }),
      // An expired one is accepted nowhere.
      ...(revoked?.current === true && stands.state !== 'expired' && { state: 'revoked' as const }),
      orphan: wanted === undefined,
      onDemand: wanted === undefined ? profileOf(role).onDemand : isOnDemand(wanted.profile),
    })
  }
  return { at: now, ...(asMade && { asMade }), entries: entries.sort(bySoonest) }
}

/** The revocation of the current certificate; else of the one that counts for its agent. */
function revokedOf(
  { chain, number }: FoundGeneration,
  proof: Proof | undefined,
  revocations: Revocations,
  remedy: string | undefined,
): RevokedEntry | undefined {
  const own = revocationOf(chain[0]!, revocations)
  if (own !== undefined) {
    const { at, reason } = own
    return { at, reason, generation: number, current: true, ...(remedy && { remedy }) }
  }
  if (proof === undefined || proof.state === 'proven' || proof.counted.number === number) {
    return undefined
  }
  const counted = revocations.byFingerprint.get(proof.counted.fingerprint)
  return (
    counted && {
      at: counted.at,
      reason: counted.reason,
      generation: proof.counted.number,
      current: false,
      ...(remedy && { remedy: 'nomad-pki rollout' }),
    }
  )
}

interface Link {
  readonly address: string
  readonly certificate: Certificate
}

interface End {
  readonly address: string
  readonly notAfter: number
}

function identityLife(
  address: string,
  current: FoundGeneration,
  wanted: DesiredIdentity | undefined,
  known: {
    readonly trustEnds: Map<readonly Certificate[], ReadonlyMap<string, number>>
    readonly signingEnd: (issuer: string) => number | undefined
    readonly now: number
  },
): ReturnType<typeof life> {
  const { trustEnds, signingEnd, now } = known
  const leaf = current.chain[0]!
  let roots = trustEnds.get(current.trust)
  if (roots === undefined) {
    // Of several roots of one name and key the one that lives longest holds the chain up.
    const ends = new Map<string, number>()
    for (const root of current.trust) {
      const name = latin1Of(root.subject.der)
      ends.set(name, Math.max(ends.get(name) ?? -Infinity, root.notAfter))
    }
    roots = ends
    trustEnds.set(current.trust, roots)
  }
  let end: End = { address, notAfter: leaf.notAfter }
  for (const [index, certificate] of current.chain.entries()) {
    if (index > 0 && certificate.notAfter < end.notAfter) {
      end = { address: nameOf(certificate.subject), notAfter: certificate.notAfter }
    }
    const root = roots.get(latin1Of(certificate.issuer.der))
    if (root !== undefined) {
      if (root < end.notAfter)
        end = { address: `root ${nameOf(certificate.issuer)}`, notAfter: root }
      break
    }
  }
  // Where the plan would not renew it (it ends with its issuer), it is the issuer that is due.
  const dueAt =
    wanted === undefined || endsWithIssuer(leaf, signingEnd(wanted.profile.issuer.address))
      ? undefined
      : end.notAfter - renewBeforeOf(wanted, leaf)
  return life(leaf, end, address, dueAt, now)
}

function life(
  certificate: Certificate,
  end: End,
  address: string,
  dueAt: number | undefined,
  now: number,
): Pick<ScheduleEntry, 'state' | 'notAfter' | 'endedBy' | 'ownNotAfter' | 'dueAt'> {
  const state: LifeState =
    end.notAfter < now
      ? 'expired'
      : certificate.notBefore > now
        ? 'not-yet-valid'
        : dueAt !== undefined && dueAt <= now
          ? 'due'
          : 'good'
  return {
    state,
    notAfter: end.notAfter,
    ...(end.address !== address && { endedBy: end.address }),
    ownNotAfter: certificate.notAfter,
    dueAt,
  }
}

/** The earliest end of an authority and the root above it. */
function pathEnd(issuer: string, { authorities }: Inventory): number {
  const root = rootAbove(issuer, authorities)
  return Math.min(
    authorities.get(issuer)?.certificate?.notAfter ?? Infinity,
    (root === undefined ? undefined : authorities.get(root)?.certificate?.notAfter) ?? Infinity,
  )
}

/** The longest life of what each authority signs, in milliseconds. */
function longestReach(desired: Desired): ReadonlyMap<string, number> {
  const reach = new Map<string, number>()
  const note = (address: string, lifetime: number): void => {
    reach.set(address, Math.max(reach.get(address) ?? 0, lifetime))
  }
  for (const profile of new Set(desired.identities.map((identity) => identity.profile))) {
    if (profile.beyondIssuer === 'refuse') note(profile.issuer.address, profile.lifetime)
  }
  for (const { issuer, lifetime, beyondIssuer } of desired.authorities) {
    if (issuer !== undefined && beyondIssuer === 'refuse') note(issuer.address, lifetime)
  }
  return reach
}

function issuersAbove(
  desired: Desired,
  inventory: Inventory,
  issuer: string | undefined,
): readonly Link[] {
  const links: Link[] = []
  const seen = new Set<string>()
  for (let address = issuer; address !== undefined && !seen.has(address);) {
    seen.add(address)
    const certificate = inventory.authorities.get(address)?.certificate
    if (certificate !== undefined) links.push({ address, certificate })
    const above: string = address
    address = desired.authorities.find((authority) => authority.address === above)?.issuer?.address
  }
  return links
}

function earliest(links: readonly [Link, ...Link[]]): End {
  let end: End = { address: links[0].address, notAfter: links[0].certificate.notAfter }
  for (const { address, certificate } of links) {
    if (certificate.notAfter < end.notAfter) end = { address, notAfter: certificate.notAfter }
  }
  return end
}

function missing(address: string, kind: ScheduleEntry['kind']): ScheduleEntry {
  return { address, kind, state: 'missing', orphan: false, onDemand: false }
}

function bySoonest(a: ScheduleEntry, b: ScheduleEntry): number {
  return (a.notAfter ?? -Infinity) - (b.notAfter ?? -Infinity) || (a.address < b.address ? -1 : 1)
}

function nameOf({ attributes }: Certificate['subject']): string {
  return attributes.findLast(({ type }) => type === 'CN')?.value ?? 'an authority without a name'
}
