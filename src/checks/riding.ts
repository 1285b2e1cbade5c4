/**
 * `rollout: ride-along`: a new generation of an authority is no reason to renew. What an agent has
 * stays, as long as everybody takes its leaf and it takes everybody's, and its next renewal carries
 * what changed.
 *
 * @module
 */

import { generationOf } from '../address.js'
import type { FoundGeneration, Inventory } from '../inventory/inventory.js'
import type { Desired, DesiredAuthority } from '../spec/desired.js'
import { sameCertificate, type Certificate } from '../x509/certificate.js'
import type { CheckContext } from './context.js'
import { isIssuedBy } from './issued-by.js'

/**
 * Who carries an earlier generation, and is let be until its renewal.
 *
 * @returns Addresses of identities.
 */
export function ridersOf(
  desired: Desired,
  inventory: Inventory,
  context: RidingContext,
): readonly string[] {
  return riders(desired, inventory, context).map(({ address }) => address)
}

/**
 * Authorities that riders need: they signed what still rides, or are trusted by it.
 *
 * @returns Addresses.
 */
export function neededByRiders(
  desired: Desired,
  inventory: Inventory,
  context: RidingContext,
): ReadonlySet<string> {
  const needed = new Set<string>()
  const texts = new Set<string>()
  for (const { current, signer } of riders(desired, inventory, context)) {
    if (signer !== undefined) needed.add(signer.address)
    if (texts.has(current.bundle)) continue
    texts.add(current.bundle)
    for (const { address, certificate } of inventory.authorities.values()) {
      if (certificate && current.trust.some((root) => sameCertificate(root, certificate))) {
        needed.add(address)
      }
    }
  }
  return needed
}

type RidingContext = Pick<CheckContext, 'bundles' | 'riding'>

function riders(
  desired: Desired,
  inventory: Inventory,
  context: RidingContext,
): readonly {
  readonly address: string
  readonly current: FoundGeneration
  readonly signer: Signer | undefined
}[] {
  if (context.riding.size === 0) return []
  return desired.identities.flatMap(({ address, profile }) => {
    const current = inventory.identities.get(address)?.current
    const riding = context.riding.get(profile.issuer.address)
    if (current === undefined || riding === undefined) return []
    const signer = riding.signerOf(current)
    const rides =
      signer !== undefined ||
      (current.bundle !== context.bundles.get(profile.bundle) && riding.trustStays(current))
    return rides ? [{ address, current, signer }] : []
  })
}

/** Who signed a leaf. */
export interface Signer {
  /** `authority/us-west/1` */
  readonly address: string
  readonly certificate: Certificate
  /** The root above it, or itself. */
  readonly root: Certificate
}

/**
 * Who signed the leaf of a generation, or should have.
 *
 * @param issuer The authority that signs by now.
 * @returns `undefined` where it is yet to be made.
 */
export function signerOf(
  generation: FoundGeneration,
  issuer: string,
  context: CheckContext,
): Signer | undefined {
  const earlier = context.riding.get(issuer)?.signerOf(generation)
  const signing = context.authorities.get(issuer)
  return (
    earlier ??
    (signing && { address: issuer, certificate: signing.certificate, root: signing.path.at(-1)! })
  )
}

/** What may stay under one authority until its renewal. */
export interface Riding {
  /** The other generation of the issuer that signed the leaf; only where every agent still takes it, because its root is trusted. */
  readonly signerOf: (generation: FoundGeneration) => Signer | undefined
  /** Whether the agent still takes every leaf that there may be. */
  readonly trustStays: (generation: FoundGeneration) => boolean
}

/**
 * Gathers it.
 *
 * @returns By the address of the authority that signs; those that ride only.
 */
export function ridingUnder(desired: Desired, inventory: Inventory): ReadonlyMap<string, Riding> {
  const riding = new Map<string, Riding>()
  const wanted = new Map(desired.authorities.map((one) => [one.address, one]))
  for (const authority of desired.authorities) {
    if (!authority.signing || !authority.rideAlong) continue
    const root = authority.issuer === undefined ? authority : wanted.get(authority.issuer.address)
    const trusted = desired.bundles.find(({ name }) => name === root?.name)?.trusted
    if (root === undefined || trusted === undefined) continue
    riding.set(authority.address, {
      signerOf: earlierSigners(authority, trusted, inventory),
      trustStays: remembered(trustStays(root, trusted, inventory)),
    })
  }
  return riding
}

function earlierSigners(
  { address, name, issuer }: DesiredAuthority,
  trusted: readonly string[],
  { authorities }: Inventory,
): Riding['signerOf'] {
  const roots = trusted.flatMap((root) => authorities.get(root)?.certificate ?? [])
  const others = [...authorities.values()].flatMap((one) =>
    one.name === name && one.address !== address ? [one] : [],
  )
  const taken = others.flatMap(({ address: other, certificate }): Signer[] => {
    const root = certificate && roots.find((one) => isIssuedBy(certificate, one))
    return certificate === undefined || root === undefined
      ? []
      : [{ address: other, certificate, root }]
  })
  return ({ chain: [leaf, above] }) =>
    leaf &&
    taken.find(
      ({ certificate }) =>
        isIssuedBy(leaf, certificate) &&
        // An intermediate must stand behind its leaf.
        (issuer === undefined || (above !== undefined && sameCertificate(above, certificate))),
    )
}

function trustStays(
  root: DesiredAuthority,
  trusted: readonly string[],
  { authorities }: Inventory,
): Riding['trustStays'] {
  const own = [...authorities.values()].filter(({ name }) => name === root.name)
  return ({ trust }) => {
    const has = new Set<string>()
    for (const certificate of trust) {
      const found = own.find(
        (one) => one.certificate && sameCertificate(one.certificate, certificate),
      )
      // A root that is none of ours is no earlier stage.
      if (found === undefined) return false
      has.add(found.address)
    }
    return trusted.every(
      (one) =>
        has.has(one) ||
        // Its leaves carry the certificate that an older one made for it.
        (one === root.address && root.crossedBy.some((by) => has.has(by))) ||
        // It signs nothing yet.
        generationOf(one) > root.generation,
    )
  }
}

/** Ten thousand agents have one text of `ca.pem`. */
function remembered(judge: Riding['trustStays']): Riding['trustStays'] {
  const known = new Map<string, boolean>()
  return (generation) => {
    let stays = known.get(generation.bundle)
    if (stays === undefined) {
      stays = judge(generation)
      known.set(generation.bundle, stays)
    }
    return stays
  }
}
