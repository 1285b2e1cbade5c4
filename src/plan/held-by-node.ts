/**
 * Identities whose private key is on their node: a new certificate needs a request by that key.
 *
 * @module
 */

import type { Finding } from '../diagnostics.js'
import type { FoundIdentity, Inventory } from '../inventory/inventory.js'
import type { Step } from './plan.js'

/**
 * Finds out whether a step would put a key that is made here in the place of the one that a node holds.
 *
 * @param step What is planned.
 * @param found What there is.
 * @param inventory For its place in the remedy.
 * @returns The error that stands for the step; `undefined` where the step is right.
 */
export function heldByNode(
  { address, action, reasons }: Step,
  found: FoundIdentity | undefined,
  { location }: Inventory,
): Finding | undefined {
  const generation = found?.unfinished ?? found?.current
  if (action !== 'renew' || generation?.key.state !== 'node') return undefined
  const why = reasons.map(({ message }) => message).join('; ')
  return {
    severity: 'error',
    address,
    reason: 'request-needed',
    message: `${why}. Its key is on its node: a new certificate needs a request by that key, and this version takes none`,
    remedy: `for a key that is made here and delivered, move ${location}/${address} out of the store, then: nomad-pki apply ${address}`,
  }
}
