/**
 * The rule `community/name-multiple-attributes`.
 *
 * @module
 */

import type { Rule } from '../rule.js'

/** Several attributes in one RDN: tools print and sort them differently. */
export const nameMultipleAttributes: Rule = {
  name: 'community/name-multiple-attributes',
  source: 'zlint n_multiple_subject_rdn',
  severity: 'note',
  applies: () => true,
  check: ({ subject }) => {
    let before = -1
    for (const { rdn } of subject.attributes) {
      if (rdn === before) return 'several attributes of its subject stand in one RDN'
      before = rdn
    }
    return undefined
  },
}
