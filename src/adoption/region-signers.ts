/**
 * Which authority signs for each region: a spec names one.
 *
 * @module
 */

import { parseAddress } from '../address.js'
import { groupBy } from '../grouping.js'
import { isAgent, runsServer } from '../nomad/roles.js'
import { fingerprintOf, isTwin } from '../x509/certificate.js'
import { formatName } from '../x509/name.js'
import type { Placed, Placement } from './placed.js'
import type { StoreIdentity } from './renewals.js'
import type { Tree, Trees } from './trees.js'

/**
 * The regions that each intermediate signs for.
 *
 * @param placed Certificates at their places.
 * @param stored What the store has.
 * @param trees The authorities.
 */
export function regionsBySigner(
  placed: readonly Placed[],
  stored: readonly StoreIdentity[],
  trees: Trees,
): ReadonlyMap<Tree, ReadonlySet<string>> {
  const regions = new Map<Tree, Set<string>>()
  const add = (signer: Tree, region: string): void => {
    regions.set(signer, (regions.get(signer) ?? new Set()).add(region))
  }
  for (const { leaf, region } of placed) add(leaf.signer, region)
  for (const { address, leaf } of stored) {
    const place = parseAddress(address)
    const signer = trees.signerOf(leaf)
    if (place.kind === 'identity' && signer !== undefined) add(signer, place.region)
  }
  return regions
}

/**
 * Whether two intermediates are generations of one: below one root, for a region that both sign for, with
 * names that differ in numbers at most.
 *
 * @param regions As {@link regionsBySigner} gives them.
 */
export function isSameLine(
  a: Tree,
  b: Tree,
  regions: ReadonlyMap<Tree, ReadonlySet<string>>,
): boolean {
  if (a === b) return true
  // It was renewed with its key; every leaf of the one is a leaf of the other.
  if (a.issuer !== undefined && a.issuer === b.issuer && isTwin(a.certificate, b.certificate)) {
    return true
  }
  if (a.issuer === undefined || a.issuer !== b.issuer || lineName(a) !== lineName(b)) return false
  const [own, other] = [regions.get(a), regions.get(b)]
  return own !== undefined && other !== undefined && [...own].some((one) => other.has(one))
}

/** `Acme Issuing CA 2026` and `Acme Issuing CA 2027` are one line. */
function lineName({ certificate }: Tree): string {
  return formatName(certificate.subject).replace(/[0-9]+/g, '#')
}

/**
 * Chooses the authority of each region. An intermediate goes before a root, because it is of use only
 * where a region names it; of several the one that signed for most servers, then for most.
 *
 * @param placement Where certificates belong.
 * @returns By region; regions that have no agent count only where no region has one.
 */
export function regionSigners({ placed, bare }: Placement): ReadonlyMap<string, Tree> {
  const regions = new Set([
    ...placed.filter(({ role }) => isAgent(role)).map(({ region }) => region),
    ...bare.map(({ agent }) => agent.node.region),
  ])
  const [first] = placed
  if (regions.size === 0 && first !== undefined) regions.add(first.region)
  const signers = new Map<string, Tree>()
  for (const [region, own] of groupBy(placed, (one) => one.region)) {
    if (!regions.has(region)) continue
    const [best] = [...groupBy(own, ({ leaf }) => leaf.signer)].sort(
      ([a, ofA], [b, ofB]) =>
        Number(b.issuer !== undefined) - Number(a.issuer !== undefined) ||
        servers(ofB) - servers(ofA) ||
        ofB.length - ofA.length ||
        (fingerprintOf(a.certificate) < fingerprintOf(b.certificate) ? -1 : 1),
    )
    signers.set(region, best![0])
  }
  return signers
}

function servers(placed: readonly Placed[]): number {
  return placed.filter(({ role }) => runsServer(role)).length
}
