/**
 * Holds a certificate against every rule. It says nothing about time, trust or signatures: those are
 * matters of a chain.
 *
 * @module
 */

import type { Severity } from '../diagnostics.js'
import type { Certificate } from '../x509/certificate.js'
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
  for (const rule of rules) {
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
  return results ?? nothing
}

function severityOf({ severity = 'error', binding = false }: Rule, context: LintContext): Severity {
  return context.strictness === 'foreign' && !binding ? 'note' : severity
}
