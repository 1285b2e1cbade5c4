/**
 * The rule `rfc5280/subject-present`.
 *
 * @module
 */

import type { Rule } from '../rule.js'
import { isAuthority } from '../scope.js'

/** RFC 5280 §4.1.2.6: an authority has a name. */
export const subjectPresent: Rule = {
  name: 'rfc5280/subject-present',
  source: 'RFC 5280 §4.1.2.6',
  applies: isAuthority,
  check: ({ subject }) =>
    subject.attributes.length === 0 ? 'it is an authority without a name' : undefined,
}
