/**
 * Lint over what is there: hard on what we issued, lenient to what others did and Nomad takes. Who
 * issued it is a matter of the ledger.
 *
 * @module
 */

import { kindOf } from '../address.js'
import type { CheckContext } from '../checks/context.js'
import type { Finding } from '../diagnostics.js'
import type { Inventory } from '../inventory/inventory.js'
import { madeFingerprints } from '../inventory/ledger.js'
import { lint, type LintContext } from '../lint/lint.js'
import { fingerprintOf, type Certificate } from '../x509/certificate.js'

/** What else is to be known about the certificate. */
export interface LintSubject extends LintContext {
  readonly address: string
  /** SHA-256 of every certificate that was issued here, hex: {@link issuedFingerprints}. */
  readonly own: ReadonlySet<string>
}

/** Lists the certificates that were issued here: those that were made, without those that were adopted. */
export function issuedFingerprints(
  { ledger }: Pick<Inventory, 'ledger'>,
  { adopted }: Pick<CheckContext, 'adopted'>,
): ReadonlySet<string> {
  const made = madeFingerprints(ledger)
  if (adopted.size === 0) return made
  return new Set([...made].filter((fingerprint) => !adopted.has(fingerprint)))
}

/**
 * Holds one certificate against the lint rules.
 *
 * @returns A finding for each rule that is broken; the reason is the rule's name.
 */
export function lintFindings(certificate: Certificate, subject: LintSubject): readonly Finding[] {
  const { address, own, ...context } = subject
  const strictness = own.has(fingerprintOf(certificate)) ? 'ours' : 'foreign'
  return lint(certificate, { ...context, strictness }).map(
    ({ rule, severity, message, source }) => ({
      severity,
      address,
      reason: rule,
      message: `${message} (${source})`,
      remedy:
        kindOf(address) === 'identity'
          ? // Lint is not a reason for a plan: the leaf is made anew because it was asked for.
            `nomad-pki rotate leaves ${address}`
          : 'begin a new generation of the authority: raise `signing` in the spec',
    }),
  )
}
