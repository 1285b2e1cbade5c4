/**
 * The rule `nomad/common-name-constrained`.
 *
 * @module
 */

import { classifyName } from '../../nomad/names.js'
import { lastCommonName } from '../../nomad/checks.js'
import { constraintFault } from '../../x509/constraints.js'
import type { Rule } from '../rule.js'

/**
 * Name constraints don't bind a common name (RFC 5280 §4.2.1.10), and Nomad honours it: a role name
 * outside of what the issuer may sign is an escalation.
 */
export const commonNameConstrained: Rule = {
  name: 'nomad/common-name-constrained',
  source: 'nomad/auth/auth.go:429, RFC 5280 §4.2.1.10',
  binding: true,
  applies: (certificate, { issuer }) =>
    issuer?.nameConstraints !== undefined && certificate.basicConstraints?.ca !== true,
  check: (certificate, { issuer }) => {
    const value = lastCommonName(certificate)
    if (value === undefined || classifyName(value).kind !== 'role') return undefined
    const fault = constraintFault({ type: 'dns', value }, issuer!.nameConstraints!)
    return fault === undefined
      ? undefined
      : `its common name ${JSON.stringify(value)} ${fault}: constraints don't bind it, and Nomad takes it for a role`
  },
}
