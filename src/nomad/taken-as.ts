/**
 * What Nomad takes a certificate for, by what stands in it alone: which role of which region, or why not.
 *
 * @module
 */

import { formatInstant } from '../duration.js'
import type { Certificate } from '../x509/certificate.js'
import { commonNames } from '../x509/name.js'
import { handshakeKeyFault } from './load-fault.js'
import { classifyName } from './names.js'
import { parseFault } from './parse-fault.js'

/**
 * The roles that a certificate has for Nomad. It reads SANs and the last common name alike, letter by letter
 * (nomad/server.go:640, nomad/auth/auth.go:429); without a purpose that agents ask for, no peer looks at the names.
 *
 * @returns Such as `server of global`, `operator of global`, `wildcard *.global.nomad`; empty: none.
 */
export function rolesOf(certificate: Certificate): readonly string[] {
  const { extendedKeyUsage: usages } = certificate
  if (usages?.some((one) => purposes.has(one)) === false) return []
  const common = commonNames(certificate.subject).at(-1)
  const sans = certificate.subjectAltName ?? []
  const names = sans.flatMap((san) => (san.type === 'dns' ? [san.value] : []))
  const roles = [...names, ...(common === undefined ? [] : [common])].flatMap((name) => {
    const found = classifyName(name)
    // Wildcards cover names in the SAN alone.
    if (found.kind === 'wildcard') return names.includes(name) ? [`wildcard ${name}`] : []
    if (found.kind !== 'role' || !found.exact) return []
    return [`${found.label === 'cli' ? 'operator' : found.label} of ${found.region}`]
  })
  return [...new Set(roles)]
}

const purposes: ReadonlySet<string> = new Set(['serverAuth', 'clientAuth', 'any'])

/**
 * Why Nomad does not take a certificate, whatever stands beside it.
 *
 * @param certificate A leaf, or an authority's.
 * @param now Epoch milliseconds.
 * @returns A sentence: lower case, no full stop; `undefined` where nothing in it speaks against it.
 */
export function refusalOf(certificate: Certificate, now: number): string | undefined {
  const { notBefore, notAfter, publicKey, basicConstraints, extendedKeyUsage: usages } = certificate
  const fault = parseFault(certificate)
  if (fault !== undefined) return fault
  if (notAfter <= now) return `it ended at ${formatInstant(notAfter)}`
  if (notBefore > now) return `it is valid from ${formatInstant(notBefore)}`
  if (basicConstraints?.ca === true) return undefined
  const roles = rolesOf(certificate)
  const agent = roles.some((role) => !role.startsWith('operator'))
  const key = handshakeKeyFault(publicKey, agent)
  if (key !== undefined) return key
  if (usages === undefined || usages.includes('any')) return undefined
  // An agent listens and dials with the same certificate (helper/tlsutil/config.go:278, nomad/server.go:610-634).
  const missing = (agent ? ['serverAuth', 'clientAuth'] : ['clientAuth']).filter(
    (one) => !usages.includes(one),
  )
  return missing.length === 0 ? undefined : `its extended key usage lacks ${missing.join(' and ')}`
}
