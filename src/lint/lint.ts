/**
 * Holds a certificate against every rule. It says nothing about time, trust or signatures: those are
 * matters of a chain.
 *
 * @module
 */

import { sameBytes } from '../bytes.js'
import type { Severity } from '../diagnostics.js'
import type { Certificate } from '../x509/certificate.js'
import { extensionOids } from '../x509/oids.js'
import type { LintContext, LintResult, Rule } from './rule.js'
import { rules } from './rules.js'

export type { LintContext, LintProfile, LintResult } from './rule.js'

const nothing: readonly LintResult[] = []

/**
 * Holds one certificate against every rule of RFC 5280, RFC 8813 and Nomad. It does not look at the time, at
 * trust or at the signature: those are matters of a chain.
 *
 * @param certificate What is looked at; it need not be signed yet.
 * @param context What is known beyond the certificate.
 * @returns Every rule that is broken; empty for a clean certificate.
 * @see docs/lint.md
 */
export function lint(certificate: Certificate, context: LintContext = {}): readonly LintResult[] {
  let results: LintResult[] | undefined
  const known = isAlike(certificate, context)
  for (const rule of known ? eachRules : rules) {
    if (!rule.applies(certificate, context)) continue
    const message = rule.check(certificate, context)
    if (message === undefined) continue
    results ??= []
    results.push({
      rule: rule.name,
      severity: severityOf(rule, context),
      message,
      source: rule.source,
    })
  }
  if (!known && results === undefined) clean = { certificate, context }
  return results ?? nothing
}

/**
 * The last certificate that broke no rule. A thousand agents get certificates of one kind, and 60 of
 * the rules look at nothing in which those differ.
 */
let clean: { readonly certificate: Certificate; readonly context: LintContext } | undefined

const eachRules: readonly Rule[] = rules.filter(({ each }) => each === true)

/** Whether the rules but for {@link eachRules} say of a certificate what they said of the last clean one. */
function isAlike(a: Certificate, context: LintContext): boolean {
  if (clean === undefined) return false
  const { certificate: b, context: before } = clean
  return (
    context.issuer === before.issuer &&
    context.profile === before.profile &&
    context.region === before.region &&
    context.strictness === before.strictness &&
    a.version === b.version &&
    a.issuer === b.issuer &&
    a.subject === b.subject &&
    a.notBefore === b.notBefore &&
    a.notAfter === b.notAfter &&
    a.publicKey.name === b.publicKey.name &&
    a.signatureAlgorithm === b.signatureAlgorithm &&
    sameBytes(a.innerSignatureAlgorithm, b.innerSignatureAlgorithm) &&
    sameBytes(a.outerSignatureAlgorithm, b.outerSignatureAlgorithm) &&
    a.basicConstraints === b.basicConstraints &&
    a.keyUsage === b.keyUsage &&
    a.extendedKeyUsage === b.extendedKeyUsage &&
    a.subjectAltName === b.subjectAltName &&
    a.nameConstraints === b.nameConstraints &&
    a.authorityKeyIdentifier === b.authorityKeyIdentifier &&
    a.extensions.length === b.extensions.length &&
    a.extensions.every((extension, at) => {
      const other = b.extensions[at]!
      // The reader gives the same object for the same bytes, of those that most certificates share.
      if (extension === other) return true
      const { subjectKeyIdentifier } = extensionOids
      return (
        extension.oid === subjectKeyIdentifier &&
        other.oid === subjectKeyIdentifier &&
        extension.critical === other.critical
      )
    })
  )
}

function severityOf({ severity = 'error', binding = false }: Rule, context: LintContext): Severity {
  return context.strictness === 'foreign' && !binding ? 'note' : severity
}
