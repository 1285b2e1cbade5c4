/**
 * The rule `rfc5280/version`.
 *
 * @module
 */

import type { Rule } from '../rule.js'

/** RFC 5280 §4.1.2.1: extensions need version 3. */
export const version: Rule = {
  name: 'rfc5280/version',
  source: 'RFC 5280 §4.1.2.1',
  applies: () => true,
  check: (certificate) =>
    certificate.version === 3 ? undefined : `it is of version ${certificate.version}, not 3`,
}
