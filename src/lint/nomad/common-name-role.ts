/**
 * The rule `nomad/common-name-role`.
 *
 * @module
 */

import { lastCommonName } from '../../nomad/checks.js'
import { nameFault, classifyName } from '../../nomad/names.js'
import type { Rule } from '../rule.js'
import { roleOf } from '../scope.js'

/**
 * nomad/server.go:640, nomad/rpc.go:909: a certificate with a server's name as its last common name is a
 * server, in whatever string type it stands, and whatever the subjectAltName says.
 */
export const commonNameRole: Rule = {
  name: 'nomad/common-name-role',
  source: 'nomad/server.go:640, nomad/rpc.go:909, nomad/auth/auth.go:429',
  binding: true,
  applies: (_, context) => context.region !== undefined && roleOf(context) !== undefined,
  check: (certificate, context) => {
    const found = lastCommonName(certificate)
    if (found === undefined || classifyName(found).kind !== 'role') return undefined
    const fault = nameFault(found, roleOf(context)!, context.region!)
    return fault === undefined ? undefined : `its common name ${JSON.stringify(found)} ${fault}`
  },
}
