/**
 * When a certificate begins and ends.
 *
 * @module
 */

import { formatDuration } from '../duration.js'
import { NomadPkiError } from '../errors.js'
import type { Issuer } from './issuer.js'
import type { BeyondIssuer } from './request.js'
import type { IssuerFacts } from './issuer-facts.js'

/** How far a certificate's beginning is set back by default: clocks differ. */
export const defaultBackdate: number = 5 * 60_000

/** Epoch milliseconds, whole seconds. */
export interface Validity {
  readonly notBefore: number
  readonly notAfter: number
}

/** What a validity is made of. All in milliseconds. */
export interface ValidityRequest {
  readonly now: number
  readonly lifetime: number
  readonly backdate?: number | undefined
  readonly beyondIssuer?: BeyondIssuer | undefined
}

/**
 * The validity of something without an issuer: from a little before now.
 *
 * @throws {TypeError} for times that are not numbers.
 * @throws {NomadPkiError} `ERR_BEYOND_ISSUER` for a lifetime of nothing.
 */
export function ownValidity({
  now,
  lifetime,
  backdate = defaultBackdate,
}: ValidityRequest): Validity {
  if (!Number.isFinite(now) || !Number.isFinite(lifetime) || !(backdate >= 0)) {
    throw new TypeError('now, lifetime and backdate are numbers of milliseconds')
  }
  if (lifetime < 1000) {
    throw new NomadPkiError('ERR_BEYOND_ISSUER', 'the lifetime is less than a second')
  }
  return { notBefore: seconds(now - backdate), notAfter: seconds(now + lifetime) }
}

/**
 * The validity of something under an issuer: never outside of its, nor of those above it.
 *
 * @throws {NomadPkiError} `ERR_NOT_YET_VALID`, `ERR_BEYOND_ISSUER` (the hint says what would fit).
 */
export function validityUnder(
  issuer: Issuer,
  facts: IssuerFacts,
  request: ValidityRequest,
): Validity {
  const { now } = request
  const own = ownValidity(request)
  if (facts.notBefore > now) {
    throw new NomadPkiError(
      'ERR_NOT_YET_VALID',
      `${issuer.name} is valid from ${dateOf(facts.notBefore)}, and it is ${dateOf(now)}`,
      { hint: 'is the clock right?' },
    )
  }
  const notBefore = Math.max(own.notBefore, facts.notBefore)
  const end = facts.notAfter
  if (own.notAfter <= end) return { notBefore, notAfter: own.notAfter }
  const whose =
    facts.endsWith === issuer.certificate ? issuer.name : `what stands above ${issuer.name}`
  const left = end - now
  if (left < 1000) {
    throw new NomadPkiError('ERR_BEYOND_ISSUER', `${whose} ended on ${dateOf(end)}`, {
      hint: 'rotate the authority',
    })
  }
  if (request.beyondIssuer === 'clamp') return { notBefore, notAfter: seconds(end) }
  throw new NomadPkiError(
    'ERR_BEYOND_ISSUER',
    `it would end on ${dateOf(own.notAfter)}, after ${whose} (${dateOf(end)})`,
    {
      hint: `the longest lifetime that fits is ${formatDuration(seconds(left))}, until ${dateOf(end)}; or say beyondIssuer: clamp`,
    },
  )
}

function seconds(milliseconds: number): number {
  return Math.floor(milliseconds / 1000) * 1000
}

function dateOf(at: number): string {
  const date = new Date(at)
  return Number.isNaN(date.getTime()) ? 'never' : `${date.toISOString().slice(0, 19)}Z`
}
