/**
 * The rule `nomad/common-name`.
 *
 * @module
 */

import { lastCommonName } from '../../nomad/checks.js'
import { wantedCommonName } from '../../nomad/roles.js'
import type { Rule } from '../rule.js'
import { roleOf } from '../scope.js'

/** nomad/auth/auth.go:429: a common name is an authority, so it is exactly the role's own; a machine has none. */
export const commonName: Rule = {
  name: 'nomad/common-name',
  source: 'nomad/auth/auth.go:206, :429',
  applies: (_, context) => context.region !== undefined && roleOf(context) !== undefined,
  check: (certificate, context) => {
    const found = lastCommonName(certificate)
    const wanted = wantedCommonName(
      roleOf(context)!,
      context.region!,
      found === undefined ? [] : [found],
    )
    if (wanted === undefined) return undefined
    return found === undefined
      ? `it has no common name; ${wanted} belongs there`
      : `its common name is ${JSON.stringify(found)}, not ${wanted}`
  },
}
