/**
 * The rule `nomad/name-constrained`.
 *
 * @module
 */

import { constraintFault } from '../../x509/constraints.js'
import type { Rule } from '../rule.js'

/** crypto/x509 checkChainConstraints: one name outside refuses the whole certificate; so does one that can't be parsed. */
export const nameConstrained: Rule = {
  name: 'nomad/name-constrained',
  source: 'RFC 5280 §4.2.1.10, crypto/x509 constraints.go',
  binding: true,
  applies: ({ subjectAltName }, { issuer }) =>
    subjectAltName !== undefined && issuer?.nameConstraints !== undefined,
  check: ({ subjectAltName }, { issuer }) => {
    for (const name of subjectAltName!) {
      const fault = constraintFault(name, issuer!.nameConstraints!)
      if (fault !== undefined) {
        return `its name ${JSON.stringify('value' in name ? name.value : '')} ${fault}`
      }
    }
    return undefined
  },
}
