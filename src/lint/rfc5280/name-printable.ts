/**
 * The rule `rfc5280/name-printable`.
 *
 * @module
 */

import { isPrintable } from '../../der/write.js'
import type { Rule } from '../rule.js'

/** X.680 §41.4: what a PrintableString can hold. Go parses `*` and `&` as well, and nothing else. */
export const namePrintable: Rule = {
  name: 'rfc5280/name-printable',
  source: 'RFC 5280 §A.1, X.680 §41.4',
  applies: () => true,
  check: ({ subject }) => {
    for (const { type, value, tag } of subject.attributes) {
      if (tag === 19 && !isPrintable(value)) {
        return `its ${type} is a PrintableString, which cannot hold ${JSON.stringify(value)}`
      }
    }
    return undefined
  },
}
