/**
 * The rule `nomad/loopback-missing`.
 *
 * @module
 */

import { loopback, roleProfiles } from '../../nomad/roles.js'
import type { Rule } from '../rule.js'
import { roleOf } from '../scope.js'

/** api/api.go:337-391: the command dials 127.0.0.1:4646 unless it is told otherwise. */
export const loopbackMissing: Rule = {
  name: 'nomad/loopback-missing',
  source: 'api/api.go:337-391',
  severity: 'warning',
  applies: (_, context) => roleOf(context) !== undefined,
  check: ({ subjectAltName = [] }, context) => {
    if (!roleProfiles[roleOf(context)!].localNames) return undefined
    for (const name of loopback.names) {
      if (!holds(subjectAltName, 'dns', name)) return missing(name)
    }
    for (const ip of loopback.ips) if (!holds(subjectAltName, 'ip', ip)) return missing(ip)
    return undefined
  },
}

function holds(
  names: readonly { readonly type: string; readonly value?: string }[],
  type: string,
  value: string,
): boolean {
  for (const name of names) if (name.type === type && name.value === value) return true
  return false
}

function missing(name: string): string {
  return `it lacks ${name}: the nomad command on this host will not take it`
}
