/**
 * Regions and their agents.
 *
 * @module
 */

import { sharedName } from '../address.js'
import { didYouMean } from '../diagnostics.js'
import { dnsNameFault, regionFault } from '../nomad/names.js'
import type { AuthorityDraft } from './authorities.js'
import { checkNames, type Constraints } from './node-names.js'
import { parseIpTemplate, type IpTemplate } from './ip-template.js'
import { formatNetwork, parseNetwork } from './network.js'
import {
  expandTemplate,
  nodeAt,
  parsePattern,
  parseTemplate,
  rangesOf,
  type NodePattern,
  type Template,
} from './pattern.js'
import type { RawNode, RawRegion, RawSection, Resolving } from './raw.js'
import type { AgentRole, NodeGroup, RegionSpec } from './spec.js'
import { spanText, type TermsOf } from './terms.js'

/** One store holds no more: the plan of so many is still a matter of seconds. */
const mostNodes = 100_000

const sections = [
  ['servers', 'server'],
  ['clients', 'client'],
  ['combined', 'combined'],
] as const

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
    report.error('spec/empty-cluster', sources.at(regions), 'there is no region', {
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
  const count = { nodes: 0, over: false }
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
  if (resolved.length > 0 && count.nodes === 0 && !report.failed()) {
    report.error('spec/empty-cluster', sources.keyAt(raw, 'regions'), 'no region has a node', {
      expected: 'a server at least, servers: { s1: {} }',
      hint: 'nomad-pki add server REGION/s1',
    })
  }
  return resolved
}

interface Frame {
  readonly name: string
  readonly region: RawRegion
  readonly authority: AuthorityDraft | undefined
  readonly domains: readonly string[]
  readonly networks: readonly string[]
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
        `no authority is called ${JSON.stringify(region.authority)}`,
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
  if (authority?.issuer === undefined) {
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
    // A broken list constrains nothing that could be told.
    complete: together.every(
      (other) =>
        (!sources.has(other.region, 'domains') || other.domains.length > 0) &&
        (!sources.has(other.region, 'networks') || other.networks.length > 0),
    ),
  }
}

function groupsOf(
  resolving: Resolving,
  frame: Frame,
  constraints: Constraints | undefined,
  termsOf: TermsOf,
  count: { nodes: number; over: boolean },
): readonly NodeGroup[] {
  const { sources, report } = resolving
  const groups: NodeGroup[] = []
  const taken = new Map<string, string>()
  const configs = new Map<string, string>()
  for (const [key, role] of sections) {
    const section: RawSection | undefined = frame.region[key]
    if (section === undefined) continue
    const shared = section.get(sharedName)
    if (shared !== undefined && section.size > 1) {
      report.error(
        'spec/shared',
        sources.keyAt(section, sharedName),
        `${key} of ${frame.name} share one identity, but other nodes stand beside it`,
        {
          hint: `either shared: true alone, or the nodes one by one`,
        },
      )
    }
    for (const [text, entry] of section) {
      const at = sources.keyAt(section, text)
      const isShared = text === sharedName
      const pattern = parsePattern(text)
      if ('fault' in pattern) {
        report.error('spec/range', at, `${JSON.stringify(text)}: ${pattern.fault}`, {
          hint: pattern.hint,
        })
        continue
      }
      count.nodes += pattern.ok.count
      if (count.nodes > mostNodes) {
        if (!count.over) {
          report.error('spec/too-many-nodes', at, `more than ${mostNodes} nodes in all`, {
            hint: 'is the range too long? Several clusters each have their own spec and store',
          })
        }
        count.over = true
        continue
      }
      if (!isShared && !claimNames(resolving, frame.name, key, pattern.ok, at, taken)) continue
      const group = groupOf(
        resolving,
        frame,
        role,
        pattern.ok,
        isShared,
        entry === true ? undefined : entry,
        termsOf,
      )
      checkNames(resolving, group, entry === true ? undefined : entry, constraints)
      checkConfigs(resolving, group, entry === true ? undefined : entry, configs)
      groups.push(group)
    }
  }
  return groups
}

/** No two nodes of a region have one name, be they in ranges or of different roles. */
function claimNames(
  { report }: Resolving,
  region: string,
  section: string,
  pattern: NodePattern,
  at: number,
  taken: Map<string, string>,
): boolean {
  const mine =
    pattern.count === 1
      ? `${section}.${pattern.text}`
      : `${section}.${JSON.stringify(pattern.text)}`
  for (let index = 0; index < pattern.count; index += 1) {
    const { name } = nodeAt(pattern, index)
    if (name === sharedName || name === '.' || name === '..') {
      report.error('spec/reserved-name', at, `a node cannot be called ${name}`, {
        hint: 'choose another name',
      })
      return false
    }
    const other = taken.get(name)
    if (other !== undefined) {
      report.error('spec/duplicate-node', at, `${region} has a node ${name} already: ${other}`, {
        hint: 'the name of a node is unique in its region; an agent that is server and client belongs below combined:',
      })
      return false
    }
    taken.set(name, mine)
  }
  return true
}

function groupOf(
  resolving: Resolving,
  frame: Frame,
  role: AgentRole,
  pattern: NodePattern,
  shared: boolean,
  entry: RawNode | undefined,
  termsOf: TermsOf,
): NodeGroup {
  const { raw, sources, report } = resolving
  const { terms, lifetimeAt } = termsOf(role, entry)
  const { authority } = frame
  if (
    authority !== undefined &&
    terms.lifetime > authority.lifetime &&
    terms.beyondIssuer === 'refuse'
  ) {
    report.error(
      'spec/beyond-issuer',
      lifetimeAt ??
        (raw.authorities === undefined ? 0 : sources.keyAt(raw.authorities, authority.name)),
      `a ${role} of ${frame.name} would live ${spanText(terms.lifetime)}, longer than ${authority.name}, which signs it (${spanText(authority.lifetime)})`,
      {
        expected: `at most ${spanText(authority.lifetime)}`,
        hint: 'or defaults: { beyondIssuer: clamp }',
      },
    )
  }
  const fixed = { region: frame.name, cluster: raw.cluster ?? 'cluster' }
  const ranges = rangesOf(pattern)
  const template = (text: string, offset: () => number): Template | undefined => {
    const parsed = parseTemplate(text, fixed, ranges, !shared)
    if ('ok' in parsed) return parsed.ok
    report.error('spec/template', offset(), parsed.fault, { hint: parsed.hint })
    return undefined
  }
  const single = (key: 'config' | 'http' | 'rpc'): Template | undefined => {
    const text = entry?.[key]
    if (typeof text !== 'string') return undefined
    return template(text, () => sources.at(entry, key))
  }
  const names: Template[] = []
  entry?.names?.forEach((text, index) => {
    const one =
      text === undefined ? undefined : template(text, () => sources.at(entry.names, index))
    // A template that is wrong leaves a gap, so that later complaints find their line.
    names.push(one ?? nothing)
  })
  const ips: IpTemplate[] = []
  entry?.ips?.forEach((text, index) => {
    const parsed = text === undefined ? undefined : parseIpTemplate(text, ranges)
    if (parsed !== undefined && 'fault' in parsed) {
      report.error(
        'spec/address',
        sources.at(entry.ips, index),
        `${JSON.stringify(text)} ${parsed.fault}`,
        { hint: parsed.hint },
      )
    }
    ips.push(
      parsed !== undefined && 'ok' in parsed ? parsed.ok : { kind: 'text', template: nothing },
    )
  })
  return {
    region: frame.name,
    role,
    pattern,
    shared,
    names,
    ips,
    config: single('config'),
    http: single('http'),
    rpc: single('rpc'),
    terms,
  }
}

const nothing: Template = { text: '', parts: [''], constant: true }

/** A directory of its own for every agent: two stanzas in one would be one. */
function checkConfigs(
  { sources, report }: Resolving,
  group: NodeGroup,
  entry: RawNode | undefined,
  seen: Map<string, string>,
): void {
  const { config } = entry ?? {}
  if (entry === undefined || config === undefined) return
  const at = (): number => sources.at(entry, 'config')
  if (typeof config !== 'string' || /\.(hcl|json)$/i.test(config)) {
    report.error(
      'spec/not-yet',
      at(),
      typeof config === 'string'
        ? `${JSON.stringify(config)} is a file`
        : 'paths and write are not carried out yet',
      {
        expected: "the directory of the agent's configuration, agents/s1",
        hint: 'a directory receives a file of its own, tls.hcl, which Nomad reads with the others',
      },
    )
    return
  }
  const template = group.config
  if (template === undefined) return
  if (group.pattern.count > 1 && template.constant) {
    report.error('spec/config', at(), `all of ${group.pattern.text} would have one configuration`, {
      expected: 'a directory for each, "agents/{node}"',
    })
    return
  }
  // Ranges differ in their node's name; one text for two keys is what happens by copying.
  const key = template.constant
    ? normal(expandTemplate(template, { name: '', numbers: [] }))
    : `${normal(template.text)} ${group.pattern.text}`
  const other = seen.get(key)
  if (other !== undefined) {
    report.error('spec/config', at(), `${other} has the same directory`, {
      hint: 'each agent has its own',
    })
  }
  seen.set(key, group.pattern.text)
}

function normal(path: string): string {
  const absolute = path.startsWith('/')
  const parts = path.split('/').filter((part) => part !== '' && part !== '.')
  return `${absolute ? '/' : ''}${parts.join('/')}`
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
