/**
 * Authorities in Vault or OpenBao that are not set up yet: a plan holds them and what needs them.
 *
 * @module
 */

import type { Reason } from '../checks/reasons.js'
import type { Desired } from '../cluster/desired.js'
import type { Finding } from '../diagnostics.js'
import type { Step } from './plan.js'
import type { Waiting } from './waiting.js'

/**
 * An error for each authority in Vault or OpenBao that is not set up yet.
 *
 * @param waiting What waits for a key on another machine: that is said of it, and no more.
 */
export function engineFindings(
  steps: readonly Step[],
  desired: Desired,
  waiting: readonly Waiting[],
): readonly Finding[] {
  const reason: Reason = 'engine-differs'
  const elsewhere = new Set(waiting.map(({ wanted }) => wanted.address))
  return steps.flatMap(({ address, action }): readonly Finding[] => {
    const wanted = desired.authorities.find((one) => one.address === address)
    if (action !== 'create' || wanted?.signer !== 'engine' || elsewhere.has(address)) return []
    return [
      {
        severity: 'error',
        address,
        reason,
        message: 'its key is made in Vault or OpenBao, and it is not set up there',
        remedy: `nomad-pki authority setup ${wanted.name}`,
      },
    ]
  })
}
