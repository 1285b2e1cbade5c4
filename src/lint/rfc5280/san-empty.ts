/**
 * The rule `rfc5280/san-empty`.
 *
 * @module
 */

import type { Rule } from '../rule.js'

/** RFC 5280 §4.2.1.6: at least one name, and none of them empty. */
export const sanEmpty: Rule = {
  name: 'rfc5280/san-empty',
  source: 'RFC 5280 §4.2.1.6',
  applies: ({ subjectAltName }) => subjectAltName !== undefined,
  check: ({ subjectAltName }) => {
    if (subjectAltName!.length === 0) return 'its subjectAltName holds no names'
    for (const name of subjectAltName!) {
      if ('value' in name && name.value === '')
        return `its subjectAltName holds an empty ${name.type} name`
    }
    return undefined
  },
}
