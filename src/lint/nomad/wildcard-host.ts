/**
 * The rule `nomad/wildcard-host`.
 *
 * @module
 */

import { classifyName } from '../../nomad/names.js'
import type { Rule } from '../rule.js'

/** A certificate names its own host: a wildcard would let a stolen key answer for all of them. */
export const wildcardHost: Rule = {
  name: 'nomad/wildcard-host',
  source: 'RFC 9525 §7.1',
  applies: ({ subjectAltName }) => subjectAltName !== undefined,
  check: ({ subjectAltName }) => {
    for (const name of subjectAltName!) {
      if (name.type !== 'dns' || !name.value.includes('*')) continue
      if (classifyName(name.value).kind === 'plain') {
        return `its name ${JSON.stringify(name.value)} is a wildcard`
      }
    }
    return undefined
  },
}
