/**
 * The authorities: the plan's checks, their own signatures, and lint.
 *
 * @module
 */

import { authorityAddress } from '../address.js'
import { checkAuthority, lostAuthority } from '../checks/authority.js'
import { isIssuedBy, type CheckContext } from '../checks/context.js'
import { crossFindings } from '../checks/cross.js'
import { keylessText } from '../checks/key-place.js'
import type { Finding } from '../diagnostics.js'
import type { Inventory } from '../inventory/inventory.js'
import { samePublicKey } from '../keys/public-key.js'
import type { Desired } from '../cluster/desired.js'
import { verifySignature } from '../x509/signature.js'
import { issuedFingerprints, lintFindings } from './lint.js'

/** Verifies the authorities that the spec names, and names others that the store has. */
export function verifyAuthorities(
  desired: Desired,
  inventory: Inventory,
  context: CheckContext,
): readonly Finding[] {
  const findings: Finding[] = []
  const own = issuedFingerprints(inventory, context)
  const named = new Set<string>()
  for (const wanted of desired.authorities) {
    const { address } = wanted
    named.add(address)
    const found = inventory.authorities.get(address)
    if (found?.certificate === undefined && (found === undefined || found.findings.length === 0)) {
      findings.push(
        lostAuthority(wanted, desired, inventory) ?? {
          severity: 'error',
          address,
          reason: 'missing',
          message: 'the spec names it and the store does not have its certificate',
          remedy:
            wanted.signer === 'engine'
              ? `nomad-pki authority setup ${wanted.name}`
              : 'nomad-pki apply',
        },
      )
    }
    if (found === undefined) continue
    findings.push(...checkAuthority(wanted, found, context).map((one) => withRemedy(one)))
    findings.push(...crossFindings(wanted, desired, inventory, context.now))
    const { certificate } = found
    if (certificate === undefined) continue
    if (
      wanted.signing &&
      found.key.state === 'absent' &&
      keylessText(wanted.signer, 'absent') !== undefined
    ) {
      findings.push({
        severity: 'note',
        address,
        reason: 'incomplete',
        message: 'its key is not in the store: nothing can be renewed while it is kept elsewhere',
        remedy: `put ca-key.pem (mode 0400) back into ${address} before the next renewal`,
      })
    }
    const path = context.authorities.get(address)?.path
    // What does not name itself as its issuer is an anchor all the same: agents trust it as it is.
    const anchor = isIssuedBy(certificate, certificate) ? certificate : undefined
    const issuer = wanted.issuer === undefined ? anchor : path?.[1]
    if (issuer !== undefined && !verifySignature(certificate, issuer)) {
      findings.push({
        severity: 'error',
        address,
        reason: 'chain-broken',
        message: `its signature is not by ${wanted.issuer?.address ?? 'its own key'}: the file was changed or damaged`,
        remedy: `restore ${address}/ca.pem from a backup of the store`,
      })
    }
    for (const [by, crossed] of found.crossed) {
      const signer = inventory.authorities.get(authorityAddress(found.name, by))?.certificate
      const fault = !samePublicKey(crossed.publicKey, certificate.publicKey)
        ? 'is for another key'
        : signer === undefined || !verifySignature(crossed, signer)
          ? `was not signed by generation ${by}`
          : undefined
      if (fault === undefined) continue
      findings.push({
        severity: 'error',
        address,
        reason: 'chain-broken',
        message: `crossed-by-${by}.pem ${fault}`,
        remedy: `restore ${address}/crossed-by-${by}.pem from a backup of the store`,
        file: `crossed-by-${by}.pem`,
      })
    }
    findings.push(
      ...lintFindings(certificate, {
        address,
        own,
        issuer,
        profile:
          wanted.issuer !== undefined ? 'intermediate' : anchor === undefined ? undefined : 'root',
        now: context.now,
      }),
    )
  }
  for (const [address, { certificate }] of inventory.authorities) {
    if (named.has(address)) continue
    findings.push({
      severity: 'note',
      address,
      reason: 'orphan',
      message:
        certificate !== undefined && certificate.notAfter > context.now
          ? 'the spec no longer names it; agents that trust it still accept what its key signs'
          : 'the spec no longer names it',
      remedy: 'nomad-pki apply --prune',
    })
  }
  return findings
}

function withRemedy(finding: Finding): Finding {
  if (finding.remedy !== undefined) return finding
  return {
    ...finding,
    remedy:
      finding.reason === 'mode-open'
        ? 'nomad-pki apply'
        : `restore ${finding.address} from a backup of the store`,
  }
}
