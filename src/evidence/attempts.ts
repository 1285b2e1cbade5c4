/**
 * Certificates that may exist: an issuer was asked for them, and no line says what came of it. The
 * answer was lost, or the run was killed while it waited.
 *
 * @module
 */

import { authorityNameOf } from '../address.js'
import { signerOf } from '../checks/key-place.js'
import type { Desired } from '../cluster/desired.js'
import type { Finding } from '../diagnostics.js'
import { formatInstant } from '../duration.js'
import type { Inventory } from '../inventory/inventory.js'
import type { Ledger } from '../inventory/ledger.js'
import type { EventOf } from '../inventory/ledger-events.js'
import { isOverridden, type Override } from '../overrides.js'

/** An attempt that nothing has closed: its line in the ledger. */
export type OpenAttempt = EventOf<'attempted'>

/**
 * Lists the attempts that are open, in the order in which they were made.
 *
 * @param ledger An attempt is closed by the line of what came of it, by `refused`, by a person, or by the
 *   revocation of what may have come of it.
 * @param options `now`: epoch milliseconds; what has ended by then harms nobody.
 */
export function openAttempts(
  { events }: Ledger,
  { now }: { readonly now: number },
): readonly OpenAttempt[] {
  const open = new Map<string, OpenAttempt>()
  for (const event of events) {
    if (event.event === 'attempted') open.set(event.attempt, event)
    else if (event.event === 'override') {
      if (event.code === 'attempt') open.delete(event.value)
    } else if (event.event === 'revoked') {
      if (open.get(event.serial)?.issuer === event.issuer) open.delete(event.serial)
    } else if ('attempt' in event && event.attempt !== undefined) open.delete(event.attempt)
  }
  return [...open.values()].filter(({ notAfter }) => notAfter > now)
}

/**
 * Warns of each certificate that may exist.
 *
 * @param desired Where the keys of the authorities are: one that has no key of ours keeps its own register.
 * @param options `now`: epoch milliseconds; `overrides`: `attempt=…`, what a person has looked into.
 */
export function attemptFindings(
  desired: Pick<Desired, 'authorities'>,
  { ledger, authorities }: Pick<Inventory, 'ledger' | 'authorities'>,
  {
    now,
    overrides = [],
  }: { readonly now: number; readonly overrides?: readonly Override[] | undefined },
): readonly Finding[] {
  return openAttempts(ledger, { now })
    .filter(({ attempt }) => !isOverridden(overrides, 'attempt', attempt))
    .map(({ address, attempt, issuer, key, at, notAfter }) => ({
      severity: 'warning',
      address,
      reason: 'maybe-issued',
      message: `${issuer} was asked on ${formatInstant(at)} and no answer is known: a certificate for the key SHA256:${key.slice(0, 16)}… may exist until ${formatInstant(notAfter)}`,
      remedy: isRoot(address, issuer)
        ? isThere(address)
          ? // Its key is inside, as that of the root in the store: a person who looked for it would find that root.
            `nothing is to be revoked, least of all the root that is in place: the other one is for the same key, which the engine alone has. nomad-pki apply --override attempt=${attempt} --reason TEXT`
          : // It takes the root that was made.
            `nomad-pki authority setup ${authorityNameOf(address)}`
        : isOwn(issuer)
          ? `nomad-pki revoke --serial ${attempt} --authority ${issuer.slice('authority/'.length)} --reason superseded`
          : `look for it at the issuer and revoke it there, then: nomad-pki apply --override attempt=${attempt} --reason TEXT`,
    }))

  /** A root that an engine may have made. */
  function isRoot(address: string, issuer: string): boolean {
    return address === issuer && signerOf(address, desired) === 'engine'
  }

  function isThere(address: string): boolean {
    return authorities.get(address)?.certificate !== undefined
  }

  /** Its key signs the bytes that were made here, the serial number too, and nobody keeps a register. */
  function isOwn(issuer: string): boolean {
    const found = authorities.get(issuer)
    const signer = signerOf(issuer, desired)
    // An engine chooses the serial number.
    if (signer === 'engine') return false
    return signer !== 'file' || (found !== undefined && found.key.state !== 'absent')
  }
}
