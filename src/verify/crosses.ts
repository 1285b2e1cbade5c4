/**
 * The other way up: whether leaves that carry a cross-certificate hold up for agents that trust only
 * the root that made it, which is what the cross-certificate is for.
 *
 * @module
 */

import { generationOf } from '../address.js'
import { stagedRemedy } from '../checks/cross.js'
import type { Finding } from '../diagnostics.js'
import type { Inventory } from '../inventory/inventory.js'
import { profileOf } from '../nomad/roles.js'
import type { Desired } from '../cluster/desired.js'
import { sameCertificate, type Certificate } from '../x509/certificate.js'
import { verifyChain } from '../x509/verify-chain.js'
import type { AgentClass } from './classes.js'

/**
 * Verifies the path of every class to each older root.
 *
 * @param classes All classes of the cluster: members of one differ in their hosts' names alone, and
 *   those matter only under name constraints.
 */
export function verifyCrosses(
  desired: Desired,
  inventory: Inventory,
  classes: readonly AgentClass[],
  { now }: { readonly now: number },
): readonly Finding[] {
  const findings: Finding[] = []
  for (const wanted of desired.authorities) {
    const found = inventory.authorities.get(wanted.address)
    for (const by of wanted.crossedBy) {
      const old = inventory.authorities.get(by)?.certificate
      const cross = found?.crossed.get(generationOf(by))
      // The end of the older root is told where it stands; then no agent is left that trusts only it.
      if (old === undefined || cross === undefined || old.notAfter <= now) continue
      for (const one of classes) {
        if (!one.facts.chain.some((certificate) => sameCertificate(certificate, cross))) continue
        const refused = refusedOf(one, inventory, old, now)
        if (refused === undefined) continue
        const { address, message, more } = refused
        findings.push({
          severity: 'error',
          address,
          reason: 'refused',
          message: `not trusted by agents that trust only ${by}, though it carries its cross-certificate: ${message}${more > 0 ? `; so ${more === 1 ? 'is' : 'are'} ${more} more like it` : ''}`,
          remedy: stagedRemedy(wanted, by),
        })
      }
    }
  }
  return findings
}

function refusedOf(
  { members, role, facts, broken }: AgentClass,
  inventory: Inventory,
  old: Certificate,
  now: number,
): { readonly address: string; readonly message: string; readonly more: number } | undefined {
  // A chain that does not hold up under its own trust has been told.
  if (broken !== undefined) return undefined
  const constrained = [...facts.chain.slice(1), old].some(
    (one) => one.nameConstraints !== undefined,
  )
  const looked = constrained ? members : members.slice(0, 1)
  let first: { readonly address: string; readonly message: string } | undefined
  let count = 0
  for (const address of looked) {
    const [leaf, ...behind] = inventory.identities.get(address)?.current?.chain ?? []
    if (leaf === undefined) continue
    for (const purpose of profileOf(role).extendedKeyUsage) {
      const verdict = verifyChain(leaf, behind, [old], { now, purpose })
      if (verdict.ok) continue
      first ??= { address, message: verdict.message }
      count += 1
      break
    }
  }
  if (first === undefined) return undefined
  return { ...first, more: (constrained ? count : members.length) - 1 }
}
