/**
 * The rule `nomad/parsable`.
 *
 * @module
 */

import { parseFault } from '../../nomad/parse-fault.js'
import type { Rule } from '../rule.js'

/** crypto/x509 parser.go: what our reader takes and agents can't parse, so that they never load it. */
export const parsable: Rule = {
  name: 'nomad/parsable',
  each: true,
  source: 'crypto/x509 parser.go',
  binding: true,
  applies: () => true,
  check: (certificate) => {
    const fault = parseFault(certificate)
    return fault === undefined ? undefined : `agents cannot parse it: ${fault}`
  },
}
