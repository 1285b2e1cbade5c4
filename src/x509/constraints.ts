/**
 * Name constraints as Go applies them (crypto/x509 verify.go checkNameConstraints): they bind
 * subjectAltNames only, never a common name, and only the kinds of names that they list.
 *
 * @module
 */

import { isIP } from 'node:net'
import { memoByText } from '../memo.js'
import type { GeneralName, NameConstraints } from './extension.js'
import { cidrOf, encodeIp, networkHolds, octetsOf, parseNetwork } from './ip-address.js'

/**
 * Why constraints refuse a name.
 *
 * @param name A name of a subjectAltName.
 * @param constraints Of one of the authorities above it.
 * @returns A clause about the name, lower case; `undefined` if it may stand.
 */
export function constraintFault(
  name: GeneralName,
  constraints: NameConstraints,
): string | undefined {
  if (!('value' in name)) return undefined
  const { type, value } = name
  // Under any constraints at all, what cannot be parsed is refused: `a.nomad.`, `a..nomad`, and since
  // Go 1.26 a URI without a host, or with an address for one (constraints.go parseURIs).
  const subject = type === 'uri' ? hostOf(value) : value
  if (subject === undefined) return 'has no host name that could be held against constraints'
  if (
    (type === 'dns' && !isDomain(value)) ||
    (type === 'email' && !/^[^@\s]+@[^@\s]+$/.test(value))
  ) {
    return 'cannot be parsed, and so fits no constraint'
  }
  const excluded = constraints.excluded.filter((subtree) => subtree.type === type)
  const permitted = constraints.permitted.filter((subtree) => subtree.type === type)
  for (const subtree of excluded) {
    if (matches(type, subject, textOf(subtree), true)) return `is excluded by ${textOf(subtree)}`
  }
  if (permitted.length === 0) return undefined
  if (permitted.some((subtree) => matches(type, subject, textOf(subtree), false))) return undefined
  return `lies outside of what is permitted (${permitted.map(textOf).join(', ')})`
}

function matches(
  type: 'dns' | 'email' | 'uri' | 'ip',
  subject: string,
  constraint: string,
  excluding: boolean,
): boolean {
  switch (type) {
    case 'ip':
      return networkHolds(networkOf(constraint), octetsOf(subject) ?? encodeIp(subject))
    case 'email': {
      const [local = '', host = ''] = subject.split('@')
      if (!constraint.includes('@')) return inDomain(host, constraint)
      const [wantedLocal, wantedHost = ''] = constraint.split('@')
      return local === wantedLocal && host.toLowerCase() === wantedHost.toLowerCase()
    }
    case 'dns':
      if (inDomain(subject, constraint)) return true
      // A wildcard answers for the excluded name, too (Go since 1.25.5, CVE-2025-61727).
      return excluding && subject.startsWith('*') && coversByWildcard(subject, constraint)
    case 'uri':
      return inDomain(subject, constraint)
  }
}

/** Go's matchDomainConstraint: the name itself or anything below; with a dot before it, only below. */
function inDomain(name: string, constraint: string): boolean {
  if (constraint === '') return true
  const below = constraint.startsWith('.')
  const zone = (below ? constraint.slice(1) : constraint).toLowerCase()
  const lower = name.toLowerCase()
  return lower.endsWith(`.${zone}`) || (!below && lower === zone)
}

/** Both without their first label (constraints.go trimFirstLabel): of `.a.b` that is all of it. */
function coversByWildcard(wildcard: string, constraint: string): boolean {
  const rest = (name: string): string => name.slice(name.indexOf('.')).toLowerCase()
  return constraint.includes('.') && wildcard.includes('.') && rest(wildcard) === rest(constraint)
}

/** Go's domainToReverseLabels: no empty label anywhere, and visible ASCII. */
function isDomain(name: string): boolean {
  return name === '' || (/^[!-~]+$/.test(name) && !/^\.|\.\.|\.$/.test(name))
}

function hostOf(uri: string): string | undefined {
  const authority =
    /^[a-z][a-z0-9+.-]*:\/\/(?:[^/?#@]*@)?([^/?#:]+|\[[^\]]*\])(?::[0-9]*)?(?:[/?#]|$)/i
  const host = authority.exec(uri)?.[1]
  if (host === undefined || host.startsWith('[') || isIP(host) !== 0) return undefined
  return isDomain(host) ? host : undefined
}

function textOf(name: GeneralName): string {
  return 'value' in name ? name.value : ''
}

/** The constraints of an authority are asked for every address of every leaf. */
const networkOf = memoByText((text) => cidrOf(text) ?? parseNetwork(text), 1000)
