/**
 * The step of an identity that gets a new generation because a person or a timer asks for it.
 *
 * @module
 */

import type { ReasonGiven } from '../checks/reasons.js'
import type { DesiredIdentity } from '../cluster/desired.js'
import type { CertificateRequest } from '../x509/request.js'
import { cures, keyless } from './cures.js'
import type { MakePlanOptions } from './make-plan.js'
import type { Step } from './plan.js'

const requested: ReasonGiven = {
  reason: 'requested',
  message: 'a new generation was asked for',
}

const noRequests: ReadonlyMap<string, CertificateRequest> = new Map()

/** A new generation because it was asked for; what is wrong with the present one is told with it. */
export function renewed(
  { address }: DesiredIdentity,
  planned: Step | undefined,
  { keepKey, renewReason = requested, requests = noRequests }: MakePlanOptions,
): Step {
  if (planned?.action === 'create') {
    // How its request came is told also of a first one.
    if (!requests.has(address)) return planned
    return { ...planned, reasons: [...planned.reasons, renewReason] }
  }
  const others =
    planned?.reasons.filter(
      ({ reason }) => reason !== 'surplus' && reason !== renewReason.reason,
    ) ?? []
  // What has to be renewed for another reason is not renewed because its end is near.
  const needless =
    renewReason.reason === 'nearing-expiry' &&
    others.some(({ reason }) => (cures[reason] ?? 'renew') === 'renew')
  const reasons: ReasonGiven[] = needless ? others : [...others, renewReason]
  // A key that is the reason does not stay.
  const keeps = keepKey === true && others.every(({ reason }) => keyless.has(reason))
  return { address, action: 'renew', reasons, ...(keeps && { keepKey: true }) }
}
