/**
 * The rule `nomad/extended-key-usage`.
 *
 * @module
 */

import { roleProfiles } from '../../nomad/roles.js'
import type { Rule } from '../rule.js'
import { roleOf } from '../scope.js'

/** helper/tlsutil/config.go:366-374: agents dial and listen, so they need both purposes. */
export const extendedKeyUsage: Rule = {
  name: 'nomad/extended-key-usage',
  source: 'helper/tlsutil/config.go:366-374, client/allocwatcher/alloc_watcher.go:535',
  binding: true,
  applies: (_, context) => roleOf(context) !== undefined,
  check: ({ extendedKeyUsage: found }, context) => {
    // None at all means all of them (RFC 5280 §4.2.1.12).
    if (found === undefined || found.includes('any')) return undefined
    for (const purpose of roleProfiles[roleOf(context)!].extendedKeyUsage) {
      if (!found.includes(purpose)) return `its extendedKeyUsage lacks ${purpose}`
    }
    return undefined
  },
}
