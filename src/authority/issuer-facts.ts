/**
 * What an issuer may sign, found once for all its certificates.
 *
 * @module
 */

import { NomadPkiError } from '../errors.js'
import { algorithmOf, type AlgorithmEntry } from '../keys/algorithms.js'
import { keyIdentifierOf } from '../keys/public-key.js'
import { memoByObject } from '../memo.js'
import type { Certificate, Extension, GeneralName, NameConstraints } from '../x509/certificate.js'
import { constraintFault } from '../x509/constraints.js'
import { authorityKeyIdentifier, writtenOnce } from '../x509/extensions.js'
import type { Issuer } from './issuer.js'

/** The algorithm of an issuer and the limits of what it signs. */
export interface IssuerFacts {
  /** The algorithm of its signatures. */
  readonly algorithm: AlgorithmEntry
  /** The latest `notBefore` of its path. */
  readonly notBefore: number
  /** The earliest `notAfter` of its path; {@link endsWith} has it. */
  readonly notAfter: number
  readonly endsWith: Certificate
  /** A copy of the issuer's own identifier (RFC 5280 §4.2.1.1). */
  readonly authorityKeyIdentifier: Extension
  /** All constraints on what it signs. */
  readonly constraints: readonly NameConstraints[]
}

/**
 * Gives the facts of an issuer. An authority signs thousands of leaves.
 *
 * @throws {NomadPkiError} `ERR_ISSUER_REFUSED` if its certificate doesn't allow it to sign at all; `ERR_KEY_ALGORITHM`.
 */
export const issuerFactsOf: (issuer: Issuer) => IssuerFacts = memoByObject((issuer: Issuer) => {
  const { certificate, above, name } = issuer
  if (certificate.basicConstraints?.ca !== true) refuse(issuer, 'is not an authority (CA:FALSE)')
  if (certificate.keyUsage?.includes('keyCertSign') === false) {
    refuse(issuer, 'may not sign certificates (keyUsage without keyCertSign)')
  }
  const { algorithm } = certificate.publicKey
  if (algorithm === undefined) {
    throw new NomadPkiError(
      'ERR_KEY_ALGORITHM',
      `${name} has a key that is not supported: ${certificate.publicKey.name}`,
    )
  }
  const path = [certificate, ...above]
  const endsWith = path.reduce((first, next) => (next.notAfter < first.notAfter ? next : first))
  return {
    algorithm: algorithmOf(algorithm),
    notBefore: Math.max(...path.map(({ notBefore }) => notBefore)),
    notAfter: endsWith.notAfter,
    endsWith,
    authorityKeyIdentifier: writtenOnce(
      authorityKeyIdentifier(
        certificate.subjectKeyIdentifier ?? keyIdentifierOf(certificate.publicKey),
      ),
    ),
    constraints: path.flatMap(({ nameConstraints }) => nameConstraints ?? []),
  }
})

/**
 * Whether one more authority fits under an issuer: every path length above must leave room
 * (RFC 5280 §4.2.1.9).
 *
 * @param levels How many authorities will stand below one another; default: one.
 * @throws {NomadPkiError} `ERR_ISSUER_REFUSED`
 */
export function requireRoomBelow(issuer: Issuer, levels: number = 1): void {
  const path = [issuer.certificate, ...issuer.above]
  path.forEach((certificate, depth) => {
    const length = certificate.basicConstraints?.pathLength
    if (length !== undefined && length < depth + levels) {
      refuse(
        issuer,
        `may not sign authorities (a path length of ${length} ${depth === 0 ? 'is its own' : 'stands above it'})`,
      )
    }
  })
}

/**
 * Whether those above leave a leaf its purposes: an authority's extended key usage binds all below
 * (crypto/x509 checkChainForKeyUsage).
 *
 * @throws {NomadPkiError} `ERR_ISSUER_REFUSED`
 */
export function requirePurposes(issuer: Issuer, purposes: readonly string[]): void {
  for (const { extendedKeyUsage } of [issuer.certificate, ...issuer.above]) {
    if (extendedKeyUsage === undefined || extendedKeyUsage.includes('any')) continue
    const lost = purposes.filter((purpose) => !extendedKeyUsage.includes(purpose))
    if (lost.length > 0) {
      refuse(
        issuer,
        `or one above it is limited to ${extendedKeyUsage.join(', ')}, so it cannot sign for ${lost.join(', ')}`,
      )
    }
  }
}

/**
 * Whether the constraints above permit all names.
 *
 * @throws {NomadPkiError} `ERR_NAME_INVALID` naming the first that they don't, and the constraint.
 */
export function requirePermitted(
  issuer: Issuer,
  { constraints }: IssuerFacts,
  names: readonly GeneralName[],
): void {
  for (const bounds of constraints) {
    for (const name of names) {
      const fault = constraintFault(name, bounds)
      if (fault === undefined) continue
      const text = 'value' in name ? `${name.type} ${name.value}` : name.type
      throw new NomadPkiError('ERR_NAME_INVALID', `${text} ${fault}`, {
        hint: `${issuer.name} is an authority for other names: declare the domain or network for its region, or let another authority sign`,
      })
    }
  }
}

function refuse(issuer: Issuer, message: string): never {
  throw new NomadPkiError('ERR_ISSUER_REFUSED', `${issuer.name} ${message}`)
}
