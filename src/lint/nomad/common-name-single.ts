/**
 * The rule `nomad/common-name-single`.
 *
 * @module
 */

import type { Rule } from '../rule.js'

/** crypto/x509/pkix FillFromRDNSequence: of several common names the last one counts; others read the first. */
export const commonNameSingle: Rule = {
  name: 'nomad/common-name-single',
  source: 'nomad/auth/auth.go:429, crypto/x509/pkix',
  applies: () => true,
  check: ({ subject }) => {
    let count = 0
    for (const { oid } of subject.attributes) if (oid === '2.5.4.3') count += 1
    return count > 1 ? `it has ${count} common names, of which Nomad reads the last` : undefined
  },
}
