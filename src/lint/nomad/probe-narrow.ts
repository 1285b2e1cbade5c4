/**
 * The rule `nomad/probe-narrow`.
 *
 * @module
 */

import { probeProfile } from '../../nomad/roles.js'
import { commonNames } from '../../x509/name.js'
import type { Rule } from '../rule.js'

/** A probe leaf asks whether its key is trusted; it belongs to no agent, serves nothing and ends soon. */
export const probeNarrow: Rule = {
  name: 'nomad/probe-narrow',
  source: 'nomad/auth/auth.go:206, command/agent/http.go',
  applies: (_, { profile }) => profile === 'probe',
  check: ({ subject, subjectAltName = [], extendedKeyUsage = [], notBefore, notAfter }) => {
    const { commonName, uri, longest } = probeProfile
    if (commonNames(subject).join() !== commonName) return `its common name is not ${commonName}`
    if (extendedKeyUsage.join() !== 'clientAuth') return 'it is good for more than clientAuth'
    const [name, ...more] = subjectAltName
    if (name?.type !== 'uri' || name.value !== uri || more.length > 0) {
      return `its subjectAltName is more than ${uri}`
    }
    const days = Math.round((notAfter - notBefore) / 86_400_000)
    return notAfter - notBefore > longest ? `it lives ${days} days` : undefined
  },
}
