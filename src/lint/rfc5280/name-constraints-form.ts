/**
 * The rule `rfc5280/name-constraints-form`.
 *
 * @module
 */

import { dnsNameFault } from '../../nomad/names.js'
import type { Rule } from '../rule.js'

/** RFC 5280 §4.2.1.10: something is constrained, by names that are names; a leading dot is for URIs. */
export const nameConstraintsForm: Rule = {
  name: 'rfc5280/name-constraints-form',
  source: 'RFC 5280 §4.2.1.10',
  applies: ({ nameConstraints }) => nameConstraints !== undefined,
  check: ({ nameConstraints }) => {
    const { permitted, excluded } = nameConstraints!
    if (permitted.length + excluded.length === 0) return 'its nameConstraints constrain nothing'
    const seen = new Set<string>()
    for (const list of [permitted, excluded]) {
      for (const name of list) {
        if (!('value' in name)) continue
        const key = `${list === permitted ? '+' : '-'} ${name.type} ${name.value}`
        if (seen.has(key)) return `its nameConstraints name ${name.value} twice`
        seen.add(key)
        // The empty name stands for all names.
        if (name.type !== 'dns' || name.value === '') continue
        const fault = dnsNameFault(name.value)
        if (fault !== undefined) {
          return `its nameConstraints name ${JSON.stringify(name.value)}, which ${fault}`
        }
      }
    }
    return undefined
  },
}
