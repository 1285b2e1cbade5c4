/**
 * Regions and their agents.
 *
 * @module
 */

import { didYouMean } from '../diagnostics.js'
import { dnsNameFault, regionFault } from '../nomad/names.js'
import { runsServer } from '../nomad/roles.js'
import { formatNetwork } from '../x509/ip-address.js'
import type { AuthorityDraft } from './authorities.js'
import { groupsOf, type Frame, type NodeCount } from './groups.js'
import { parseNetwork } from './network.js'
import type { Constraints } from './node-names.js'
import type { RawRegion, Resolving } from './raw.js'
import type { RegionSpec } from './spec.js'
import type { TermsOf } from './terms.js'

/**
 * Resolves `regions`.
 *
 * @param resolving The spec as read.
 * @param authorities What `resolveAuthorities` found.
 * @param termsOf The terms of the spec.
 */
export function resolveRegions(
  resolving: Resolving,
  authorities: ReadonlyMap<string, AuthorityDraft>,
  termsOf: TermsOf,
): readonly RegionSpec[] {
  const { raw, sources, report } = resolving
  const { regions } = raw
  if (regions === undefined) return []
  if (regions.size === 0 && !report.failed()) {
    report.error('spec/empty-cluster', sources.at(regions), 'the spec has no region', {
      expected: 'one region at least, global: { servers: { s1: {} } }',
    })
  }
  const frames: Frame[] = []
  for (const [name, region] of regions) {
    const fault = regionFault(name)
    if (fault !== undefined) {
      report.error(
        'spec/region-name',
        sources.keyAt(regions, name),
        `the region ${JSON.stringify(name)} ${fault}`,
        {
          hint: `server.${name}.nomad must be a DNS name`,
        },
      )
    }
    frames.push({
      name,
      region,
      authority: authorityOf(resolving, name, region, authorities),
      domains: domainsOf(resolving, name, region),
      networks: networksOf(resolving, name, region),
    })
  }
  checkSpelling(resolving, frames)
  const count: NodeCount = { nodes: 0, names: 0, over: false, configs: new Map() }
  const resolved = frames.map((frame): RegionSpec => {
    const constraints = constraintsOf(resolving, frame, frames)
    const authority = frame.authority
    return {
      name: frame.name,
      authority: authority?.name ?? '',
      domains: frame.domains,
      networks: frame.networks,
      groups: groupsOf(resolving, frame, constraints, termsOf, count),
    }
  })
  checkTrust(resolving, frames, authorities)
  checkServers(resolving, resolved)
  if (resolved.length > 0 && count.nodes === 0 && !report.failed()) {
    report.error('spec/empty-cluster', sources.keyAt(raw, 'regions'), 'no region has a node', {
      expected: 'a server at least, servers: { s1: {} }',
      hint: 'nomad-pki add server REGION/s1',
    })
  }
  return resolved
}

/** Go compares host names without case, so the servers of `global` are those of `GLOBAL` to every dialer. */
function checkSpelling({ raw, sources, report }: Resolving, frames: readonly Frame[]): void {
  const known = new Map<string, string>()
  for (const { name } of frames) {
    const other = known.get(name.toLowerCase())
    if (other === undefined) known.set(name.toLowerCase(), name)
    else {
      report.error(
        'spec/letter-case',
        sources.keyAt(raw.regions!, name),
        `the regions ${other} and ${name} differ in case alone`,
        {
          hint: `agents compare server.${other}.nomad and server.${name}.nomad without case: a server of one is a server of the other`,
        },
      )
    }
  }
}

/** Clients find their servers in their own region and nowhere else. */
function checkServers({ raw, sources, report }: Resolving, regions: readonly RegionSpec[]): void {
  if (report.failed()) return
  const served = regions.filter(hasServers).map(({ name }) => name)
  for (const region of regions) {
    if (region.groups.length === 0 || hasServers(region)) continue
    const near = didYouMean(region.name, served)
    report.warning(
      'spec/no-server',
      sources.keyAt(raw.regions!, region.name),
      `the region ${region.name} has clients and no server that they could join`,
      {
        hint:
          near === undefined
            ? `nomad-pki add server ${region.name}/s1, or move its clients to the region that they join`
            : `did you mean ${near}?`,
      },
    )
  }
}

function hasServers({ groups }: RegionSpec): boolean {
  return groups.some(({ role }) => runsServer(role))
}

function authorityOf(
  { raw, sources, report }: Resolving,
  name: string,
  region: RawRegion,
  authorities: ReadonlyMap<string, AuthorityDraft>,
): AuthorityDraft | undefined {
  if (region.authority !== undefined) {
    const found = authorities.get(region.authority)
    // One that is there but broken has its own complaint.
    if (found === undefined && raw.authorities?.has(region.authority) !== true) {
      const near = didYouMean(region.authority, authorities.keys())
      report.error(
        'spec/unknown-authority',
        sources.at(region, 'authority'),
        `unknown authority ${JSON.stringify(region.authority)}`,
        {
          expected: [...authorities.keys()].join(', '),
          hint:
            near === undefined
              ? `write it below authorities: ${region.authority}: { issuer: … }`
              : `did you mean ${near}?`,
        },
      )
    }
    return found
  }
  if (sources.has(region, 'authority')) return undefined
  const roots = [...authorities.values()].filter((authority) => authority.issuer === undefined)
  if (roots.length > 1) {
    report.error(
      'spec/authority-choice',
      raw.regions === undefined ? 0 : sources.keyAt(raw.regions, name),
      `region ${name} does not say which of ${roots.length} roots signs for it`,
      {
        expected: `authority: ${roots.map((root) => root.name).join(' or ')}`,
      },
    )
    return undefined
  }
  return roots[0]
}

