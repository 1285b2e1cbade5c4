/**
 * What a lint rule is: a name, where it comes from, and one function of a certificate.
 *
 * @module
 */

import type { Severity } from '../diagnostics.js'
import type { Role } from '../address.js'
import type { Certificate } from '../x509/certificate.js'

/** What a certificate is meant to be. */
export type LintProfile = 'root' | 'intermediate' | 'cross' | 'probe' | Role

/** What is known beyond the certificate. */
export interface LintContext {
  /** Who signed, or will sign. A root is held against itself. */
  readonly issuer?: Certificate | undefined
  /** Epoch milliseconds. No rule depends on it yet: expiry is a matter of time, not of form. */
  readonly now?: number | undefined
  /** What it is meant to be; without it, only what holds for all is looked at. */
  readonly profile?: LintProfile | undefined
  /** The region whose names it carries. */
  readonly region?: string | undefined
  /**
   * Default: `ours`. `foreign` is for what others issued: a fault that Nomad takes is a note then,
   * one that it doesn't stays what it is.
   */
  readonly strictness?: 'ours' | 'foreign' | undefined
}

/** A rule. Each stands in a file of its own, foldered by its source. */
export interface Rule {
  /** `nomad/server-name-missing` */
  readonly name: string
  /** Where it is written: `RFC 5280 §4.1.2.2`, `nomad/server.go:640`. */
  readonly source: string
  /** How bad it is in a certificate of ours. Default: error. */
  readonly severity?: Severity | undefined
  /** Whether Nomad itself refuses such a certificate, or gives it other authority, also if others issued it. Default: no. */
  readonly binding?: boolean | undefined
  /**
   * Whether it looks at what differs between two certificates of one kind: the serial number, the key
   * and its identifier, how times are written. Default: no; a test sees what a rule looks at.
   */
  readonly each?: boolean | undefined
  /** Whether the rule is about this certificate at all. */
  applies(certificate: Certificate, context: LintContext): boolean
  /**
   * Looks.
   *
   * @returns What is wrong: one sentence, lower case, no full stop; `undefined` if nothing is.
   */
  check(certificate: Certificate, context: LintContext): string | undefined
}

/** A rule that is broken. */
export interface LintResult {
  /** The rule's name. */
  readonly rule: string
  /** How bad it is, for the strictness that was asked for. */
  readonly severity: Severity
  /** One sentence: lower case, no full stop. */
  readonly message: string
  /** Where the rule is written. */
  readonly source: string
}
