/**
 * The rule `rfc5280/path-length`.
 *
 * @module
 */

import type { Rule } from '../rule.js'

/** RFC 5280 §4.2.1.9: a path length only where cA is set and keyCertSign is asserted. */
export const pathLength: Rule = {
  name: 'rfc5280/path-length',
  source: 'RFC 5280 §4.2.1.9',
  applies: ({ basicConstraints }) => basicConstraints?.pathLength !== undefined,
  check: ({ basicConstraints, keyUsage }) =>
    basicConstraints?.ca === true && keyUsage?.includes('keyCertSign') !== false
      ? undefined
      : 'it has a path length, though it may not sign certificates',
}
