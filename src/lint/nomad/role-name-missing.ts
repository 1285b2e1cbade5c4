/**
 * The rule `nomad/role-name-missing`.
 *
 * @module
 */

import { roleName, roleProfiles } from '../../nomad/roles.js'
import type { Rule } from '../rule.js'
import { roleOf } from '../scope.js'

/**
 * helper/tlsutil/config.go:278: dialers demand `server.<region>.nomad`, api/api.go:249
 * `client.<region>.nomad`, in the subjectAltName.
 */
export const roleNameMissing: Rule = {
  name: 'nomad/role-name-missing',
  source: 'helper/tlsutil/config.go:278, api/api.go:249',
  binding: true,
  applies: (_, context) => context.region !== undefined && roleOf(context) !== undefined,
  check: ({ subjectAltName = [] }, context) => {
    const { agent, labels } = roleProfiles[roleOf(context)!]
    if (!agent) return undefined
    for (const label of labels) {
      const name = roleName(label, context.region!)
      let found = false
      for (const other of subjectAltName) {
        if (other.type === 'dns' && other.value === name) {
          found = true
          break
        }
      }
      if (!found) return `its subjectAltName lacks ${name}`
    }
    return undefined
  },
}
