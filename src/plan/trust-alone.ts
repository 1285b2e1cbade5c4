/**
 * New trust without a new certificate: what an error keeps from being signed need not wait for trust.
 *
 * @module
 */

import type { Reason } from '../checks/reasons.js'
import type { Step } from './plan.js'

/** Reasons for a new certificate that do not speak against the old one beside a new `ca.pem`. */
const staysUsable: ReadonlySet<Reason> = new Set<Reason>([
  'trust-changed',
  'nearing-expiry',
  'expired',
  'beyond-issuer',
  'lifetime-differs',
  'names-differ',
  'key-algorithm',
  'key-shared',
  'key-held',
  'mode-open',
  'requested',
  'collected',
])

/**
 * New trust for identities whose renewal is held, or waits for a request: it needs no signature. A rotation away from a root
 * that cannot sign would otherwise wait for ever for the leaves that are due.
 */
export function trustOf(held: readonly Step[]): readonly Step[] {
  return held.flatMap(({ address, action, reasons }): Step[] => {
    const trust = reasons.filter(({ reason }) => reason === 'trust-changed')
    const whole = reasons.every(({ reason }) => staysUsable.has(reason))
    if (action !== 'renew' || trust.length === 0 || !whole) return []
    return [{ address, action: 'refresh', reasons: trust }]
  })
}

/** All steps, each of the more behind the one of its address. */
export function besideHeld(all: readonly Step[], trusting: readonly Step[]): readonly Step[] {
  const more = new Map(trusting.map((one) => [one.address, one]))
  return all.flatMap((one) => {
    const trust = more.get(one.address)
    return trust === undefined ? [one] : [one, trust]
  })
}
