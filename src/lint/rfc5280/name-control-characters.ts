/**
 * The rule `rfc5280/name-control-characters`.
 *
 * @module
 */

import type { Rule } from '../rule.js'

/** RFC 5280 §7.1, RFC 4518 §2.4: nothing that a terminal obeys; a NUL has fooled readers. */
export const nameControlCharacters: Rule = {
  name: 'rfc5280/name-control-characters',
  source: 'RFC 5280 §7.1, RFC 4518 §2.2',
  applies: () => true,
  check: ({ subject }) => {
    for (const { type, value } of subject.attributes) {
      for (let at = 0; at < value.length; at += 1) {
        const code = value.charCodeAt(at)
        if (code < 0x20 || (code >= 0x7f && code <= 0x9f)) {
          return `its ${type} holds a control character`
        }
      }
    }
    return undefined
  },
}
