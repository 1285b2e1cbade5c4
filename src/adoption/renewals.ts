/**
 * Certificates that the old tool made after an adoption: which identity of the store each renews, and
 * whether it becomes the next generation of it.
 *
 * @module
 */

import { formatInstant } from '../duration.js'
import { groupBy } from '../grouping.js'
import { samePublicKey } from '../keys/public-key.js'
import { parseAddress, sharedName, type IdentityName } from '../address.js'
import { classifyName } from '../nomad/names.js'
import { isAgent } from '../nomad/roles.js'
import { fingerprintOf, type Certificate } from '../x509/certificate.js'
import { commonNames } from '../x509/name.js'
import type { Leaf } from './leaves.js'
import type { LeftOut } from './materials.js'
import { newestFirst, sameNames } from './of-agent.js'
import type { Placed } from './placed.js'
import { hostOf, nameLeaf, type Named } from './roles.js'

/** What the store has of an identity. */
export interface StoreIdentity {
  /** `identity/server/global/s1` */
  readonly address: string
  /** Its current certificate. */
  readonly leaf: Certificate
  /** The number of the generation that holds it. */
  readonly number: number
  /** The number that the next generation gets. */
  readonly next: number
  /** When this program made the certificate, epoch milliseconds; `undefined`: another tool made it. */
  readonly madeHere: number | undefined
  /** Generations by the fingerprints of their certificates, as the ledger has them. */
  readonly generations: ReadonlyMap<string, number>
}

/** A certificate that takes the place of one in the store. */
export interface Renewal {
  /** The fingerprint of the certificate that is current now. */
  readonly replaces: string
  readonly generation: number
  /** What does not follow from its names alone, a line each. */
  readonly notes: readonly string[]
}

/** Finds the identity that a certificate renews. */
export interface Renewed {
  /**
   * @param guess The name that a node or operator would get from the certificate or its path.
   * @returns `undefined` where none is known, or several could be meant.
   */
  of(leaf: Leaf, guess: string | undefined): IdentityName | undefined
}

interface Candidate extends IdentityName {
  readonly identity: StoreIdentity
  readonly named: Named
  /** Whether the folder still has its certificate. */
  readonly here: boolean
}

/**
 * Reads the identities of a store for {@link Renewed}.
 *
 * @param stored What the store has.
 * @param leaves What the folder has.
 */
export function renewedIn(stored: readonly StoreIdentity[], leaves: readonly Leaf[]): Renewed {
  const found = new Set(leaves.map(({ certificate }) => fingerprintOf(certificate)))
  const candidates = stored.flatMap((identity): Candidate[] => {
    const place = parseAddress(identity.address)
    const named = nameLeaf(identity.leaf)
    if (place.kind !== 'identity' || typeof named === 'string') return []
    const { role, region, name } = place
    const here = found.has(fingerprintOf(identity.leaf))
    return [{ role, region, name, identity, named, here }]
  })
  return {
    of(leaf, guess) {
      const { role, region } = leaf.named
      const own = candidates.filter(
        (one) => one.role === role && (region === undefined || one.named.region === region),
      )
      const keyed = own.filter(
        ({ identity, named }) =>
          samePublicKey(identity.leaf.publicKey, leaf.certificate.publicKey) &&
          (isHostless(named) || isHostless(leaf.named) || overlap(named, leaf.named)),
      )
      if (keyed.length === 1) return keyed[0]
      const alike = (keyed.length > 0 ? keyed : own).filter((one) => namesSame(one, leaf))
      if (alike.length === 1) return alike[0]
      const gone = (alike.length > 0 ? alike : own).filter(({ here }) => !here)
      return (
        gone.find(({ name }) => name === guess) ??
        (alike.length > 0 && gone.length === 1 ? gone[0] : undefined)
      )
    },
  }
}

function isHostless(named: Named): boolean {
  return hostOf(named) === undefined
}

function overlap(a: Named, b: Named): boolean {
  return (
    a.names.some((name) => b.names.includes(name)) ||
    a.ips.some((address) => b.ips.includes(address))
  )
}

/** Whether both name one host or person, or the pair that all agents of a region share. */
function namesSame({ name, role, identity, named }: Candidate, leaf: Leaf): boolean {
  if (!isAgent(role)) {
    const person = personIn(leaf.certificate)
    return person !== undefined && person === personIn(identity.leaf)
  }
  if (isHostless(named) || isHostless(leaf.named)) {
    return name === sharedName && isHostless(named) && isHostless(leaf.named)
  }
  return sameNames({ named }, leaf)
}

/** The common name, where it is not a name of Nomad's. */
function personIn({ subject }: Certificate): string | undefined {
  const common = commonNames(subject).at(-1)
  return common !== undefined && classifyName(common).kind === 'plain' ? common : undefined
}

