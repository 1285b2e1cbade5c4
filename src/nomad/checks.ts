/**
 * Nomad's five name checks, each as a pure function of a certificate's names. They differ: the
 * dialers' follow Go's rules for host names and take wildcards; the listeners' compare letter by
 * letter and take the common name as well, which no name constraint binds.
 *
 * | # | the side that checks                        | wildcard | common name |
 * | - | ------------------------------------------- | -------- | ----------- |
 * | 1 | dialer of RPC and raft                      | yes      | no          |
 * | 2 | listener of RPC, when it is connected       | no       | yes         |
 * | 3 | listener of raft                            | no       | yes         |
 * | 4 | listener of RPC, for each request           | no       | yes         |
 * | 5 | dialer of a client's HTTPS                  | yes      | no          |
 *
 * @module
 */

import { isIP } from 'node:net'
import type { Certificate } from '../x509/certificate.js'
import { encodeIp, formatIp } from '../x509/ip-address.js'
import { matchesHostname } from './hostname.js'
import { roleName } from './roles.js'

/** The agents that may make an RPC request: servers alone, or servers and clients. */
export type Audience = 'servers' | 'clients'

/** dNSNames of the subjectAltName, in order. */
export function dnsNames(certificate: Certificate): readonly string[] {
  const names: string[] = []
  for (const name of certificate.subjectAltName ?? [])
    if (name.type === 'dns') names.push(name.value)
  return names
}

/**
 * The common name as Nomad sees it: the last one of the subject, in whatever string type and also
 * within one RDN (crypto/x509/pkix FillFromRDNSequence overwrites).
 */
export function lastCommonName(certificate: Certificate): string | undefined {
  const { attributes } = certificate.subject
  for (let at = attributes.length - 1; at >= 0; at -= 1) {
    const attribute = attributes[at]!
    if (attribute.oid === '2.5.4.3') return attribute.value
  }
  return undefined
}

/** What the listener's checks look at: every dNSName and the last common name. */
export function identityNames(certificate: Certificate): readonly string[] {
  const common = lastCommonName(certificate)
  return common === undefined ? dnsNames(certificate) : [...dnsNames(certificate), common]
}

/**
 * Check 1, helper/tlsutil/config.go:278: the dialer verifies the literal `server.<region>.nomad`.
 *
 * @param listener What the listener presents.
 * @param region The region that the dialer means.
 * @returns Why not, or `undefined`.
 */
export function serverNameFault(listener: Certificate, region: string): string | undefined {
  return hostnameFault(listener, roleName('server', region))
}

/**
 * Check 2, nomad/server.go:640 rpcNameAndRegionValidator: some name is exactly the client's of the
 * listener's own region, or begins with `server`, ends in `nomad` and has three labels or more: any
 * server of any region, for federation. `server..nomad` and `server.any.thing.nomad` pass.
 *
 * @param dialer What the dialer presents.
 * @param region The listener's region.
 */
export function rpcNameFault(dialer: Certificate, region: string): string | undefined {
  const client = roleName('client', region)
  const names = identityNames(dialer)
  for (const name of names) {
    if (name === client) return undefined
    // Three labels: the dot before `nomad` is another than the one behind `server`.
    if (name.length > 12 && name.startsWith('server.') && name.endsWith('.nomad')) return undefined
  }
  return `no server's name and not ${client} among ${listed(names)}`
}

/**
 * Check 3, nomad/rpc.go:909 validateRaftTLS: some name is exactly the listener's own
 * `server.<region>.nomad`. A refusal is silent: no log line, an EOF at the dialer.
 *
 * @param dialer What the dialer presents.
 * @param region The listener's region.
 */
export function raftNameFault(dialer: Certificate, region: string): string | undefined {
  return exactFault(dialer, [roleName('server', region)])
}

/**
 * Check 4, nomad/auth/auth.go:429 validateCertificateForNames: `server.<region>.nomad` for what only
 * servers may ask (auth.go:87), that or `client.<region>.nomad` for what only clients may (auth.go:91).
 *
 * @param dialer What the dialer presents.
 * @param region The listener's region.
 * @param audience The agents that may ask.
 */
export function requestNameFault(
  dialer: Certificate,
  region: string,
  audience: Audience,
): string | undefined {
  const server = roleName('server', region)
  return exactFault(
    dialer,
    audience === 'servers' ? [server] : [roleName('client', region), server],
  )
}

/**
 * Check 5, api/api.go:249 and client/allocwatcher/alloc_watcher.go:535: the dialer verifies
 * `client.<region>.nomad` on the agent that runs the allocation.
 *
 * @param listener What the listener presents.
 * @param region The region that the dialer means.
 */
export function nodeNameFault(listener: Certificate, region: string): string | undefined {
  return hostnameFault(listener, roleName('client', region))
}

/**
 * Why a certificate is not valid for a host, as Go says it (x509 VerifyHostname).
 *
 * @param certificate What is presented.
 * @param host A name, or an address: that is compared with addresses alone.
 */
export function hostnameFault(certificate: Certificate, host: string): string | undefined {
  const address = addressOf(host)
  const names = address === undefined ? dnsNames(certificate) : addresses(certificate)
  for (const name of names) {
    if (address === undefined ? matchesHostname(name, host) : name === address) return undefined
  }
  if ((certificate.subjectAltName?.length ?? 0) === 0) {
    return `it has no subjectAltName, so it is not valid for ${host}: dialers don't look at the common name`
  }
  return `it is valid for ${listed(names)}, not for ${host}`
}

function addresses(certificate: Certificate): readonly string[] {
  const found: string[] = []
  for (const name of certificate.subjectAltName ?? [])
    if (name.type === 'ip') found.push(name.value)
  return found
}

/** The canonical text of an address, also in brackets or as IPv4 mapped into IPv6; of a name none. */
function addressOf(host: string): string | undefined {
  const bare = host.replace(/^\[(.+)\]$/, '$1').replace(/^::ffff:(?=\d+\.)/i, '')
  return isIP(bare) === 0 || bare.includes('%') ? undefined : formatIp(encodeIp(bare))
}

function exactFault(certificate: Certificate, wanted: readonly string[]): string | undefined {
  const names = identityNames(certificate)
  for (const name of names) if (wanted.includes(name)) return undefined
  return `not ${wanted.join(' or ')} among ${listed(names)}`
}

const shown = 8

function listed(names: readonly string[]): string {
  if (names.length === 0) return 'no names'
  const first = names.slice(0, shown).join(', ')
  return names.length > shown ? `${first} and ${names.length - shown} more` : first
}
