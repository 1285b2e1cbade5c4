/**
 * What can be wrong with a store's own shape, beside the reasons that plans give.
 *
 * @module
 */

import type { Finding, Severity } from '../diagnostics.js'

/** Every reason that only a store gives, with its sentence. */
export const storeReasons = {
  'foreign-file': 'the store has an entry that does not belong there',
  'left-over': 'an interrupted run left it behind; the next apply removes or finishes it',
  'owner-differs': 'a different user owns it',
  unreadable: 'it exists and cannot be read',
} as const

/** A reason of the store's, or one of those that plans give too. */
export type StoreReason =
  keyof typeof storeReasons | 'incomplete' | 'link-broken' | 'mode-open' | 'unfinished'

/** Makes a finding with a reason of the store. */
export function finding(
  severity: Severity,
  address: string,
  reason: StoreReason,
  message: string,
  details: { readonly remedy?: string; readonly file?: string } = {},
): Finding {
  return { severity, address, reason, message, ...details }
}
