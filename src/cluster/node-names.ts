/**
 * Whether the names and addresses of nodes can be certified: as names, for the role, and by the
 * issuer.
 *
 * @module
 */

import { domainToASCII } from 'node:url'
import { nameFault } from '../nomad/names.js'
import { loopbackNetworks, networkHolds, octetsOf, type Network } from '../x509/ip-address.js'
import { isHostName } from './engines.js'
import { expandIp } from './ip-template.js'
import { parseNetwork } from './network.js'
import { expandTemplate, nodeAt, type NodeOfPattern, type Template } from './pattern.js'
import type { RawNode, Resolving } from './raw.js'
import type { NodeGroup } from './spec.js'

/** What the intermediate of a region may name. */
export interface Constraints {
  readonly authority: string
  readonly region: string
  /** Those of all its regions, as are {@link networks}. */
  readonly domains: readonly string[]
  readonly networks: readonly string[]
  /** Those of this region alone. */
  readonly own: { readonly domains: readonly string[]; readonly networks: readonly string[] }
  /** Whether all lists could be read. */
  readonly complete: boolean
  /** Whether an engine certifies the names. */
  readonly engine: boolean
}

/**
 * The name of one node in its certified form: lower case, ASCII.
 *
 * @returns The empty text where there is none.
 */
export function expandName(template: Template, node: NodeOfPattern): string {
  const text = expandTemplate(template, node)
  return isAscii(text) ? text.toLowerCase() : domainToASCII(text)
}

function isAscii(text: string): boolean {
  for (let at = 0; at < text.length; at += 1) if (text.charCodeAt(at) > 127) return false
  return true
}

/**
 * Checks the names and addresses of a group. Nodes of one range differ in digits alone, so the first
 * and the last stand for all, except where a constraint could tell the others from them.
 */
export function checkNames(
  resolving: Resolving,
  group: NodeGroup,
  entry: RawNode | undefined,
  constraints: Constraints | undefined,
): void {
  if (entry === undefined) return
  const { pattern } = group
  const first = nodeAt(pattern, 0)
  const nodes = pattern.count === 1 ? [first] : [first, nodeAt(pattern, pattern.count - 1)]
  group.names.forEach((template, index) => {
    if (template.text !== '') checkName(resolving, group, entry, index, nodes, constraints)
  })
  group.ips.forEach((template, index) => {
    if (template.kind === 'text' && template.template.text === '') return
    checkIp(resolving, group, entry, index, nodes, constraints)
  })
}

function checkName(
  { sources, report }: Resolving,
  group: NodeGroup,
  entry: RawNode,
  index: number,
  nodes: readonly NodeOfPattern[],
  constraints: Constraints | undefined,
): void {
  const template = group.names[index]!
  const at = (): number => sources.at(entry.names, index)
  for (const node of nodes) {
    const written = expandTemplate(template, node)
    const name = expandName(template, node)
    const shown = JSON.stringify(written.length > 80 ? `${written.slice(0, 80)}…` : written)
    const fault =
      name === '' ? 'is not a DNS name' : nameFault(role(written, name), group.role, group.region)
    if (fault !== undefined) {
      report.error('spec/dns-name', at(), `${shown} ${fault}`, { hint: nameHint(written, fault) })
      return
    }
    if (!isAscii(written)) {
      report.note('spec/punycode', at(), `${shown} is certified as ${name}`)
    }
    if (constraints?.engine === true && !isHostName(name)) {
      report.error(
        'spec/engine',
        at(),
        `an engine does not certify ${shown}: it is not a host name (RFC 1123 §2.1)`,
        {
          expected: 'labels of letters, digits and "-"',
          hint: `rename it, or let ${constraints.region} have an authority that is not in an engine`,
        },
      )
      return
    }
  }
  if (constraints === undefined || !constraints.complete) return
  const count = group.pattern.count
  for (let place = 0; place < count; place += 1) {
    const node = nodeAt(group.pattern, place)
    const name = expandName(template, node)
    if (covers(constraints, name)) {
      // What covers the constant end covers every node.
      const end = template.parts.at(-1)
      if (
        template.constant ||
        (typeof end === 'string' &&
          end.startsWith('.') &&
          covers(constraints, end.slice(1).toLowerCase()))
      )
        return
      continue
    }
    report.error(
      'spec/not-covered',
      at(),
      `${constraints.authority} is not allowed to name ${name}`,
      {
        expected: `a name in ${[`${constraints.region}.nomad`, ...constraints.domains].join(', ')}`,
        hint: domainHint(constraints, name),
      },
    )
    return
  }
}

