/**
 * The trust bundles: whether each holds exactly what the spec trusts, and only roots.
 *
 * @module
 */

import { sameBytes } from '../bytes.js'
import type { CheckContext } from '../checks/context.js'
import type { Finding } from '../diagnostics.js'
import { formatInstant } from '../duration.js'
import type { Inventory } from '../inventory/inventory.js'
import type { Desired } from '../cluster/desired.js'
import { formatName } from '../x509/name.js'

/** Verifies the bundles that the spec names. */
export function verifyBundles(
  desired: Desired,
  inventory: Inventory,
  context: CheckContext,
): readonly Finding[] {
  const findings: Finding[] = []
  for (const { address, trusted } of desired.bundles) {
    const say = (severity: Finding['severity'], reason: string, message: string): void => {
      findings.push({
        severity,
        address,
        reason,
        message,
        remedy: 'nomad-pki apply',
        file: 'ca.pem',
      })
    }
    const found = inventory.bundles.get(address)
    if (found === undefined) {
      say('error', 'missing', 'the spec names it and the store does not have it')
      continue
    }
    findings.push(
      ...found.findings.map((one) => ({ ...one, remedy: one.remedy ?? 'nomad-pki apply' })),
    )
    const wanted = trusted.map((root) => ({
      root,
      certificate: context.authorities.get(root)?.certificate,
    }))
    const has = (der: Uint8Array): boolean =>
      found.certificates.some((certificate) => sameBytes(certificate.der, der))
    const lacking = wanted.filter(
      ({ certificate }) => certificate !== undefined && !has(certificate.der),
    )
    const extra = found.certificates.filter(
      ({ der }) =>
        !wanted.some(
          ({ certificate }) => certificate !== undefined && sameBytes(certificate.der, der),
        ),
    )
    if (lacking.length > 0) {
      say('error', 'bundle-stale', `it lacks ${lacking.map(({ root }) => root).join(', ')}`)
    }
    for (const certificate of extra) {
      const name = formatName(certificate.subject)
      const root = sameBytes(certificate.subject.der, certificate.issuer.der)
      say(
        'error',
        'bundle-stale',
        certificate.basicConstraints?.ca !== true
          ? `it holds ${name}, which is not an authority: Nomad trusts it nevertheless`
          : root
            ? `it holds ${name}, which the spec does not trust`
            : `it holds ${name}, an intermediate: Nomad takes it for a root, and its issuer can no longer be withdrawn alone`,
      )
    }
    if (
      lacking.length === 0 &&
      extra.length === 0 &&
      found.findings.length === 0 &&
      context.bundles.has(address) &&
      context.bundles.get(address) !== found.text
    ) {
      say('warning', 'bundle-stale', 'its roots are right, but its text was changed')
    }
    for (const { root, certificate } of wanted) {
      if (certificate === undefined || certificate.notAfter > context.now) continue
      findings.push({
        severity: 'note',
        address,
        reason: 'expired',
        message: `${root} in it ended ${formatInstant(certificate.notAfter)}`,
        remedy: `take ${root} out of \`trusted\` in the spec once nothing relies on it`,
      })
    }
  }
  const named = new Set(desired.bundles.map(({ address }) => address))
  for (const [address] of inventory.bundles) {
    if (named.has(address)) continue
    findings.push({
      severity: 'note',
      address,
      reason: 'orphan',
      message: 'the spec no longer names it',
      remedy: 'nomad-pki apply --prune',
    })
  }
  return findings
}
