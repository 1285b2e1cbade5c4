/**
 * The rule `rfc5280/san-dns-syntax`.
 *
 * @module
 */

import { dnsNameFault } from '../../nomad/names.js'
import type { Rule } from '../rule.js'

/** RFC 5280 §4.2.1.6, RFC 1034 §3.5, RFC 5890 §2.3: LDH labels (and `_`), A-labels that can be read. */
export const sanDnsSyntax: Rule = {
  name: 'rfc5280/san-dns-syntax',
  source: 'RFC 5280 §4.2.1.6, RFC 1034 §3.5, RFC 5890 §2.3.2',
  applies: ({ subjectAltName }) => subjectAltName !== undefined,
  check: ({ subjectAltName }) => {
    for (const name of subjectAltName!) {
      if (name.type !== 'dns' || name.value === '') continue
      const text = name.value.startsWith('*.') ? name.value.slice(2) : name.value
      const fault = dnsNameFault(text)
      if (fault !== undefined) return `its name ${JSON.stringify(name.value)} ${fault}`
    }
    return undefined
  },
}
