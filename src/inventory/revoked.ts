/**
 * What was revoked, and which certificates can be: read from the ledger, because certificates outlive what
 * the store keeps of them.
 *
 * @module
 */

import { sha256 } from '../sha256.js'
import type { Certificate } from '../x509/certificate.js'
import { fingerprintOf } from '../x509/certificate.js'
import type { RevocationReason } from '../revocation-reasons.js'
import type { EventOf } from './ledger-events.js'
import type { Ledger } from './ledger.js'

/** A revoked certificate, as the ledger tells it. */
export type Revocation = EventOf<'revoked'> & { readonly reason: RevocationReason }

/** What was revoked. */
export interface Revocations {
  /** In the order of the ledger, each certificate once. */
  readonly all: readonly Revocation[]
  /** SHA-256 of the public keys (SubjectPublicKeyInfo) that others may have, hex. */
  readonly keys: ReadonlySet<string>
  /** By the certificate's fingerprint, hex. */
  readonly byFingerprint: ReadonlyMap<string, Revocation>
}

/** Lists the certificates that were revoked. */
export function revocationsIn({ events }: Pick<Ledger, 'events'>): Revocations {
  const all = new Map<string, Revocation>()
  const keys = new Set<string>()
  const byFingerprint = new Map<string, Revocation>()
  for (const event of events) {
    if (event.event !== 'revoked') continue
    const { serial, issuer, key, fingerprint, reason = 'unspecified' } = event
    const name = `${issuer} ${serial}`
    const before = all.get(name)
    // A key may turn out to be stolen later; what is stolen does not become harmless.
    if (before !== undefined && reason !== 'key-compromise') continue
    const revocation = { ...event, reason }
    all.set(name, revocation)
    if (fingerprint !== undefined) byFingerprint.set(fingerprint, revocation)
    if (key !== undefined && reason === 'key-compromise') keys.add(key)
  }
  return { all: [...all.values()], keys, byFingerprint }
}

/** The SHA-256 of a certificate's public key, hex, as the ledger notes it. */
export function keyDigestOf({ publicKey }: Pick<Certificate, 'publicKey'>): string {
  return sha256(publicKey.spki)
}

/**
 * The revocation that a certificate falls under: its own, or that of its key.
 *
 * @returns `undefined` where it is not revoked.
 */
export function revocationOf(
  certificate: Certificate,
  { all, byFingerprint, keys }: Revocations,
): Revocation | undefined {
  if (all.length === 0) return undefined
  const own = byFingerprint.get(fingerprintOf(certificate))
  if (own !== undefined || keys.size === 0) return own
  const key = keyDigestOf(certificate)
  if (!keys.has(key)) return undefined
  return all.find((one) => one.key === key && one.reason === 'key-compromise')
}

/** A revoked leaf that an agent presents. */
export interface RevokedSeen {
  /** The agent that was asked. */
  readonly address: string
  /** `10.0.0.11:4646` */
  readonly endpoint: string
  /** Of the certificate, hex. */
  readonly serial: string
  readonly reason: Revocation['reason']
  /** When it was revoked, epoch milliseconds. */
  readonly at: number
}

/** Finds the revoked leaves among those that agents present. */
export function revokedAmong(
  seen: readonly {
    readonly asked: string
    readonly endpoint: string
    readonly fingerprint: string
  }[],
  { ledger }: { readonly ledger: Pick<Ledger, 'events'> },
): readonly RevokedSeen[] {
  const { byFingerprint } = revocationsIn(ledger)
  return seen.flatMap(({ asked, endpoint, fingerprint }) => {
    const found = byFingerprint.get(fingerprint)
    if (found === undefined) return []
    const { serial, reason, at } = found
    return [{ address: asked, endpoint, serial, reason, at }]
  })
}

/** The last revocation list of each authority, by its address. */
export function latestLists({
  events,
}: Pick<Ledger, 'events'>): ReadonlyMap<string, EventOf<'listed'>> {
  const latest = new Map<string, EventOf<'listed'>>()
  for (const event of events) {
    // One that was signed for the store of another machine has its readers there.
    if (event.event !== 'listed' || event.request !== undefined) continue
    const last = latest.get(event.address)
    if (last === undefined || event.number >= last.number) latest.set(event.address, event)
  }
  return latest
}

/** Why the last list of an authority is not what its readers need. */
export type ListFault =
  /** There is none. */
  | 'none'
  /** It has ended. */
  | 'ended'
  /** Something was revoked since it was made. */
  | 'lacks'
  /** It ends soon. */
  | 'ending'

/**
 * Compares the last list of an authority with what was revoked of it.
 *
 * @param last From {@link latestLists}.
 * @param now Epoch milliseconds.
 * @param ahead How long before its end a list is replaced, in milliseconds.
 * @returns `undefined` where the list is right, or none is needed.
 */
export function listFault(
  address: string,
  { all }: Revocations,
  last: Pick<EventOf<'listed'>, 'thisUpdate' | 'nextUpdate'> | undefined,
  now: number,
  ahead = 0,
): ListFault | undefined {
  const own = all.filter(({ issuer }) => issuer === address)
  if (last === undefined) return own.length > 0 ? 'none' : undefined
  if (last.nextUpdate <= now) return 'ended'
  if (own.some(({ at }) => at > last.thisUpdate)) return 'lacks'
  return ahead > 0 && last.nextUpdate - ahead <= now ? 'ending' : undefined
}
