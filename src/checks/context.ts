/**
 * What the checks need beyond the item itself: the authorities as they are found, and what follows
 * from them for all that they sign. Made once for a plan or a verification.
 *
 * @module
 */

import { authorityNameOf } from '../address.js'
import { trustBundle } from '../authority/trust-bundle.js'
import { sameBytes } from '../bytes.js'
import type { Inventory } from '../inventory/inventory.js'
import { revocationsIn } from '../inventory/revoked.js'
import type { Desired, DesiredAuthority, DesiredIssuer } from '../cluster/desired.js'
import type { Certificate } from '../x509/certificate.js'
import { memoByObject } from '../memo.js'
import { adoptedIn } from './adopted.js'
import { crossDemand, crossObstacle } from './cross.js'
import { signerOf } from './key-place.js'
import type { SignerKind } from '../cluster/signers.js'
import { isIssuedBy } from './issued-by.js'
import { deferralsUnder, type Deferral } from './deferral.js'
import type { ReasonGiven } from './reasons.js'
import { revokedReason } from './revoked.js'
import { sharedKeys } from './shared-keys.js'

export { isIssuedBy } from './issued-by.js'

/** An authority with its certification path, both found in the store. */
export interface AuthorityPath {
  /** `authority/us-west/1` */
  readonly address: string
  /** The authority's own. */
  readonly certificate: Certificate
  /** What follows a leaf in `cert.pem`: this authority and those above it, without the root; the root's cross-certificates last. */
  readonly chain: readonly Certificate[]
  /** Those of {@link chain} that are cross-certificates of its root. */
  readonly crosses: readonly Certificate[]
  /** Cross-certificates of its root that leaves no longer need but may still have. */
  readonly retired: readonly Certificate[]
  /** This one and every certificate above it, the root last. */
  readonly path: readonly Certificate[]
  /** The earliest end of the path, epoch milliseconds: a leaf must not outlive it. */
  readonly notAfter: number
  /** The latest beginning of the path, epoch milliseconds. */
  readonly notBefore: number
}

/** What the checks need to know. */
export interface CheckContext {
  /** Epoch milliseconds. */
  readonly now: number
  /** The authorities that are found whole; absent ones are missing or broken. */
  readonly authorities: ReadonlyMap<string, AuthorityPath>
  /** What each bundle has to say; absent while one of its roots is missing. */
  readonly bundles: ReadonlyMap<string, string>
  /** What may stay until its renewal, by the address of the signing authority; see `rollout` in the spec. */
  readonly deferrals: ReadonlyMap<string, Deferral>
  /** For each address that shares its key, the others with it. */
  readonly sharedKeys: ReadonlyMap<string, readonly string[]>
  /** Why a certificate is not to be used although it has not ended; see `checks/revoked.ts`. */
  readonly revoked: (certificate: Certificate) => ReasonGiven | undefined
  /** Fingerprints of certificates that another tool made; see `checks/adopted.ts`. */
  readonly adopted: ReadonlySet<string>
  /** Why a root, by its address, cannot vouch for its successor; see `checks/cross.ts`. */
  readonly crossObstacle: (address: string) => string | undefined
  /** Where the spec says that the key of an authority's generation is, by its address. */
  readonly signerOf: (address: string) => SignerKind
}

/**
 * Makes the context of one plan or verification.
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
  const authorities = new Map<string, AuthorityPath>()
  for (const wanted of desired.authorities) {
    const path = foundPath(wanted, inventory, authorities)
    if (path !== undefined) authorities.set(wanted.address, path)
  }
  const bundles = new Map<string, string>()
  for (const { address, trusted } of desired.bundles) {
    const roots = trusted.map((root) => authorities.get(root)?.certificate)
    if (roots.every((root) => root !== undefined)) bundles.set(address, trustBundle(roots))
  }
  const revocations = revocationsIn(inventory.ledger)
  return {
    now: options.now,
    authorities,
    bundles,
    deferrals: deferralsUnder(desired, inventory),
    sharedKeys: sharedIn(inventory),
    revoked: (certificate) => revokedReason(certificate, revocations),
    adopted: adoptedIn(inventory),
    crossObstacle: (address) =>
      crossObstacle(
        address,
        crossDemand(authorityNameOf(address), desired),
        inventory,
        options.now,
      ),
    signerOf: (address) => signerOf(address, desired),
  }
}

/** `status` asks for those of ten thousand agents, and so does the plan that its metrics count. */
const sharedIn = memoByObject(sharedKeys)

function foundPath(
  wanted: DesiredAuthority,
  inventory: Inventory,
  known: ReadonlyMap<string, AuthorityPath>,
): AuthorityPath | undefined {
  const found = inventory.authorities.get(wanted.address)
  const certificate = found?.certificate
  if (found === undefined || certificate === undefined) return undefined
  if (wanted.issuer === undefined) {
    const crosses = crossesOf(certificate, found.crossed)
    return wanted.crossed
      ? authorityPath(wanted.address, certificate, { crosses })
      : authorityPath(wanted.address, certificate, { retired: crosses })
  }
  const issuer = issuerIn(known, wanted.issuer, certificate)
  return issuer && authorityPath(wanted.address, certificate, { issuer })
}

/** The generation of the issuer that really signed it: after the root's rotation an older one may still be trusted. */
function issuerIn(
  known: ReadonlyMap<string, AuthorityPath>,
  issuer: DesiredIssuer,
  certificate: Certificate,
): AuthorityPath | undefined {
  const named = known.get(issuer.address)
  if (named !== undefined && isIssuedBy(certificate, named.certificate)) return named
  for (const candidate of known.values()) {
    if (isIssuedBy(certificate, candidate.certificate)) return candidate
  }
  return named
}

/**
 * Puts an authority below its issuer, or gives a root its cross-certificates.
 *
 * @param above `crosses`: those that follow a leaf; `retired`: those that may still follow it.
 */
export function authorityPath(
  address: string,
  certificate: Certificate,
  above: {
    readonly issuer?: AuthorityPath | undefined
    readonly crosses?: readonly Certificate[] | undefined
    readonly retired?: readonly Certificate[] | undefined
  } = {},
): AuthorityPath {
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

/**
 * The cross-certificates of a root in the order in which they follow a leaf: that of the generations that made them.
 *
 * @param root The root.
 * @param crossed What was found, by those generations; others than of this root are left out.
 */
export function crossesOf(
  root: Certificate,
  crossed: ReadonlyMap<number, Certificate>,
): readonly Certificate[] {
  return [...crossed]
    .sort(([a], [b]) => a - b)
    .map(([, cross]) => cross)
    .filter((cross) => isCrossOf(cross, root))
}

/** Whether a certificate is a cross-certificate of a root: its name and key, signed by another. */
export function isCrossOf(cross: Certificate, root: Certificate): boolean {
  return (
    sameBytes(cross.subject.der, root.subject.der) &&
    sameBytes(cross.publicKey.spki, root.publicKey.spki) &&
    !sameBytes(cross.der, root.der)
  )
}
