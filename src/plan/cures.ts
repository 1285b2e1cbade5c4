/**
 * What cures a reason.
 *
 * @module
 */

import type { Reason } from '../checks/reasons.js'
import type { Action } from './plan.js'

/** The least action that cures a reason. */
export const cures: Readonly<Partial<Record<Reason, Action>>> = {
  'chain-broken': 'refresh',
  'trust-changed': 'refresh',
  'mode-open': 'repair',
}

/** Reasons that are not a fault of the key. */
export const keyless: ReadonlySet<Reason> = new Set<Reason>([
  'nearing-expiry',
  'expired',
  'issuer-changed',
  'chain-broken',
  'trust-changed',
  'names-differ',
  'beyond-issuer',
])
