/**
 * The rule `nomad/extended-key-usage-exact`.
 *
 * @module
 */

import { roleProfiles } from '../../nomad/roles.js'
import type { Rule } from '../rule.js'
import { roleOf } from '../scope.js'

/** What a role doesn't need it doesn't have: an operator's certificate serves nothing. */
export const extendedKeyUsageExact: Rule = {
  name: 'nomad/extended-key-usage-exact',
  source: 'RFC 5280 §4.2.1.12, helper/tlsutil/config.go:366-374',
  applies: (_, context) => roleOf(context) !== undefined,
  check: ({ extendedKeyUsage: found }, context) => {
    if (found === undefined) return 'it has no extendedKeyUsage, so it is good for everything'
    const { extendedKeyUsage: wanted, agent, title } = roleProfiles[roleOf(context)!]
    for (const purpose of found) {
      if (!(wanted as readonly string[]).includes(purpose)) {
        return `its extendedKeyUsage has ${purpose}, which ${agent ? 'an agent' : title} has no use for`
      }
    }
    return undefined
  },
}
