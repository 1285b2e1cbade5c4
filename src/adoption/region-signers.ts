/**
 * Which authority signs for each region: a spec names one.
 *
 * @module
 */

import { groupBy } from '../grouping.js'
import { isAgent, runsServer } from '../nomad/roles.js'
import { fingerprintOf } from '../x509/certificate.js'
import type { Placed, Placement } from './placed.js'
import type { Tree } from './trees.js'

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
