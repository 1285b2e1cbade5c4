/**
 * What rules ask before they look: whose certificate is it, and where is an extension.
 *
 * @module
 */

import type { Role } from '../address.js'
import { sameBytes } from '../bytes.js'
import type { Certificate } from '../x509/certificate.js'
import type { Extension } from '../x509/extension.js'
import type { LintContext } from './rule.js'

/** Whether it is meant to be, or without a profile says that it is, an authority's. */
export function isAuthority(certificate: Certificate, { profile }: LintContext): boolean {
  if (profile === undefined) return certificate.basicConstraints?.ca === true
  return profile === 'root' || profile === 'intermediate' || profile === 'cross'
}

/** Whether it is an agent's or a person's. */
export function isLeaf(certificate: Certificate, context: LintContext): boolean {
  return !isAuthority(certificate, context)
}

/** The role that the profile means; `undefined` for authorities, and without a profile. */
export function roleOf({ profile }: LintContext): Role | undefined {
  return profile === undefined ||
    profile === 'root' ||
    profile === 'intermediate' ||
    profile === 'cross' ||
    profile === 'probe'
    ? undefined
    : profile
}

/** An extension by its OID. */
export function extensionOf(certificate: Certificate, oid: string): Extension | undefined {
  for (const extension of certificate.extensions) if (extension.oid === oid) return extension
  return undefined
}

/** Whether it names itself as its issuer. */
export function isSelfIssued({ issuer, subject }: Certificate): boolean {
  return sameBytes(issuer.der, subject.der)
}
