/**
 * The rule `community/name-whitespace`.
 *
 * @module
 */

import type { Rule } from '../rule.js'

/** Spaces around a value make two names that look alike. */
export const nameWhitespace: Rule = {
  name: 'community/name-whitespace',
  source: 'zlint w_subject_dn_leading_whitespace, w_subject_dn_trailing_whitespace',
  applies: () => true,
  check: ({ subject }) => {
    for (const { type, value } of subject.attributes) {
      if (value.startsWith(' ') || value.endsWith(' ')) {
        return `its ${type} begins or ends with a space`
      }
    }
    return undefined
  },
}
