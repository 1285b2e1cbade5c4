/**
 * The agents of a region: one by one, by ranges, or one identity for all.
 *
 * @module
 */

import { type AgentRole, isName, sharedName } from '../address.js'
import { resolveConfig, type ConfigsSeen } from './agent-config.js'
import { suiteKeyOf } from '../agent/cipher-suites.js'
import type { AuthorityDraft } from './authorities.js'
import { parseIpTemplate, type IpTemplate } from './ip-template.js'
import { checkNames, type Constraints } from './node-names.js'
import {
  nodeAt,
  parsePattern,
  parseTemplate,
  rangesOf,
  type NodePattern,
  type Template,
} from './pattern.js'
import type { RawNode, RawRegion, RawSection, Resolving } from './raw.js'
import { sections } from './sections.js'
import type { NodeGroup } from './spec.js'
import { explainName } from './explain.js'
import { checkRenewed } from './renewed-by.js'
import { checkStanza, mergeStanza } from './stanza.js'
import { checkLifetime, type TermsOf } from './terms.js'
import { quote } from './words.js'

/** One store holds no more: the plan of so many is still a matter of seconds. */
const mostNodes = 100_000
/** Names and addresses of all nodes: each is expanded and checked. */
const mostNames = 1_000_000

/** A region while it is resolved. */
export interface Frame {
  readonly name: string
  readonly region: RawRegion
  readonly authority: AuthorityDraft | undefined
  readonly domains: readonly string[]
  readonly networks: readonly string[]
}

/** How many nodes were counted in all regions. */
export interface NodeCount {
  nodes: number
  /** Names and addresses of all of them. */
  names: number
  /** Whether it was said that there are too many. */
  over: boolean
  /** What is written for them. */
  readonly configs: ConfigsSeen
}

/**
 * Resolves the agents of a region.
 *
 * @param resolving The spec as read.
 * @param frame The region.
 * @param constraints What its intermediate may name; `undefined` below a root.
 * @param termsOf The terms of the spec.
 * @param count Goes on counting.
 */
export function groupsOf(
  resolving: Resolving,
  frame: Frame,
  constraints: Constraints | undefined,
  termsOf: TermsOf,
  count: NodeCount,
): readonly NodeGroup[] {
  const { sources, report } = resolving
  const groups: NodeGroup[] = []
  const taken: Taken = { exact: new Map(), folded: new Map() }
  for (const role of Object.keys(sections) as readonly AgentRole[]) {
    const key = sections[role]
    const section: RawSection | undefined = frame.region[key]
    if (section === undefined) continue
    const shared = section.get(sharedName)
    if (shared !== undefined && section.size > 1) {
      report.error(
        'spec/shared',
        sources.keyAt(section, sharedName),
        `${key} of ${frame.name} share one identity, but other nodes stand beside it`,
        {
          hint: `either shared alone, or the nodes one by one: to split it, put the nodes in the place of its line`,
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
      const all = entry === true ? 0 : (entry.names?.length ?? 0) + (entry.ips?.length ?? 0)
      count.names += pattern.ok.count * all
      if (count.names > mostNames) {
        report.error('spec/too-many', at, `more than ${mostNames} names and addresses in all`, {
          hint: 'several clusters each have their own spec and store',
        })
        return groups
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
        count.configs,
      )
      checkNames(resolving, group, entry === true ? undefined : entry, constraints)
      const { keyHeld, renewedBy } = group.terms
      if (keyHeld === 'node' && renewedBy !== 'node') checkHeld(resolving, isShared, at)
      groups.push(group)
    }
  }
  return groups
}

/** Complains where a key that stays on one node cannot be the one that agents load. */
function checkHeld({ raw, sources, report }: Resolving, shared: boolean, at: number): void {
  if (raw.node?.tls === 'store') {
    report.error(
      'spec/key-held',
      sources.at(raw.node, 'tls'),
      'keyHeld: node: the agents read the store itself, so their keys are there',
      { expected: 'node: { tls: /etc/nomad-tls }, or keyHeld: store' },
    )
  }
  if (shared) {
    report.error(
      'spec/key-held',
      at,
      'keyHeld: node: hosts that share a certificate share its key, so it must come from the store',
      { expected: 'shared: { keyHeld: store }, or the nodes one by one' },
    )
  }
}

/** The names of a region. */
interface Taken {
  /** The key that has a name. */
  readonly exact: Map<string, string>
  /** The name behind its lower case. */
  readonly folded: Map<string, string>
}

/** No two nodes of a region have one name, be they in ranges or of different roles. */
function claimNames(
  { report }: Resolving,
  region: string,
  section: string,
  pattern: NodePattern,
  at: number,
  taken: Taken,
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
    // What the key matched may hold a range: each name is a directory of the store, and an address.
    if (!isName(name)) {
      const told = explainName(name)
      report.error(
        'spec/name',
        at,
        `${section}: ${quote(name)} ${told?.message ?? 'does not fit'}`,
        {
          expected:
            'a name: letters, digits, ".", "_" and "-", at most 63, not "." or "-" at the front',
          hint: told?.hint,
        },
      )
      return false
    }
    const other = taken.exact.get(name)
    if (other !== undefined) {
      report.error('spec/duplicate-node', at, `${region} has a node ${name} already: ${other}`, {
        hint: 'the name of a node is unique in its region; an agent that is server and client belongs below combined:',
      })
      return false
    }
    taken.exact.set(name, mine)
    const lower = name.toLowerCase()
    const alike = taken.folded.get(lower)
    if (alike === undefined) taken.folded.set(lower, name)
    else {
      report.warning(
        'spec/letter-case',
        at,
        `${alike} and ${name} of ${region} differ in case alone`,
        {
          hint: 'many file systems of macOS keep them in one folder: rename one',
        },
      )
    }
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
  seen: ConfigsSeen,
): NodeGroup {
  const { raw, sources, report } = resolving
  const { terms, lifetimeAt, renewedAt } = termsOf(role, entry)
  const { authority } = frame
  if (renewedAt !== undefined && terms.renewedBy === 'node') {
    checkRenewed(resolving, frame, { role, shared, at: renewedAt })
  }
  if (authority !== undefined) {
    checkLifetime(report, terms, authority, {
      whose: `a ${role} of ${frame.name}`,
      at: () =>
        lifetimeAt ??
        (raw.authorities === undefined ? 0 : sources.keyAt(raw.authorities, authority.name)),
      hint: 'or defaults: { beyondIssuer: clamp }',
    })
  }
  checkStanza(resolving, entry?.stanza, new Set([suiteKeyOf(terms.key)]))
  const fixed = { region: frame.name, cluster: raw.cluster ?? 'cluster' }
  const ranges = rangesOf(pattern)
  const template = (text: string, offset: () => number): Template | undefined => {
    const parsed = parseTemplate(text, fixed, ranges, !shared)
    if ('ok' in parsed) return parsed.ok
    report.error('spec/template', offset(), parsed.fault, { hint: parsed.hint })
    return undefined
  }
  const single = (key: 'http' | 'rpc' | 'ssh'): Template | undefined => {
    const text = entry?.[key]
    if (text === undefined || text === false) return undefined
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
    config: resolveConfig(
      resolving,
      entry,
      { region: frame.name, pattern, shared, template },
      seen,
    ),
    stanza: mergeStanza(raw.node?.stanza, raw.node?.stanza?.[role], entry?.stanza),
    http: single('http'),
    rpc: single('rpc'),
    ssh: entry?.ssh === false ? false : single('ssh'),
    terms,
  }
}

const nothing: Template = { text: '', parts: [''], constant: true }
