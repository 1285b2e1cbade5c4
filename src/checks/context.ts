/**
 * What the checks look at besides the thing itself: the authorities as they are found, and what
 * follows from them for everyone below. Made once for a plan or a verification.
 *
 * @module
 */

import { authorityNameOf } from '../address.js'
import { trustBundle } from '../authority/trust-bundle.js'
import type { Inventory } from '../inventory/inventory.js'
import type { Desired, DesiredAuthority, DesiredIssuer } from '../spec/desired.js'
import type { Certificate } from '../x509/certificate.js'
import { crossDemand, crossObstacle } from './cross.js'
import { isIssuedBy } from './issued-by.js'
import { ridingUnder, type Riding } from './riding.js'
import { sharedKeys } from './shared-keys.js'

export { isIssuedBy } from './issued-by.js'

/** An authority that is there, with what stands above it. */
export interface StandingAuthority {
  readonly address: string
  readonly certificate: Certificate
  /** What goes behind a leaf in `cert.pem`: this authority and those above it, without the root; the root's cross-certificates last. */
  readonly chain: readonly Certificate[]
  /** Those of {@link chain} that are cross-certificates of its root. */
  readonly crosses: readonly Certificate[]
  /** Cross-certificates of its root that leaves no longer need and may still carry. */
  readonly retired: readonly Certificate[]
  /** This one and every certificate above it, the root last. */
  readonly path: readonly Certificate[]
  /** The earliest end of the path, epoch milliseconds: no leaf may outlive it. */
  readonly notAfter: number
  /** The latest beginning of the path. */
  readonly notBefore: number
}

/** What the checks need to know. */
export interface CheckContext {
  /** Epoch milliseconds. */
  readonly now: number
  /** The authorities that are found whole; absent ones are missing or broken. */
  readonly authorities: ReadonlyMap<string, StandingAuthority>
  /** What each bundle has to say; absent while one of its roots is missing. */
  readonly bundles: ReadonlyMap<string, string>
  /** What may stay until its renewal, by the address of the authority that signs; see `rollout` in the spec. */
  readonly riding: ReadonlyMap<string, Riding>
  /** For each address that shares its key, the others with it. */
  readonly sharedKeys: ReadonlyMap<string, readonly string[]>
  /** Why a root, by its address, cannot vouch for its successor; see `checks/cross.ts`. */
  readonly crossObstacle: (address: string) => string | undefined
}

/**
 * Gathers it.
 *
 * @param desired What should be.
 * @param inventory What is.
 * @param options `now`: epoch milliseconds.
 */
export function checkContext(
  desired: Desired,
  inventory: Inventory,
  options: { readonly now: number },
): CheckContext {
  const authorities = new Map<string, StandingAuthority>()
  for (const wanted of desired.authorities) {
    const stood = stand(wanted, inventory, authorities)
    if (stood !== undefined) authorities.set(wanted.address, stood)
  }
  const bundles = new Map<string, string>()
  for (const { address, trusted } of desired.bundles) {
    const roots = trusted.map((root) => authorities.get(root)?.certificate)
    if (roots.every((root) => root !== undefined)) bundles.set(address, trustBundle(roots))
  }
  return {
    now: options.now,
    authorities,
    bundles,
    riding: ridingUnder(desired, inventory),
    sharedKeys: sharedKeys(inventory),
    crossObstacle: (address) =>
      crossObstacle(
        address,
        crossDemand(authorityNameOf(address), desired),
        inventory,
        options.now,
      ),
  }
}

function stand(
  wanted: DesiredAuthority,
  inventory: Inventory,
  known: ReadonlyMap<string, StandingAuthority>,
): StandingAuthority | undefined {
  const found = inventory.authorities.get(wanted.address)
  const certificate = found?.certificate
  if (found === undefined || certificate === undefined) return undefined
  if (wanted.issuer === undefined) {
    const crosses = [...found.crossed.values()].filter((cross) => isCrossOf(cross, certificate))
    return wanted.crossed
      ? standing(wanted.address, certificate, { crosses })
      : standing(wanted.address, certificate, { retired: crosses })
  }
  const issuer = issuerIn(known, wanted.issuer, certificate)
  return issuer && standing(wanted.address, certificate, { issuer })
}

/** The generation of the issuer that really signed it: after the root's rotation an older one may still be trusted. */
function issuerIn(
  known: ReadonlyMap<string, StandingAuthority>,
  issuer: DesiredIssuer,
  certificate: Certificate,
): StandingAuthority | undefined {
  const named = known.get(issuer.address)
  if (named !== undefined && isIssuedBy(certificate, named.certificate)) return named
  for (const candidate of known.values()) {
    if (isIssuedBy(certificate, candidate.certificate)) return candidate
  }
  return named
}

/**
 * One authority on top of its issuer, or a root with its cross-certificates.
 *
 * @param above `crosses`: those that go behind a leaf; `retired`: those that may still stand there.
 */
export function standing(
  address: string,
  certificate: Certificate,
  above: {
    readonly issuer?: StandingAuthority | undefined
    readonly crosses?: readonly Certificate[] | undefined
    readonly retired?: readonly Certificate[] | undefined
  } = {},
): StandingAuthority {
  const { issuer, crosses = [], retired = [] } = above
  return {
    address,
    certificate,
    // A cross-certificate is one way up among others: its end is not the end of what stands below.
    chain: issuer === undefined ? crosses : [certificate, ...issuer.chain],
    crosses: issuer?.crosses ?? crosses,
    retired: issuer?.retired ?? retired,
    path: issuer === undefined ? [certificate] : [certificate, ...issuer.path],
    notAfter: Math.min(certificate.notAfter, issuer?.notAfter ?? Infinity),
    notBefore: Math.max(certificate.notBefore, issuer?.notBefore ?? -Infinity),
  }
}

/** Whether a certificate is a cross-certificate of a root: its name and key, signed by another. */
export function isCrossOf(cross: Certificate, root: Certificate): boolean {
  return (
    Buffer.compare(cross.subject.der, root.subject.der) === 0 &&
    Buffer.compare(cross.publicKey.spki, root.publicKey.spki) === 0 &&
    Buffer.compare(cross.der, root.der) !== 0
  )
}
