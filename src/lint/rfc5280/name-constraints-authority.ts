/**
 * The rule `rfc5280/name-constraints-authority`.
 *
 * @module
 */

import type { Rule } from '../rule.js'
import { isLeaf } from '../scope.js'

/** RFC 5280 §4.2.1.10: only in an authority's certificate. */
export const nameConstraintsAuthority: Rule = {
  name: 'rfc5280/name-constraints-authority',
  source: 'RFC 5280 §4.2.1.10',
  applies: isLeaf,
  check: ({ nameConstraints }) =>
    nameConstraints === undefined
      ? undefined
      : 'it has nameConstraints, though it is not an authority',
}
