/**
 * What sharing costs: notes on identities that the spec lets many hosts share, which no one is to
 * learn only after the first stolen disk.
 *
 * @module
 */

import type { Finding } from '../diagnostics.js'
import type { Inventory } from '../inventory/inventory.js'
import type { Desired } from '../cluster/desired.js'
import { sections } from '../cluster/sections.js'
import { isAgent } from '../nomad/roles.js'

/** What a key that many hosts share costs. */
export const sharingCost =
  'if it is stolen from one host, all hosts are affected; they cannot be told apart, and all need a new one at once'

/** Notes on every shared identity that is there. */
export function verifySharing(desired: Desired, inventory: Inventory): readonly Finding[] {
  const findings: Finding[] = []
  for (const { address, profile } of desired.identities) {
    if (!profile.shared || inventory.identities.get(address)?.current === undefined) continue
    const { role, region } = profile
    if (!isAgent(role)) continue
    const section = sections[role]
    findings.push({
      severity: 'note',
      address,
      reason: 'identity-shared',
      message: `one key for all ${role === 'combined' ? 'agents' : section} of ${region}: ${sharingCost}`,
      remedy: `name the hosts under \`regions: ${region}: ${section}\` in the spec instead of \`shared\`, then: nomad-pki apply`,
    })
  }
  return findings
}
