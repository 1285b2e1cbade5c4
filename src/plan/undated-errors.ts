/**
 * Errors of the store and of its authorities that no date shows. Under such an error `apply` renews
 * nothing, so `status`, which is watched, reports it too.
 *
 * @module
 */

import { checkAuthority } from '../checks/authority.js'
import { clusterFindings } from '../checks/cluster.js'
import { checkContext } from '../checks/context.js'
import type { Reason } from '../checks/reasons.js'
import type { Finding } from '../diagnostics.js'
import type { Inventory } from '../inventory/inventory.js'
import type { Desired } from '../cluster/desired.js'

/** The entries of the schedule report these. */
const dated: ReadonlySet<string> = new Set<Reason>(['expired', 'not-yet-valid'])

/**
 * Lists the errors of the store and of its authorities that have nothing to do with the date.
 *
 * @param desired What should be.
 * @param inventory What is.
 * @param options `now`: epoch milliseconds.
 */
export function undatedErrors(
  desired: Desired,
  inventory: Inventory,
  options: { readonly now: number },
): readonly Finding[] {
  const context = checkContext(desired, inventory, options)
  const findings = [...inventory.findings, ...clusterFindings(desired, inventory)]
  for (const wanted of desired.authorities) {
    const found = inventory.authorities.get(wanted.address)
    if (found !== undefined) findings.push(...checkAuthority(wanted, found, context))
  }
  return findings.filter(({ severity, reason }) => severity === 'error' && !dated.has(reason))
}
