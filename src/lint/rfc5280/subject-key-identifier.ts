/**
 * The rule `rfc5280/subject-key-identifier`.
 *
 * @module
 */

import type { Rule } from '../rule.js'

/** RFC 5280 §4.2.1.2: authorities must have it, others should: chains are found by it. */
export const subjectKeyIdentifier: Rule = {
  name: 'rfc5280/subject-key-identifier',
  each: true,
  source: 'RFC 5280 §4.2.1.2',
  applies: () => true,
  check: (certificate) => {
    const identifier = certificate.subjectKeyIdentifier
    if (identifier === undefined) return 'it has no subjectKeyIdentifier'
    return identifier === '' ? 'its subjectKeyIdentifier is empty' : undefined
  },
}
