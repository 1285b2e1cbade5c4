/**
 * The rule `rfc5280/path-length-issuer`.
 *
 * @module
 */

import type { Rule } from '../rule.js'
import { isAuthority, isSelfIssued } from '../scope.js'

/** RFC 5280 §4.2.1.9: how many authorities may stand below the issuer. */
export const pathLengthIssuer: Rule = {
  name: 'rfc5280/path-length-issuer',
  source: 'RFC 5280 §4.2.1.9',
  binding: true,
  applies: (certificate, context) =>
    context.issuer?.basicConstraints?.pathLength !== undefined &&
    isAuthority(certificate, context) &&
    !isSelfIssued(certificate),
  check: ({ basicConstraints }, { issuer }) => {
    const above = issuer!.basicConstraints!.pathLength!
    if (above === 0) return 'its issuer may sign no further authorities (path length 0)'
    const own = basicConstraints?.pathLength
    return own !== undefined && own >= above
      ? `its path length ${own} is not below its issuer's ${above}`
      : undefined
  },
}
