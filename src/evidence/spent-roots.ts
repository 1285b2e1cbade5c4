/**
 * Roots that no agent lives by any more: every certificate that an agent of the spec ever had has ended.
 *
 * @module
 */

import { authorityNameOf, bundleAddress, isOfOperator } from '../address.js'
import { adoptedIn } from '../checks/adopted.js'
import { renewsItself, type Desired } from '../cluster/desired.js'
import type { Inventory } from '../inventory/inventory.js'
import { isAgent } from '../nomad/roles.js'
import { fingerprintOf } from '../x509/certificate.js'
import type { Judgement } from './judgement.js'
import { generationsIn, rootAbove } from './generations.js'

/** What it is read from. */
export interface SpentFacts {
  readonly inventory: Inventory
  /** Whose certificates count: of a node that left the spec nobody asks that it is let in. */
  readonly desired: Pick<Desired, 'identities'>
  /** How agents were seen to stand. */
  readonly judgements: ReadonlyMap<string, Pick<Judgement, 'state' | 'at' | 'basis'>>
  /** Epoch milliseconds. */
  readonly now: number
}

/**
 * Lists the roots of a cluster whose agents are all cut off already, because every certificate of an agent has
 * ended: that such a root leaves takes nothing from anybody.
 *
 * Where one certificate lives no root is spent, whichever root it is below: its agent may have the new leaf beside
 * an older `ca_file`, and so live by trust in the old root. An agent with a certificate that the ledger does not
 * have may live by any root.
 *
 * Another tool may have renewed what was adopted, and agents of the spec may have what was not: each of them must have
 * been seen since.
 *
 * @returns Addresses of authorities.
 */
export function spentRoots({
  inventory,
  desired,
  judgements,
  now,
}: SpentFacts): ReadonlySet<string> {
  const spent = new Set<string>()
  // What a node that renews itself has is not in the ledger: it may live by any root.
  if (desired.identities.some(renewsItself)) return spent
  if ([...judgements.values()].some(({ state }) => state === 'foreign')) return spent
  const roots = new Map<string, string>()
  const wanted = new Set(desired.identities.map(({ address }) => address))
  const adopted = adoptedIn(inventory)
  const made = generationsIn(inventory)
  for (const [address, generations] of made) {
    if (isOfOperator(address)) continue
    const { basis, at = 0 } = judgements.get(address) ?? {}
    for (const { issuer, fingerprint, notAfter } of generations) {
      // An authority whose files are lost is a root of its own: nobody can say more.
      const root = roots.get(issuer) ?? rootAbove(issuer, inventory.authorities) ?? issuer
      roots.set(issuer, root)
      const isUnseen = adopted.has(fingerprint) && (basis === undefined || at < notAfter)
      if (notAfter <= now) spent.add(root)
      if (wanted.has(address) && (notAfter > now || isUnseen)) return new Set()
    }
  }
  const unknown = desired.identities.filter(
    ({ address, profile }) => isAgent(profile.role) && !made.has(address),
  )
  const bundles = new Set(unknown.map(({ profile }) => profile.bundle))
  for (const { address, certificate } of inventory.authorities.values()) {
    const isAdopted = certificate !== undefined && adopted.has(fingerprintOf(certificate))
    if (isAdopted && bundles.has(bundleAddress(authorityNameOf(address)))) return new Set()
  }
  return spent
}
