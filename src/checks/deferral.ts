/**
 * Deferred renewals, `rollout: ride-along` in the spec: a new generation of an authority is not a
 * reason to renew. An agent keeps its files while all agents accept its leaf and it accepts theirs;
 * its next renewal brings what changed.
 *
 * @module
 */

import { generationOf } from '../address.js'
import type { FoundGeneration, Inventory } from '../inventory/inventory.js'
import { memoByText } from '../memo.js'
import type { Desired, DesiredAuthority } from '../cluster/desired.js'
import { isTwin, sameCertificate, type Certificate } from '../x509/certificate.js'
import type { CheckContext } from './context.js'
import { isIssuedBy } from './issued-by.js'

/**
 * Lists the agents still on an earlier generation that are deliberately not renewed before they are due.
 *
 * @returns Addresses of identities.
 */
export function deferredAgents(
  desired: Desired,
  inventory: Inventory,
  context: DeferralContext,
): readonly string[] {
  return deferred(desired, inventory, context).map(({ address }) => address)
}

/**
 * Lists the authorities that deferred agents need: they signed their leaves, or are trusted by them.
 *
 * @returns Addresses.
 */
export function neededByDeferred(
  desired: Desired,
  inventory: Inventory,
  context: DeferralContext,
): ReadonlySet<string> {
  const needed = new Set<string>()
  const texts = new Set<string>()
  for (const { current, signer } of deferred(desired, inventory, context)) {
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

type DeferralContext = Pick<CheckContext, 'bundles' | 'deferrals'>

function deferred(
  desired: Desired,
  inventory: Inventory,
  context: DeferralContext,
): readonly {
  readonly address: string
  readonly current: FoundGeneration
  readonly signer: SigningAuthority | undefined
}[] {
  if (context.deferrals.size === 0) return []
  return desired.identities.flatMap(({ address, profile }) => {
    const current = inventory.identities.get(address)?.current
    const deferral = context.deferrals.get(profile.issuer.address)
    if (current === undefined || deferral === undefined) return []
    const signer = deferral.signerOf(current)
    const stays =
      signer !== undefined ||
      (current.bundle !== context.bundles.get(profile.bundle) && deferral.trustStays(current))
    return stays ? [{ address, current, signer }] : []
  })
}

/** The authority that signed a leaf. */
export interface SigningAuthority {
  /** `authority/us-west/1` */
  readonly address: string
  /** Its own certificate. */
  readonly certificate: Certificate
  /** The root above it, or itself. */
  readonly root: Certificate
}

/**
 * Finds the authority that signed the leaf of a generation, or should have signed it.
 *
 * @param issuer The authority that signs now.
 * @returns `undefined` where it is yet to be made.
 */
export function signerOf(
  generation: FoundGeneration,
  issuer: string,
  context: CheckContext,
): SigningAuthority | undefined {
  const earlier = context.deferrals.get(issuer)?.signerOf(generation)
  const signing = context.authorities.get(issuer)
  return (
    earlier ??
    (signing && { address: issuer, certificate: signing.certificate, root: signing.path.at(-1)! })
  )
}

/**
 * Whether a leaf and its chain stay until their renewal, although another generation signs now.
 *
 * @param issuer The authority that signs now.
 */
export function keepsSigner(
  generation: FoundGeneration,
  issuer: string,
  context: DeferralContext,
): boolean {
  return context.deferrals.get(issuer)?.signerOf(generation) !== undefined
}

/** What may stay under one signing authority until its renewal. */
export interface Deferral {
  /** The other generation of the issuer that signed the leaf; only where all agents still accept it, because its root is trusted. */
  readonly signerOf: (generation: FoundGeneration) => SigningAuthority | undefined
  /** Whether the agent still accepts every leaf that can exist. */
  readonly trustStays: (generation: FoundGeneration) => boolean
}

/**
 * Says for each signing authority which leaves and which trust may stay until their renewal.
 *
 * @returns By the address of the signing authority; only authorities with `rollout: ride-along`.
 */
export function deferralsUnder(
  desired: Desired,
  inventory: Inventory,
): ReadonlyMap<string, Deferral> {
  const deferrals = new Map<string, Deferral>()
  const wanted = new Map(desired.authorities.map((one) => [one.address, one]))
  for (const authority of desired.authorities) {
    if (!authority.signing || !authority.rideAlong) continue
    const root = authority.issuer === undefined ? authority : wanted.get(authority.issuer.address)
    const trusted = desired.bundles.find(({ name }) => name === root?.name)?.trusted
    if (root === undefined || trusted === undefined) continue
    deferrals.set(authority.address, {
      signerOf: earlierSigners(authority, trusted, inventory),
      trustStays: asLongAs(trustedUntil(root, trusted, inventory)),
    })
  }
  return deferrals
}

function earlierSigners(
  { address, name, issuer }: DesiredAuthority,
  trusted: readonly string[],
  { authorities }: Inventory,
): Deferral['signerOf'] {
  const roots = trusted.flatMap((root) => authorities.get(root)?.certificate ?? [])
  const others = [...authorities.values()].flatMap((one) =>
    one.name === name && one.address !== address ? [one] : [],
  )
  const taken = others.flatMap(({ address: other, certificate }): SigningAuthority[] => {
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

/** Until when what an agent trusts is enough, epoch milliseconds: -1 where it is not. */
type TrustedUntil = (generation: FoundGeneration) => number

function trustedUntil(
  root: DesiredAuthority,
  trusted: readonly string[],
  { authorities }: Inventory,
): TrustedUntil {
  const own = [...authorities.values()].filter(({ name }) => name === root.name)
  const signing = authorities.get(root.address)?.certificate
  return ({ trust }) => {
    const has = new Set<string>()
    for (const certificate of trust) {
      const found = own.find(
        (one) => one.certificate && sameCertificate(one.certificate, certificate),
      )
      // A root that is not ours is not an earlier stage.
      if (found === undefined) return -1
      has.add(found.address)
    }
    // An older certificate of the same key is as good, until it ends.
    const twins = trust.filter((one) => signing !== undefined && isTwin(one, signing))
    const needed = trusted.filter(
      (one) =>
        !(
          has.has(one) ||
          // Its leaves have the cross-certificate that an older root issued.
          (one === root.address && root.crossedBy.some((by) => has.has(by))) ||
          // It signs nothing yet.
          generationOf(one) > root.generation
        ),
    )
    if (needed.length === 0) return Infinity
    if (needed.some((one) => one !== root.address)) return -1
    return Math.max(-1, ...twins.map(({ notAfter }) => notAfter))
  }
}

/** Remembers the answer for each text of `ca.pem`: ten thousand agents have the same one. */
function asLongAs(trustedUntilOf: TrustedUntil): Deferral['trustStays'] {
  const until = memoByText((_: string, generation: FoundGeneration) => trustedUntilOf(generation))
  return (generation) =>
    (generation.chain[0]?.notAfter ?? 0) <= until(generation.bundle, generation)
}
