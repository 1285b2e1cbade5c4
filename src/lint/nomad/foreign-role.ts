/**
 * The rule `nomad/foreign-role`.
 *
 * @module
 */

import { classifyName, nameFault } from '../../nomad/names.js'
import type { Rule } from '../rule.js'
import { roleOf } from '../scope.js'

/** nomad/auth/auth.go:429: every dNSName is an identity, so none is another role's or another region's. */
export const foreignRole: Rule = {
  name: 'nomad/foreign-role',
  source: 'nomad/server.go:640, nomad/rpc.go:909, nomad/auth/auth.go:429',
  binding: true,
  applies: ({ subjectAltName }, context) =>
    subjectAltName !== undefined && context.region !== undefined && roleOf(context) !== undefined,
  check: ({ subjectAltName }, context) => {
    const role = roleOf(context)!
    for (const name of subjectAltName!) {
      if (name.type !== 'dns' || classifyName(name.value).kind !== 'role') continue
      if (name.value.includes('*')) continue
      const fault = nameFault(name.value, role, context.region!)
      if (fault !== undefined) return `its name ${JSON.stringify(name.value)} ${fault}`
    }
    return undefined
  },
}
