/**
 * The rule `rfc5280/algorithms-equal`.
 *
 * @module
 */

import { sameBytes } from '../../bytes.js'
import type { Rule } from '../rule.js'

/** RFC 5280 §4.1.1.2: the algorithm inside what is signed is the one beside it. Go refuses others. */
export const algorithmsEqual: Rule = {
  name: 'rfc5280/algorithms-equal',
  source: 'RFC 5280 §4.1.1.2',
  binding: true,
  applies: () => true,
  check: ({ innerSignatureAlgorithm, outerSignatureAlgorithm }) =>
    sameBytes(innerSignatureAlgorithm, outerSignatureAlgorithm)
      ? undefined
      : 'the signature algorithm beside the signature is not the one that is signed',
}
