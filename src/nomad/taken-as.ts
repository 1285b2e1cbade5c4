/**
 * What Nomad takes a certificate for, by what stands in it alone: which role of which region, or why not.
 *
 * @module
 */

import { sameBytes } from '../bytes.js'
import { formatInstant } from '../duration.js'
import type { Certificate } from '../x509/certificate.js'
import { isKnownSignature, weakHashOf } from '../x509/signature.js'
import { unhandledExtension } from '../x509/verify-chain.js'
import { dnsNames, identityNames, serverNameFault } from './checks.js'
import { handshakeKeyFault, signingKeyFault } from './load-fault.js'
import { classifyName } from './names.js'
import { parseFault } from './parse-fault.js'
import type { RoleLabel } from './roles.js'

/**
 * The roles that a certificate has for Nomad. It reads SANs and the last common name alike, letter by letter
 * (nomad/server.go:640, nomad/auth/auth.go:429); without a purpose that agents ask for, no peer looks at the names.
 *
 * @returns Such as `server of global`, `operator of global`, `wildcard *.global.nomad`; empty: none.
 */
export function rolesOf(certificate: Certificate): readonly string[] {
  const { extendedKeyUsage: usages } = certificate
  if (usages?.some((one) => purposes.has(one)) === false) return []
  const names = dnsNames(certificate)
  // Wildcards cover names in the SAN alone.
  const wide = names.filter((name) => classifyName(name).kind === 'wildcard')
  const roles = identityNames(certificate).flatMap((name) => {
    if (wide.includes(name)) return [`wildcard ${name}`]
    const found = roleIn(name)
    if (found === undefined) return []
    return [`${found.label === 'cli' ? 'operator' : found.label} of ${found.region}`]
  })
  return [...new Set(roles)]
}

/** The role in a name; a region with an empty part, as in `server..nomad`, is not one. */
function roleIn(name: string): { readonly label: RoleLabel; readonly region: string } | undefined {
  const found = classifyName(name)
  if (found.kind !== 'role' || !found.exact) return undefined
  return found.region.split('.').includes('') ? undefined : found
}

/**
 * Why no dialer finds the server that a certificate names (check 1): it looks at the SAN alone, the
 * listener also at the common name. One server's name that stands in the SAN is enough.
 */
function serverFault(certificate: Certificate): string | undefined {
  const faults = identityNames(certificate).flatMap((name) => {
    const found = roleIn(name)
    return found?.label === 'server' ? [serverNameFault(certificate, found.region)] : []
  })
  return faults.includes(undefined) ? undefined : faults[0]
}

const purposes: ReadonlySet<string> = new Set(['serverAuth', 'clientAuth', 'any'])

/**
 * Why Nomad does not take a certificate, whatever stands beside it.
 *
 * @param certificate A leaf, or an authority's.
 * @param now Epoch milliseconds.
 * @param form Why agents do not read the form in which it stands: a clause about it.
 * @returns A sentence: lower case, no full stop; `undefined` where nothing in it speaks against it.
 */
export function refusalOf(
  certificate: Certificate,
  now: number,
  form?: string,
): string | undefined {
  if (form !== undefined) return `${form}, and agents skip it`
  const { notBefore, notAfter, basicConstraints } = certificate
  const fault = parseFault(certificate)
  if (fault !== undefined) return fault
  if (notAfter <= now) return `it ended at ${formatInstant(notAfter)}`
  if (notBefore > now) return `it is valid from ${formatInstant(notBefore)}`
  const unknown = unhandledExtension(certificate)
  if (unknown !== undefined)
    return `it has a critical extension that agents don't know (${unknown})`
  return basicConstraints?.ca === true ? authorityFault(certificate) : leafFault(certificate)
}

/** What Go refuses in an authority whenever something under it is shown. */
function authorityFault({
  keyUsage,
  publicKey,
  extendedKeyUsage: usages,
}: Certificate): string | undefined {
  if (keyUsage?.includes('keyCertSign') === false) {
    return 'its key usage lacks keyCertSign, so agents refuse every certificate under it'
  }
  // All agents and people dial; purposes count all the way up (crypto/x509 checkChainForKeyUsage).
  if (usages?.some((one) => one === 'any' || one === 'clientAuth') === false) {
    return 'its extended key usage lacks clientAuth, which every certificate under it needs'
  }
  return signingKeyFault(publicKey)
}

function leafFault(certificate: Certificate): string | undefined {
  const { publicKey, signatureAlgorithm, subject, issuer, extendedKeyUsage: usages } = certificate
  // The signature of what is itself trusted counts for nothing.
  if (!isKnownSignature(signatureAlgorithm) && !sameBytes(subject.der, issuer.der)) {
    return `it is signed with an algorithm that agents don't take (${weakHashOf(signatureAlgorithm) ?? signatureAlgorithm})`
  }
  const roles = rolesOf(certificate)
  const agent = roles.some((role) => !role.startsWith('operator'))
  const key = handshakeKeyFault(publicKey, agent)
  if (key !== undefined) return key
  const server = serverFault(certificate)
  if (server !== undefined) return server
  if (usages === undefined || usages.includes('any')) return undefined
  // An agent listens and dials with the same certificate (helper/tlsutil/config.go:278, nomad/server.go:610-634).
  const missing = (agent ? ['serverAuth', 'clientAuth'] : ['clientAuth']).filter(
    (one) => !usages.includes(one),
  )
  return missing.length === 0 ? undefined : `its extended key usage lacks ${missing.join(' and ')}`
}
