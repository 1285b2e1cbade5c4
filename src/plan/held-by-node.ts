/**
 * Identities whose private key is on their node: a new certificate needs a request by that key.
 *
 * @module
 */

import type { DesiredIdentity } from '../cluster/desired.js'
import type { Finding } from '../diagnostics.js'
import type { FoundIdentity, Inventory } from '../inventory/inventory.js'
import type { Step } from './plan.js'

/**
 * Finds out whether a step would make a key here, where the node makes its own, or put one in the place of
 * the key that a node holds.
 *
 * @param step What is planned.
 * @param wanted What the spec says: with `keyHeld: node` the step waits for a request.
 * @param found What there is.
 * @param inventory For its place in the remedy.
 * @returns The finding that stands for the step; `undefined` where the step is right.
 */
export function heldByNode(
  { address, action, reasons }: Step,
  { profile: { keyHeld } }: Pick<DesiredIdentity, 'profile'>,
  found: FoundIdentity | undefined,
  { location }: Inventory,
): Finding | undefined {
  if (action !== 'create' && action !== 'renew') return undefined
  const why = reasons.map(({ message }) => message).join('; ')
  if (keyHeld === 'node') {
    return {
      severity: 'warning',
      address,
      reason: 'request-needed',
      message: `${why}. It waits for a request: the spec says that its node holds its key`,
      remedy: requestRemedy(address),
    }
  }
  const generation = found?.unfinished ?? found?.current
  if (action !== 'renew' || generation?.key.state !== 'node') return undefined
  return {
    severity: 'error',
    address,
    reason: 'request-needed',
    message: `${why}. Its key is on its node, and the spec does not say keyHeld: node`,
    remedy: `keyHeld: node in the spec, so that a request by its key is taken; for a key that is made here and delivered, move ${location}/${address} out of the store, then: nomad-pki apply ${address}`,
  }
}

/** How a node asks; without the spec the address must be whole. */
export function requestRemedy(address: string): string {
  return `on the node: nomad-pki request ${address} --out request.csr; then here: nomad-pki sign request.csr`
}
