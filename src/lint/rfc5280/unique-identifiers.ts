/**
 * The rule `rfc5280/unique-identifiers`.
 *
 * @module
 */

import type { Rule } from '../rule.js'
import { hasUniqueIdentifiers } from '../tbs.js'

/** RFC 5280 §4.1.2.8: no unique identifiers. */
export const uniqueIdentifiers: Rule = {
  name: 'rfc5280/unique-identifiers',
  each: true,
  source: 'RFC 5280 §4.1.2.8',
  applies: () => true,
  check: (certificate) =>
    hasUniqueIdentifiers(certificate)
      ? 'it has unique identifiers, which no program reads'
      : undefined,
}
