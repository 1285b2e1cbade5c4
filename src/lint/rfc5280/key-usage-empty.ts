/**
 * The rule `rfc5280/key-usage-empty`.
 *
 * @module
 */

import type { Rule } from '../rule.js'

/** RFC 5280 §4.2.1.3: at least one bit. */
export const keyUsageEmpty: Rule = {
  name: 'rfc5280/key-usage-empty',
  source: 'RFC 5280 §4.2.1.3',
  applies: ({ keyUsage }) => keyUsage !== undefined,
  check: ({ keyUsage }) => (keyUsage!.length === 0 ? 'its keyUsage has no bit set' : undefined),
}