/** One certificate for each identity, with what becomes of it. */
export interface Settled {
  /** One for each address. */
  readonly placed: readonly Placed[]
  readonly leftOut: readonly LeftOut[]
}

/**
 * Chooses one certificate for each identity of the store: the current one, or the newest renewal of it.
 *
 * @param placed Certificates at their places.
 * @param stored What the store has.
 * @returns Those with `renewal` become a generation; those with `stays` do not.
 */
export function settleRenewals(
  placed: readonly Placed[],
  stored: ReadonlyMap<string, StoreIdentity>,
  addressOf: (one: Placed) => string,
): Settled {
  const isKnown = (one: Placed): boolean => stored.has(addressOf(one))
  const known = placed.filter(isKnown)
  const settled = placed.filter((one) => !isKnown(one))
  const leftOut: LeftOut[] = []
  for (const [address, group] of groupBy(known, addressOf)) {
    const identity = stored.get(address)!
    const order = newestFirst(group.map(({ leaf }) => leaf))
    const sorted = order.map((leaf) => group.find((one) => one.leaf === leaf)!)
    const current = fingerprintOf(identity.leaf)
    const isCurrent = ({ leaf }: Placed): boolean => fingerprintOf(leaf.certificate) === current
    const next = sorted.find(
      (one) => !isCurrent(one) && passedOver(one.leaf, identity) === undefined,
    )
    const kept = sorted.find(isCurrent)
    const chosen = next ?? kept
    if (next !== undefined) {
      settled.push({ ...next, renewal: renewalOf(next.leaf, identity, kept?.leaf) })
    } else {
      settled.push(kept ?? { ...sorted[0]!, stays: true })
    }
    for (const one of sorted) {
      if (one === chosen) continue
      leftOut.push({
        kind: 'left-out',
        place: one.leaf.places[0]!,
        ...(passedOver(one.leaf, identity) ?? {
          code: 'adoption/replaced',
          message:
            one === kept
              ? `it is generation ${identity.number} of ${address}, and ${next!.leaf.places[0]!} begins later`
              : `${next!.leaf.places[0]!} is for ${address} too, and begins later`,
        }),
      })
    }
  }
  return { placed: settled, leftOut }
}

/** Why a certificate does not become the next generation; `undefined` if it does. */
function passedOver(
  { certificate }: Leaf,
  identity: StoreIdentity,
): Pick<LeftOut, 'code' | 'message' | 'hint'> | undefined {
  const { address, leaf, number, madeHere, generations } = identity
  const fingerprint = fingerprintOf(certificate)
  if (fingerprint === fingerprintOf(leaf)) return undefined
  const earlier = generations.get(fingerprint)
  if (earlier !== undefined && earlier <= number) {
    return {
      code: 'adoption/replaced',
      message: `it is generation ${earlier} of ${address}, and generation ${number} is current`,
    }
  }
  // Tools set the beginning back, so what was made here counts from when it was made.
  const since = madeHere ?? leaf.notBefore
  if (certificate.notBefore <= since) {
    return {
      code: 'adoption/replaced',
      message:
        madeHere === undefined
          ? `it begins ${formatInstant(certificate.notBefore)}, and generation ${number} of ${address} begins ${certificate.notBefore === since ? 'at the same time' : `later, ${formatInstant(since)}`}`
          : `it begins ${formatInstant(certificate.notBefore)}, and generation ${number} of ${address} was made here later, ${formatInstant(since)}`,
    }
  }
  if (madeHere === undefined) return undefined
  return {
    code: 'adoption/question',
    message: `it begins ${formatInstant(certificate.notBefore)}, and generation ${number} of ${address} was made here before that, ${formatInstant(since)}: which one is its agent to use?`,
    hint: `agents accept both. To keep to what is made here, deliver generation ${number}; to have this one passed over from now on, make a newer one: nomad-pki rotate leaves ${address}`,
  }
}

function renewalOf(leaf: Leaf, identity: StoreIdentity, kept: Leaf | undefined): Renewal {
  const { number, next } = identity
  const isSame = samePublicKey(identity.leaf.publicKey, leaf.certificate.publicKey)
  const notes = [
    `renewed by the old tool with ${isSame ? 'the same' : 'another'} key: it is the generation after ${number}`,
    // Both files are there, and each could be in use.
    ...(kept !== undefined && !isSame
      ? [
          `it was taken for a renewal of ${kept.places[0]!}, because both name the same; if it is a different host's, add that host to the spec`,
        ]
      : []),
  ]
  // A run that was interrupted noted it already.
  const generation = identity.generations.get(fingerprintOf(leaf.certificate)) ?? next
  return { replaces: fingerprintOf(identity.leaf), generation, notes }
}
