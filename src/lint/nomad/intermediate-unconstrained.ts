/**
 * The rule `nomad/intermediate-unconstrained`.
 *
 * @module
 */

import type { Rule } from '../rule.js'

/** An intermediate is for its regions: without constraints a mistake of it reaches all others. */
export const intermediateUnconstrained: Rule = {
  name: 'nomad/intermediate-unconstrained',
  source: 'RFC 5280 §4.2.1.10',
  severity: 'warning',
  applies: (_, { profile }) => profile === 'intermediate',
  check: ({ nameConstraints }) =>
    nameConstraints === undefined ? 'it has no nameConstraints' : undefined,
}
