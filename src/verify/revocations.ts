/**
 * What was revoked and can still be used, and revocation lists that have ended.
 *
 * @module
 */

import { formatInstant } from '../duration.js'
import type { Finding } from '../diagnostics.js'
import { evidenceIn } from '../evidence/evidence.js'
import { rootAbove } from '../evidence/generations.js'
import type { Inventory } from '../inventory/inventory.js'
import { latestLists, revocationOf, revocationsIn } from '../inventory/revoked.js'
import type { Desired } from '../cluster/desired.js'
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
  if (revocations.all.length === 0) return []
  const findings: Finding[] = []
  const inUse = new Set<string>()
  for (const { address } of desired.identities) {
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
      remedy: `nomad-pki apply ${address}`,
    })
  }
  const { compromised } = evidenceIn(inventory.ledger, { now })
  const trusted = new Set(desired.bundles.flatMap((bundle) => bundle.trusted))
  for (const { address, issuer, serial, fingerprint, notAfter, reason } of revocations.all) {
    const root = rootAbove(issuer, inventory.authorities) ?? issuer
    const mark = compromised.find((one) => one.address === root)
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
            ? `nomad-pki rotate authority ${root.split('/')[1]!} --compromised`
            : `nomad-pki revoke SHA256:${fingerprint}, which says what shuts it out`,
    })
  }
  return [...findings, ...endedLists(inventory, compromised, now)]
}

/** Software that reads a list refuses everything of its authority once the list has ended. */
function endedLists(
  { ledger, authorities }: Inventory,
  compromised: readonly { readonly address: string }[],
  now: number,
): readonly Finding[] {
  return [...latestLists(ledger).values()].flatMap(({ address, nextUpdate }): Finding[] => {
    const certificate = authorities.get(address)?.certificate
    const ended = nextUpdate <= now && certificate !== undefined && certificate.notAfter > now
    if (!ended || compromised.some((one) => one.address === address)) return []
    return [
      {
        severity: 'warning',
        address,
        reason: 'revoked',
        message: `its revocation list ended on ${formatInstant(nextUpdate)}: software that reads lists refuses its certificates; Nomad reads none`,
        remedy: 'nomad-pki revoke',
      },
    ]
  })
}
