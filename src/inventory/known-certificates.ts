/**
 * The certificates that the ledger knows, whether the store still has them or not, and how a person
 * names one of them.
 *
 * @module
 */

import type { Ledger } from './ledger.js'

/** A certificate, as the ledger knows it. */
export interface KnownCertificate {
  /** The identity; for other kinds the authority. */
  readonly address: string
  /** `leaf`: of an identity; `authority`: also a cross-certificate; `probe`: a leaf that `probe` offers. */
  readonly kind: 'leaf' | 'authority' | 'probe'
  /** Hex. */
  readonly serial: string
  /** SHA-256 of its DER, hex. */
  readonly fingerprint: string
  /** The authority that signed it. */
  readonly issuer: string
  /** When it ends, epoch milliseconds; absent where the ledger does not say. */
  readonly notAfter?: number | undefined
  /** When it was noted first, epoch milliseconds. */
  readonly at: number
}

/** Lists the certificates that the ledger knows, each once, in its order. */
export function knownCertificates({ events }: Pick<Ledger, 'events'>): readonly KnownCertificate[] {
  const known = new Map<string, KnownCertificate>()
  for (const event of events) {
    const found = certificateOf(event)
    // A refreshed generation keeps its leaf, and so the authority that signed it.
    if (found !== undefined && !known.has(found.fingerprint)) known.set(found.fingerprint, found)
  }
  return [...known.values()]
}

function certificateOf(event: Ledger['events'][number]): KnownCertificate | undefined {
  const { address, at } = event
  switch (event.event) {
    case 'issued':
    case 'adopted':
    case 'refreshed':
    case 'turned':
    case 'found': {
      const { serial, fingerprint, issuer, notAfter } = event
      return { address, at, kind: 'leaf', serial, fingerprint, issuer, notAfter }
    }
    case 'authority': {
      const { serial = '', fingerprint, issuer, notAfter } = event
      return {
        address,
        at,
        kind: 'authority',
        serial,
        fingerprint,
        issuer: issuer ?? address,
        notAfter,
      }
    }
    case 'crossed': {
      const { serial, fingerprint, by, notAfter } = event
      return { address, at, kind: 'authority', serial, fingerprint, issuer: by, notAfter }
    }
    case 'probe': {
      const { serial, fingerprint, notAfter } = event
      return { address, at, kind: 'probe', serial, fingerprint, issuer: address, notAfter }
    }
    // A leaf that the ledger lacks, seen at an agent: another copy of the store made it, or another tool.
    case 'observed':
    case 'received': {
      const { serial, fingerprint, under } = event
      if (serial === undefined || under === undefined) return undefined
      return { address, at, kind: 'leaf', serial, fingerprint, issuer: under }
    }
    default:
      return undefined
  }
}

/** A serial number in the ledger's form: lower case, whole octets, without zeros in front. */
export function serialOf(text: string): string | undefined {
  const digits = text.replaceAll(':', '').replace(/^0x/i, '').toLowerCase()
  if (!/^[0-9a-f]{1,40}$/.test(digits)) return undefined
  const whole = digits.length % 2 === 0 ? digits : `0${digits}`
  return whole.replace(/^(?:00)+(?=[0-9a-f]{2})/, '')
}

/** A fingerprint in the ledger's form: 64 lower-case hex digits; `SHA256:` and colons are taken off. */
export function fingerprintIn(text: string): string | undefined {
  const digits = text
    .replace(/^sha-?256[:=]/i, '')
    .replaceAll(':', '')
    .toLowerCase()
  return /^[0-9a-f]{64}$/.test(digits) ? digits : undefined
}
