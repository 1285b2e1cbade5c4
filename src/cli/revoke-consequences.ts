/**
 * What a revocation means for the cluster: the facts behind what `revoke` tells.
 *
 * @module
 */

import { parseAddress, sharedName } from '../address.js'
import { renewsItself, type Desired, type DesiredIdentity } from '../cluster/desired.js'
import type { Inventory } from '../inventory/inventory.js'
import type { Revocations } from '../inventory/revoked.js'
import { reachOf } from '../nomad/reach.js'
import { runsClient, runsServer } from '../nomad/roles.js'
import { heldByNode, newKeyRemedy } from '../plan/held-by-node.js'
import type { Consequence, Renewal } from '../report/revocation.js'
import { cureOf, type Cheapest, type Cure } from '../rotation/cure.js'
import type { Chosen } from './revoke-chosen.js'
import type { Workspace } from './workspace.js'

/** The gravest first: of several certificates of an identity the worst one counts. */
const gravity: readonly Cheapest[] = [
  'foreign',
  'replace',
  'rotating',
  'wait',
  'unneeded',
  'dropped',
  'over',
]

/** What follows for each identity of which a certificate was chosen. */
export function consequencesOf(
  chosen: readonly Chosen[],
  { all }: Revocations,
  { spec, desired }: Workspace,
  inventory: Inventory,
  now: number,
): readonly Consequence[] {
  const namesChecked = desired.identities.every(
    ({ stanza }) => stanza?.verify_server_hostname !== false,
  )
  const found = new Map<string, Consequence>()
  for (const { address, issuer, serial, notAfter } of chosen) {
    const { reason = 'unspecified' } =
      all.find((one) => one.serial === serial && one.issuer === issuer) ?? {}
    const parsed = parseAddress(address)
    const identity = parsed.kind === 'identity' ? parsed : undefined
    const role = identity?.role
    const wanted = desired.identities.find((one) => one.address === address)
    const leaf = { issuer, role, notAfter, reason }
    const cure = cureOf(leaf, spec, desired, inventory, { now })
    const before = found.get(address)
    if (before !== undefined && !isGraver(cure, before.cure)) continue
    found.set(address, {
      ...{ address, reason, cure },
      client: runsClient(role),
      server: role === undefined ? parsed.kind !== 'identity' : runsServer(role),
      ...(wanted !== undefined && {
        renewal: renewalOf(wanted, desired, inventory),
        ...(wanted.name !== sharedName && { node: wanted.name }),
      }),
      reach:
        identity === undefined
          ? []
          : reachOf({
              ...{ role: identity.role, region: identity.region, namesChecked },
              shared: identity.name === sharedName,
            }),
    })
  }
  return [...found.values()]
}

/** Where a new key is made. */
function renewalOf(wanted: DesiredIdentity, desired: Desired, inventory: Inventory): Renewal {
  const { address, profile } = wanted
  if (renewsItself(wanted)) return { by: 'node', itself: newKeyRemedy(wanted, desired) }
  if (profile.keyHeld === 'node') return { by: 'node' }
  const reasons = [{ reason: 'revoked', message: 'it is revoked' }] as const
  const found = inventory.identities.get(address)
  const how = { tls: desired.tls, named: false }
  const held = heldByNode({ address, action: 'renew', reasons }, wanted, found, how)
  return held === undefined ? { by: 'store' } : { by: 'node', first: held.remedy }
}

function isGraver(one: Cure, other: Cure): boolean {
  const [left, right] = [one, other].map(({ cheapest }) => gravity.indexOf(cheapest))
  if (left !== right) return left! < right!
  return (one.until ?? Infinity) > (other.until ?? Infinity)
}
