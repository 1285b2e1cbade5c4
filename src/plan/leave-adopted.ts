/**
 * Roots that were adopted: agents use them before this program delivers anything, so that leaving one
 * is never taken lightly because no agent was seen.
 *
 * @module
 */

import { generationOf } from '../address.js'
import { authorityText } from '../authority/take-over.js'
import type { DesiredAuthority, DesiredBundle } from '../cluster/desired.js'
import type { Finding } from '../diagnostics.js'
import type { Inventory } from '../inventory/inventory.js'
import { isOverridden, type Override } from '../overrides.js'
import { fingerprintOf, fingerprintText } from '../x509/certificate.js'

/** What is known about them. */
export interface AdoptedFacts {
  readonly inventory: Inventory
  /** Fingerprints of what another tool made. */
  readonly adopted: ReadonlySet<string>
  /** Epoch milliseconds. */
  readonly now: number
  readonly overrides: readonly Override[]
}

/** Living roots of a bundle that were adopted: agents use them, whatever was delivered from here. */
export function adoptedRoots(
  { name }: DesiredBundle,
  bundled: ReadonlySet<string> | undefined,
  facts: AdoptedFacts,
): readonly string[] {
  const { inventory, adopted, now } = facts
  return [...inventory.authorities.values()].flatMap((one) => {
    const { certificate } = one
    if (one.name !== name || certificate === undefined) return []
    if (!adopted.has(fingerprintOf(certificate)) || certificate.notAfter <= now) return []
    return bundled?.has(one.address) === false ? [] : [one.address]
  })
}

/** Whether a person accepts that agents leave a root. */
export function isCut(root: string, { inventory, overrides }: AdoptedFacts): boolean {
  const certificate = inventory.authorities.get(root)?.certificate
  return (
    certificate !== undefined && isOverridden(overrides, 'leave-root', fingerprintText(certificate))
  )
}

/** The words of a remedy that name the override. */
export function cutOver(roots: readonly string[], { inventory }: AdoptedFacts): string {
  const flags = roots.flatMap((root) => {
    const certificate = inventory.authorities.get(root)?.certificate
    return certificate === undefined ? [] : `--override leave-root=${fingerprintText(certificate)}`
  })
  return `or cut over on purpose: ${flags.join(' ')} --reason TEXT`
}

/** What is left, and for which root. */
export interface Leaving {
  readonly severity: Finding['severity']
  readonly roots: readonly string[]
  readonly bundle: DesiredBundle
  readonly signing: DesiredAuthority
  /** Whether the new root is to sign for the first time. */
  readonly signs: boolean
}

/** The finding: an error, or a warning where it is accepted. */
export function leavesAdopted(
  { severity, roots, bundle, signing, signs }: Leaving,
  facts: AdoptedFacts,
): Finding {
  const { inventory } = facts
  const texts = roots.flatMap((root) => {
    const certificate = inventory.authorities.get(root)?.certificate
    return certificate === undefined ? [] : `${root} (${authorityText(certificate)})`
  })
  const all = [...new Set([...roots, ...bundle.trusted, signing.address])].map(generationOf)
  const stage = `signing: ${generationOf(signs ? roots[0]! : signing.address)}, trusted: [${all.sort((a, b) => a - b).join(', ')}]`
  const unseen = severity === 'error' ? `, and none was seen to trust ${signing.address}` : ''
  return {
    severity,
    address: signs ? signing.address : bundle.address,
    reason: 'trust-needed',
    message: `agents use ${texts.join(' and ')}, which was adopted${unseen}: agents with the new files and agents with the old ones would refuse each other`,
    remedy: `set \`${stage}\` for ${bundle.name} in the spec, apply and deliver it, then: nomad-pki probe; ${cutOver(roots, facts)}`,
  }
}
