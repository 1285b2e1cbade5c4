/**
 * What was revoked and can still be used, and revocation lists that have ended.
 *
 * @module
 */

import { authorityNameOf } from '../address.js'
import { keylessRemedy, keylessText, signerOf } from '../checks/key-place.js'
import { askList, listsDue } from '../checks/lists-due.js'
import { formatInstant } from '../duration.js'
import type { Finding } from '../diagnostics.js'
import { evidenceIn } from '../evidence/evidence.js'
import { rootAbove, rootsAbove } from '../evidence/generations.js'
import type { Inventory } from '../inventory/inventory.js'
import { revocationOf, revocationsIn, type ListFault } from '../inventory/revoked.js'
import type { Desired } from '../cluster/desired.js'
import { newKeyRemedy } from '../plan/held-by-node.js'
import { fingerprintOf } from '../x509/certificate.js'

/**
 * Lists the revoked certificates that agents still take, except those that an identity has now: of these the
 * checks of each identity tell.
 *
 * @param options `now`: epoch milliseconds; `current`: tell of those too, for a command without these checks.
 */
export function revocationFindings(
  desired: Desired,
  inventory: Inventory,
  { now, current = false }: { readonly now: number; readonly current?: boolean },
): readonly Finding[] {
  const revocations = revocationsIn(inventory.ledger)
  const findings: Finding[] = []
  const inUse = new Set<string>()
  for (const { address, profile } of desired.identities) {
    const leaf = inventory.identities.get(address)?.current?.chain[0]
    const found = leaf && revocationOf(leaf, revocations)
    if (leaf === undefined || found === undefined || leaf.notAfter <= now) continue
    inUse.add(fingerprintOf(leaf))
    if (!current) continue
    findings.push({
      severity: 'error',
      address,
      reason: 'revoked',
      message: `it was revoked on ${formatInstant(found.at)} (${found.reason}), and has no new key yet`,
      remedy: newKeyRemedy({ address, profile }, desired),
    })
  }
  const { compromised } = evidenceIn(inventory.ledger, { now })
  const trusted = new Set(desired.bundles.flatMap((bundle) => bundle.trusted))
  for (const { address, issuer, serial, fingerprint, notAfter, reason } of revocations.all) {
    const above = rootsAbove(issuer, inventory.authorities)
    const root = above.findLast((one) => trusted.has(one)) ?? above[0] ?? issuer
    const mark = compromised.find((one) => one.address === root || above.includes(one.address))
    // The spec has left its root: the rotation's own gate shows which agents have not.
    const gone = !trusted.has(root) && (mark === undefined || mark.closed !== undefined)
    if (gone || (notAfter ?? Infinity) <= now || inUse.has(fingerprint ?? '')) continue
    const until = notAfter === undefined ? '' : ` until ${formatInstant(notAfter)}`
    findings.push({
      severity: reason === 'key-compromise' ? 'warning' : 'note',
      address,
      reason: 'revoked',
      message: `its certificate ${serial} is revoked (${reason}), and agents that trust ${root} take it${until}`,
      // Who has the key of one that was only replaced is who had it before: nothing has to be done.
      remedy:
        reason !== 'key-compromise'
          ? undefined
          : fingerprint === undefined
            ? `nomad-pki rotate authority ${authorityNameOf(root)} --compromised`
            : `nomad-pki revoke SHA256:${fingerprint}, which says what shuts it out`,
    })
  }
  return [...findings, ...listFindings(desired, inventory, { trusted, now })]
}

/**
 * Lists that their readers cannot use. Software that reads a list refuses everything of its authority once
 * the list has ended, or takes what was revoked since it was made.
 */
function listFindings(
  desired: Desired,
  inventory: Inventory,
  { trusted, now }: { readonly trusted: ReadonlySet<string>; readonly now: number },
): readonly Finding[] {
  return listsDue(desired, inventory, now).map(({ address, found, fault, last }): Finding => {
    const root = rootAbove(address, inventory.authorities) ?? address
    const signer = signerOf(address, desired)
    const keyless = keylessText(signer, found.key.state)
    const name = { name: authorityNameOf(address), address }
    return {
      // Its readers may have dropped a root that the spec has dropped, and nothing here shows it. A list
      // that waits for a key which cannot sign, or that still counts, is no alarm.
      severity:
        trusted.has(root) && keyless === undefined && fault !== 'ending' ? 'warning' : 'note',
      address,
      reason: 'revoked',
      message: listText(fault, last?.nextUpdate),
      remedy:
        signer === 'offline'
          ? askList(name.name)
          : keyless === undefined
            ? 'nomad-pki revoke'
            : `${keylessRemedy(name, found.key.state)}, then: nomad-pki revoke`,
    }
  })
}

function listText(fault: ListFault, ended = 0): string {
  switch (fault) {
    case 'none':
      return 'it has no revocation list, and something of it was revoked: software that reads lists does not know that; Nomad reads none'
    case 'ended':
      return `its revocation list ended on ${formatInstant(ended)}: software that reads lists refuses its certificates; Nomad reads none`
    case 'ending':
      return `its revocation list ends on ${formatInstant(ended)}: software that reads lists then refuses its certificates; Nomad reads none`
    case 'lacks':
      return 'something was revoked since its revocation list was made: software that reads lists takes that still; Nomad reads none'
  }
}
