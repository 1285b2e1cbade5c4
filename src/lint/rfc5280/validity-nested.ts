/**
 * The rule `rfc5280/validity-nested`.
 *
 * @module
 */

import type { Rule } from '../rule.js'

/** RFC 5280 §6.1.3 (a)(2): all of a path must be valid, so the time beyond the issuer's end is not valid. */
export const validityNested: Rule = {
  name: 'rfc5280/validity-nested',
  source: 'RFC 5280 §6.1.3 (a)(2)',
  applies: (_, { issuer }) => issuer !== undefined,
  check: ({ notBefore, notAfter }, { issuer }) => {
    if (notAfter > issuer!.notAfter) {
      return `it ends after its issuer (${day(notAfter)}, ${day(issuer!.notAfter)})`
    }
    if (notBefore < issuer!.notBefore) {
      return `it begins before its issuer (${day(notBefore)}, ${day(issuer!.notBefore)})`
    }
    return undefined
  },
}

function day(at: number): string {
  return new Date(at).toISOString().replace('.000Z', 'Z')
}
