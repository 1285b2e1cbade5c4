/**
 * The rule `rfc5280/basic-constraints-leaf`.
 *
 * @module
 */

import type { Rule } from '../rule.js'
import { isLeaf } from '../scope.js'

/** RFC 5280 §4.2.1.9: an agent's certificate signs no others. */
export const basicConstraintsLeaf: Rule = {
  name: 'rfc5280/basic-constraints-leaf',
  source: 'RFC 5280 §4.2.1.9',
  binding: true,
  applies: isLeaf,
  check: (certificate) =>
    certificate.basicConstraints?.ca === true
      ? 'it may sign other certificates, though it is not an authority'
      : undefined,
}