function domainsOf(
  { sources, report }: Resolving,
  name: string,
  region: RawRegion,
): readonly string[] {
  const out: string[] = []
  region.domains?.forEach((text, index) => {
    if (text === undefined) return
    const domain = text.toLowerCase()
    const at = sources.at(region.domains, index)
    const fault = domain.startsWith('.')
      ? 'begins with a dot'
      : domain.startsWith('*.')
        ? 'is a wildcard: a domain covers all names below it'
        : dnsNameFault(domain)
    if (fault !== undefined) {
      report.error('spec/dns-name', at, `the domain ${JSON.stringify(text)} ${fault}`, {
        hint: /^\*?\./.test(domain) ? `did you mean ${domain.replace(/^\*?\./, '')}?` : undefined,
      })
    } else if (domain === 'nomad' || domain.endsWith('.nomad')) {
      report.error(
        'spec/dns-name',
        at,
        `the domain ${JSON.stringify(text)} lies in Nomad's own zone`,
        {
          hint: `${name}.nomad is allowed already, and another region's would make this intermediate its authority`,
        },
      )
    } else if (!out.includes(domain)) out.push(domain)
  })
  return out
}

function networksOf(
  { sources, report }: Resolving,
  _name: string,
  region: RawRegion,
): readonly string[] {
  const out: string[] = []
  region.networks?.forEach((text, index) => {
    if (text === undefined) return
    const network = parseNetwork(text)
    if ('fault' in network) {
      report.error(
        'spec/network',
        sources.at(region.networks, index),
        `${JSON.stringify(text)} ${network.fault}`,
        { hint: network.hint },
      )
      return
    }
    const canonical = formatNetwork(network.ok)
    if (!out.includes(canonical)) out.push(canonical)
  })
  return out
}

function constraintsOf(
  { sources, report }: Resolving,
  frame: Frame,
  frames: readonly Frame[],
): Constraints | undefined {
  const { authority, region } = frame
  // The role of an engine is bound by them, where the authority itself is not.
  if (authority?.issuer === undefined && authority?.engine === undefined) {
    if (authority !== undefined) {
      for (const key of ['domains', 'networks'] as const) {
        if (region[key] === undefined) continue
        report.warning(
          'spec/irrelevant',
          sources.keyAt(region, key),
          `${key} has no effect: ${authority.name} is a root, and roots are not constrained`,
          {
            hint: 'name an intermediate, authority: …, or remove it',
          },
        )
      }
    }
    return undefined
  }
  const together = frames.filter((other) => other.authority === authority)
  return {
    authority: authority.name,
    region: frame.name,
    domains: together.flatMap(({ domains }) => domains),
    networks: together.flatMap(({ networks }) => networks),
    own: { domains: frame.domains, networks: frame.networks },
    engine: authority.signers[authority.signing] === 'engine',
    // A broken list constrains nothing that could be told.
    complete: together.every(
      (other) =>
        (!sources.has(other.region, 'domains') || other.domains.length > 0) &&
        (!sources.has(other.region, 'networks') || other.networks.length > 0),
    ),
  }
}

/** One root for all: regions under different roots cannot federate. And authorities that nothing uses. */
function checkTrust(
  { raw, sources, report }: Resolving,
  frames: readonly Frame[],
  authorities: ReadonlyMap<string, AuthorityDraft>,
): void {
  const used = new Map<string, string>()
  let broken = false
  for (const { name, authority } of frames) {
    if (authority === undefined) {
      broken = true
      continue
    }
    if (!used.has(authority.name)) used.set(authority.name, name)
    if (authority.signers[authority.signing] === 'offline') {
      report.error(
        'spec/offline-authority',
        sources.keyAt(raw.regions ?? raw, name),
        `${authority.name} signs the certificates of ${name}, and its key is on another machine`,
        {
          expected: `an intermediate whose key is at hand: authorities: { ${name}: { issuer: ${authority.issuer ?? authority.name} } }`,
          hint: `name it here: authority: ${name}`,
        },
      )
    }
    const root = authority.issuer ?? authority.name
    if (!used.has(root)) used.set(root, name)
  }
  const roots = [...used].filter(([name]) => authorities.get(name)?.issuer === undefined)
  if (roots.length > 1 && raw.regions !== undefined) {
    const [[rootA, regionA], [rootB, regionB]] = roots as [[string, string], [string, string]]
    report.warning(
      'spec/separate-roots',
      sources.keyAt(raw.regions, regionB),
      `${regionA} trusts ${rootA} and ${regionB} trusts ${rootB}: they cannot federate`,
      {
        hint: 'give them one root; intermediates keep regions apart',
      },
    )
  }
  if (
    broken ||
    raw.authorities === undefined ||
    raw.regions === undefined ||
    raw.regions.size === 0
  )
    return
  for (const { name, issuer } of authorities.values()) {
    if (used.has(name)) continue
    const at = sources.keyAt(raw.authorities, name)
    if (issuer === undefined) {
      report.warning('spec/unused-authority', at, `no region uses ${name}`, {
        hint: `authority: ${name} in a region, or remove it`,
      })
    } else {
      report.error(
        'spec/unused-authority',
        at,
        `no region names ${name}: it would be constrained to nothing`,
        {
          expected: `authority: ${name} in a region`,
          hint: 'or remove it',
        },
      )
    }
  }
}
