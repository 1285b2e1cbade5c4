/**
 * The rule `nomad/wildcard`.
 *
 * @module
 */

import { classifyName } from '../../nomad/names.js'
import type { Rule } from '../rule.js'

/** Dialers take `*.global.nomad` and listeners don't (nomad/server.go:640): a server that clients reach and servers refuse. */
export const wildcard: Rule = {
  name: 'nomad/wildcard',
  source: 'helper/tlsutil/config.go:278, nomad/server.go:640',
  applies: ({ subjectAltName }) => subjectAltName !== undefined,
  check: ({ subjectAltName }) => {
    for (const name of subjectAltName!) {
      if (name.type !== 'dns' || !name.value.includes('*')) continue
      const { kind } = classifyName(name.value)
      if (kind !== 'plain' || name.value === '*' || name.value.toLowerCase() === '*.nomad') {
        return `its name ${JSON.stringify(name.value)} is a wildcard for roles`
      }
    }
    return undefined
  },
}