/** Role names are compared letter by letter: what was written counts, where it is one. */
function role(written: string, name: string): string {
  return name.endsWith('.nomad') && isAscii(written) ? written : name
}

function nameHint(written: string, fault: string): string | undefined {
  if (fault.startsWith('is the name of'))
    return "a certificate carries its own role's name by itself and no other role's"
  if (fault.startsWith('is an address')) return 'write ips: [ … ]'
  if (fault.startsWith('is a wildcard')) return 'name each host; for ranges "{node}.acme.internal"'
  if (/:[0-9]+$/.test(written)) return 'a name has no port'
  if (written.includes('://')) return 'a name, not a URL'
  if (fault === 'ends in a dot') return `did you mean ${written.slice(0, -1)}?`
  return undefined
}

function covers(constraints: Constraints, name: string): boolean {
  if (name === 'localhost') return true
  const zone = `${constraints.region.toLowerCase()}.nomad`
  if (name === zone || name.endsWith(`.${zone}`)) return true
  return constraints.domains.some((domain) => name === domain || name.endsWith(`.${domain}`))
}

function domainHint({ region, own }: Constraints, name: string): string {
  // `domains` takes nothing in Nomad's zone.
  return name === 'nomad' || name.endsWith('.nomad')
    ? `no other name below .nomad can be allowed: write a name below ${region}.nomad, or one in a domain of yours`
    : `add it to the domains of region ${region}: domains: [${[...own.domains, domainFor(name)].join(', ')}]`
}

function domainFor(name: string): string {
  const parts = name.split('.')
  return parts.length > 2 ? parts.slice(1).join('.') : name
}

function checkIp(
  { sources, report }: Resolving,
  group: NodeGroup,
  entry: RawNode,
  index: number,
  nodes: readonly NodeOfPattern[],
  constraints: Constraints | undefined,
): void {
  const template = group.ips[index]!
  const at = (): number => sources.at(entry.ips, index)
  for (const node of nodes) {
    const address = expandIp(template, node)
    if ('fault' in address) {
      const shown =
        template.kind === 'text'
          ? JSON.stringify(expandTemplate(template.template, node))
          : JSON.stringify(entry.ips?.[index])
      report.error('spec/address', at(), `${shown} ${address.fault}`, { hint: address.hint })
      return
    }
  }
  if (group.pattern.count > 1 && template.kind === 'text' && template.template.constant) {
    report.warning('spec/address', at(), `all ${group.pattern.count} nodes get the same address`, {
      hint: 'write 10.0.1.{n} or 10.0.0.0/16+{n}',
    })
  }
  if (constraints === undefined || !constraints.complete || constraints.networks.length === 0)
    return
  const networks = networksOf(constraints)
  for (let place = 0; place < group.pattern.count; place += 1) {
    const text = expandIp(template, nodeAt(group.pattern, place))
    if ('fault' in text) continue
    const address = octetsOf(text.ok)!
    if (networks.some((network) => networkHolds(network, address))) continue
    report.error(
      'spec/not-covered',
      at(),
      `${constraints.authority} is not allowed to name ${text.ok}`,
      {
        expected: `an address in ${constraints.networks.join(', ')}`,
        hint: `add its network to region ${constraints.region}: networks: [${[...constraints.own.networks, `${text.ok}/${address.length * 8}`].join(', ')}]`,
      },
    )
    return
  }
}

function networksOf(constraints: Constraints): readonly Network[] {
  return [...loopbackNetworks, ...constraints.networks].flatMap((text) => {
    const network = parseNetwork(text)
    return 'ok' in network ? [network.ok] : []
  })
}
