/**
 * Whose certificate it is: role and region from its names, as Nomad reads them.
 *
 * @module
 */

import { isIP } from 'node:net'
import { isName, isRegionName, type Role } from '../address.js'
import { classifyName } from '../nomad/names.js'
import { loopback, readOperatorUri } from '../nomad/roles.js'
import type { Certificate } from '../x509/certificate.js'
import { commonNames } from '../x509/name.js'

/** What a leaf is. */
export interface Named {
  readonly role: Role
  /** `undefined`: an operator's certificate without a region in its names. */
  readonly region: string | undefined
  /** DNS names beyond those of the role and the loopback, lower case. */
  readonly names: readonly string[]
  /** Addresses beyond the loopback. */
  readonly ips: readonly string[]
  /** Whose it is, where the certificate says it: only those that were made here do. */
  readonly holder?: string | undefined
}

/** What a leaf is, or one sentence why it is none of Nomad's. */
export function nameLeaf(leaf: Certificate): Named | string {
  const dns: string[] = []
  const ips: string[] = []
  const holders = new Map<string, NonNullable<ReturnType<typeof readOperatorUri>>>()
  for (const name of leaf.subjectAltName ?? []) {
    const holder = name.type === 'uri' ? readOperatorUri(name.value) : undefined
    if (holder !== undefined) holders.set(`${holder.role} ${holder.name}`, holder)
    if (name.type === 'dns') dns.push(name.value)
    else if (name.type === 'ip') ips.push(name.value)
  }
  const labels = new Set<string>()
  const regions = new Set<string>()
  const rest: string[] = []
  for (const name of [...dns, ...commonNames(leaf.subject)]) {
    const meaning = classifyName(name)
    if (meaning.kind === 'role') {
      if (!meaning.exact) return `it names ${name}: Nomad compares letter by letter, in lower case`
      labels.add(meaning.label)
      regions.add(meaning.region)
    } else if (meaning.kind === 'wildcard') {
      return `it names ${name}: a wildcard is not a role for agents that check it`
    } else if (dns.includes(name)) rest.push(name.toLowerCase())
  }
  const [region, other] = regions
  if (other !== undefined) return `it names two regions, ${region!} and ${other}`
  if (region !== undefined && !isRegionName(region)) {
    return `its region ${JSON.stringify(region)} cannot be a region in the spec`
  }
  const names = [...new Set(rest)].filter((name) => !loopback.names.includes(name))
  const addresses = [...new Set(ips)].filter((ip) => !loopback.ips.includes(ip))
  const agent = { region, names, ips: addresses }
  if (labels.has('server')) {
    return { role: labels.has('client') ? 'combined' : 'server', ...agent }
  }
  if (labels.has('client')) return { role: 'client', ...agent }
  const [holder] = holders.size === 1 ? [...holders.values()] : []
  if (labels.has('cli')) {
    const own = holder?.role === 'operator' ? { holder: holder.name } : {}
    return { role: 'operator', ...agent, ...own }
  }
  if (holder?.role === 'machine') return { role: 'machine', ...agent, holder: holder.name }
  // A person's certificate names no host: what names one belongs to another program.
  if (names.length > 0 || addresses.length > 0) {
    return `it names ${[...names, ...addresses].slice(0, 3).join(', ')} and no role of Nomad`
  }
  const usages = leaf.extendedKeyUsage
  if (usages !== undefined && !usages.includes('clientAuth') && !usages.includes('any')) {
    return 'it names no role of Nomad, and is not for clients'
  }
  return { role: 'operator', ...agent }
}

/** A name for a node out of what its certificate names; `undefined` where that names no host. */
export function hostOf({ names, ips }: Named): string | undefined {
  for (const name of names) {
    const first = name.split('.')[0]!
    if (isName(first) && first !== 'shared' && isIP(name) === 0) return first
  }
  const [ip] = ips
  return ip === undefined ? undefined : `ip-${ip.replace(/[.:]+/g, '-')}`
}
