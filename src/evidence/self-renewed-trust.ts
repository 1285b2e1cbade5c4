/**
 * Whom a node that renews itself trusts: its handshake says it; where that asks for no certificate, the receipt of what
 * it presents.
 *
 * @module
 */

import { authorityNameOf, isOfAuthority } from '../address.js'
import { runsServer } from '../nomad/roles.js'
import { nodeFilesRemedy, receiptRemedy, rpcUnseen } from './self-renewed-words.js'
import type { SelfRenewed, SelfRenewedFactsOf } from './self-renewed.js'
import type { TrustReader } from './trust.js'

/** What of trust stands against a node. */
type Trust = Pick<SelfRenewed, 'state' | 'reason' | 'message' | 'remedy'>

/** What its ports say of trust; where they say nothing, a receipt of what they present. */
export function trustSeen(
  received: readonly string[] | undefined,
  facts: SelfRenewedFactsOf,
): Trust | undefined {
  const { ports, trust, roots, wanted, inventory } = facts
  const remedy = nodeFilesRemedy(wanted.address)
  const telling = ports.seen.filter((one) => one.trusts !== null)
  for (const port of telling) {
    const lacked = roots.find((root) => trust.trusts(port, root) === false)
    if (lacked !== undefined) {
      return {
        state: 'lagging',
        reason: 'trust-changed',
        message: `${port.endpoint} does not trust ${lacked}`,
        remedy,
      }
    }
    const had = (trust.roots(port) ?? []).find((root) => !isAmong(root, roots, trust))
    if (had !== undefined) {
      return {
        state: 'lagging',
        reason: 'trust-changed',
        message: `${port.endpoint} still trusts ${had}`,
        remedy,
      }
    }
    const [other] = trust.unknownAuthorities(port)
    if (other !== undefined) {
      return {
        state: 'foreign',
        reason: 'trust-changed',
        message: `${port.endpoint} also trusts ${other}, which is not ours`,
        remedy,
      }
    }
  }
  const isShown =
    telling.length > 0 &&
    telling.every((port) => roots.every((root) => trust.trusts(port, root) === true)) &&
    (!runsServer(wanted.profile.role) || ports.seen.some(({ rpc }) => rpc))
  if (isShown) return undefined
  if (runsServer(wanted.profile.role) && !ports.seen.some(({ rpc }) => rpc)) {
    return {
      state: 'unobservable',
      reason: 'not-proven',
      ...rpcUnseen(wanted.address),
    }
  }
  if (received !== undefined) return trustByReceipt(received, facts)
  // There never was another root that it could trust.
  const name = authorityNameOf(wanted.profile.bundle)
  const all = new Set(
    [
      ...inventory.authorities.keys(),
      ...inventory.ledger.events.map(({ address }) => address),
    ].filter((one) => isOfAuthority(one, name)),
  )
  if (all.size === 1) return undefined
  return {
    state: 'unobservable',
    reason: 'not-proven',
    message:
      'it asks for no certificate: a probe cannot see which roots it trusts, a receipt of its renewal can prove them',
    remedy: receiptRemedy,
  }
}

function isAmong(root: string, roots: readonly string[], trust: TrustReader): boolean {
  return trust.twins(root).some((one) => roots.includes(one))
}

/** What a receipt says of trust; one of an earlier version says nothing. */
export function trustByReceipt(
  received: readonly string[] | undefined,
  facts: SelfRenewedFactsOf,
): Trust | undefined {
  const { roots, wanted, trust } = facts
  if (received === undefined) return undefined
  const lacked = roots.find((root) => !received.some((one) => isAmong(one, [root], trust)))
  const had = received.find((one) => !isAmong(one, roots, trust))
  if (lacked === undefined && had === undefined) return undefined
  const message =
    lacked === undefined
      ? `its ca.pem still has ${had!}, by its receipt`
      : `its ca.pem does not have ${lacked}, by its receipt`
  return {
    state: 'lagging',
    reason: 'trust-changed',
    message,
    remedy: nodeFilesRemedy(wanted.address),
  }
}
