/**
 * The edits of a spec that commands make: a node or operator more, or less. The text keeps its comments
 * and layout byte for byte, and what comes out was read again before it is returned.
 *
 * @module
 */

import { isName, isRegionName, type Role, sharedName } from '../address.js'
import { didYouMean, hasErrors, type Diagnostic } from '../diagnostics.js'
import { isAgent, profileOf } from '../nomad/roles.js'
import { explainNodeKey, explainRegion } from './explain.js'
import { parseSpec } from './parse.js'
import { nodeAt, parsePattern, rangesOf, type NodePattern } from './pattern.js'
import { createReport } from './report.js'
import { sections } from './sections.js'
import type { ClusterSpec } from './spec.js'
import { insertEntry, keysAt, removeEntry, replaceKey, setEntry } from './yaml-edit.js'
import { insertEntries } from './yaml-entries.js'
import type { YamlEdit } from './yaml-meaning.js'
import type { Plain } from './yaml-write.js'

/** What is added or removed. */
export interface NodeEdit {
  readonly kind: Role
  readonly region: string
  /** A node's or operator's name; a range of nodes, `c[1-5]`, can be added as well. */
  readonly name: string
}

/** What a new node or operator has beyond its name; the keys of the spec. */
export interface NewNode extends NodeEdit {
  readonly names?: readonly string[] | undefined
  readonly ips?: readonly string[] | undefined
  /** A directory or file; or all that the agent is started with, and the one to be written. */
  readonly config?:
    string | { readonly paths: readonly string[]; readonly write: string } | undefined
  readonly http?: string | undefined
  readonly rpc?: string | undefined
  readonly key?: string | undefined
  /** As the spec writes it: `24h`. */
  readonly lifetime?: string | undefined
  /** As the spec writes it. */
  readonly renewBefore?: string | undefined
  /** A machine's: the directory of its files on its host. */
  readonly tls?: string | undefined
  /** A machine's: the user that it runs as. */
  readonly owner?: string | undefined
  /** A machine's: `reload UNIT`, `restart UNIT` or `none`. */
  readonly reload?: string | undefined
  /** Where ssh reaches the host; of a node `false`: nowhere. */
  readonly ssh?: string | false | undefined
}

/** Options of the edits. */
export interface EditOptions {
  /** The file as the user named it, for the diagnostics; none by default. */
  readonly file?: string | undefined
}

/** What came of an edit. */
export interface SpecEdit {
  /** The new text; the old one if any diagnostic is an error. */
  readonly text: string
  /** Errors that prevented the edit, or what is worth knowing about it. */
  readonly diagnostics: readonly Diagnostic[]
}

/**
 * Adds a node or an operator; section and region are made where they are missing.
 *
 * @param text The spec; it must be good.
 * @param node What to add.
 * @param options See {@link EditOptions}.
 */
export function addNode(text: string, node: NewNode, options: EditOptions = {}): SpecEdit {
  const before = parseSpec(text, options)
  if (before.spec === undefined) return { text, diagnostics: before.diagnostics }
  const fault = nameFaultOf(node)
  if (fault !== undefined) return refuse(text, options, fault.message, fault.hint)
  const { spec } = before
  const notes: Diagnostic[] = []
  const regions = spec.regions.map(({ name }) => name)
  if (!regions.includes(node.region)) {
    if (!isAgent(node.kind)) {
      const near = didYouMean(node.region, regions)
      return refuse(
        text,
        options,
        `unknown region ${JSON.stringify(node.region)}`,
        near === undefined ? `there are: ${regions.join(', ')}` : `did you mean ${near}?`,
      )
    }
    const near = didYouMean(node.region, regions)
    notes.push(
      diagnostic(
        options,
        'warning',
        'spec/new-region',
        `${node.region} is a new region`,
        near === undefined ? undefined : `did you mean ${near}?`,
      ),
    )
  }
  const place = placeOf(node)
  const edit = insertEntry(text, place, node.name, valueOf(node))
  const there = existing(spec, node)
  if (there !== undefined) return refuse(text, options, there)
  return finish(text, edit, options, notes)
}

/**
 * Adds several nodes and operators in one edit: for thousands, where one edit each would read the spec
 * again and again.
 *
 * @param text The spec; it must be good.
 * @param nodes What to add, in this order.
 * @param options See {@link EditOptions}.
 * @returns All of them, or the same text with the error of the first that cannot be added.
 */
export function addNodes(
  text: string,
  nodes: readonly NewNode[],
  options: EditOptions = {},
): SpecEdit {
  const { spec, diagnostics } = parseSpec(text, options)
  if (spec === undefined) return { text, diagnostics }
  const regions = new Set(
    [...spec.regions, ...nodes.filter(({ kind }) => isAgent(kind)).map(regionOf)].map(
      ({ name }) => name,
    ),
  )
  const places = new Map<string, [path: readonly string[], entries: [string, Plain][]]>()
  for (const node of nodes) {
    const fault = nameFaultOf(node)
    if (fault !== undefined) return refuse(text, options, fault.message, fault.hint)
    if (!regions.has(node.region)) {
      return refuse(text, options, `no region is called ${JSON.stringify(node.region)}`)
    }
    const there = existing(spec, node)
    if (there !== undefined) return refuse(text, options, there)
    const path = placeOf(node)
    const known = places.get(path.join('\n')) ?? [path, []]
    known[1].push([node.name, valueOf(node)])
    places.set(path.join('\n'), known)
  }
  let edit: YamlEdit = { text }
  for (const [path, entries] of places.values()) {
    if (new Set(entries.map(([name]) => name)).size < entries.length) {
      return refuse(text, options, `two of them have one name in ${path.join('.')}`)
    }
    edit = insertEntries(edit.text, path, entries)
    if ('fault' in edit) break
  }
  return finish(text, edit, options, [])
}

function regionOf({ region }: NodeEdit): { readonly name: string } {
  return { name: region }
}

/**
 * Removes a node or an operator. Out of a range its first or last node is taken by shortening it,
 * another one by splitting it in two.
 *
 * @param text The spec; it must be good.
 * @param node What to remove.
 * @param options See {@link EditOptions}.
 */
export function removeNode(text: string, node: NodeEdit, options: EditOptions = {}): SpecEdit {
  const before = parseSpec(text, options)
  if (before.spec === undefined) return { text, diagnostics: before.diagnostics }
  const place = placeOf(node)
  const keys = keysAt(text, place) ?? []
  if (!isAgent(node.kind) || keys.includes(node.name)) {
    const operator = before.spec.operators.find(
      ({ name, role }) => name === node.name && role === node.kind,
    )
    const gone = !isAgent(node.kind) && operator?.region !== node.region
    if (gone || !keys.includes(node.name)) return missing(text, before.spec, node, options)
    return finish(text, removeEntry(text, place, node.name), options, [])
  }
  for (const key of keys) {
    const pattern = parsePattern(key)
    if (!('ok' in pattern)) continue
    const index = indexOf(pattern.ok, node.name)
    if (index === undefined) continue
    if (rangesOf(pattern.ok) > 1) {
      return refuse(
        text,
        options,
        `${node.name} is one of ${key}, which has several ranges`,
        'write its nodes in smaller ranges first',
      )
    }
    const rest = without(pattern.ok, index)
    const edit =
      rest.length === 0 ? removeEntry(text, place, key) : replaceKey(text, place, key, rest)
    return finish(text, edit, options, [])
  }
  return missing(text, before.spec, node, options)
}

/**
 * Gives a node names and addresses that stands alone in the spec and has none of both.
 *
 * @param text The spec; it must be good.
 * @param node The node, with what it gets.
 * @param options See {@link EditOptions}.
 * @returns The same text where the node has some, is one of a range, or gets none.
 */
export function nameNode(text: string, node: NewNode, options: EditOptions = {}): SpecEdit {
  const place = placeOf(node)
  const value = valueOf(node) as { readonly [key: string]: Plain }
  const same: SpecEdit = { text, diagnostics: [] }
  if (Object.keys(value).length === 0 || keysAt(text, place)?.includes(node.name) !== true) {
    return same
  }
  const keys = keysAt(text, [...place, node.name])
  if (keys?.some((key) => key === 'names' || key === 'ips') === true) return same
  if (keys?.length === 0) return finish(text, setEntry(text, place, node.name, value), options, [])
  // Without a map it is `s1:` or `s1: true`.
  let edit: YamlEdit = keys === undefined ? removeEntry(text, place, node.name, '') : { text }
  if ('fault' in edit) return finish(text, edit, options, [])
  if (keys === undefined) {
    return finish(text, insertEntry(edit.text, place, node.name, value), options, [])
  }
  for (const [key, one] of Object.entries(value)) {
    edit = insertEntry(edit.text, [...place, node.name], key, one)
    if ('fault' in edit) break
  }
  return finish(text, edit, options, [])
}

function placeOf({ kind, region }: NodeEdit): readonly string[] {
  return isAgent(kind) ? ['regions', region, sections[kind]] : ['operators']
}

const textKeys = [
  ...(['config', 'http', 'rpc', 'tls', 'owner', 'reload', 'ssh'] as const),
  ...(['key', 'lifetime', 'renewBefore'] as const),
]

function valueOf(node: NewNode): Plain {
  const value: Record<string, Plain> = {}
  if (node.kind === 'machine') value['kind'] = node.kind
  if (!isAgent(node.kind)) value['region'] = node.region
  for (const key of ['names', 'ips'] as const) {
    const list = node[key]
    if (list !== undefined && list.length > 0) value[key] = list
  }
  for (const key of textKeys) {
    const one = node[key]
    if (one !== undefined) value[key] = one
  }
  return value
}

function nameFaultOf(node: NodeEdit): { message: string; hint?: string | undefined } | undefined {
  if (!isRegionName(node.region)) {
    const told = explainRegion(node.region)
    return {
      message: `the region ${JSON.stringify(node.region)} ${told?.message ?? 'is not a name'}`,
      hint: told?.hint,
    }
  }
  if (node.name === sharedName) {
    return {
      message: 'shared cannot be the name of a node',
      hint: 'it stands for one identity for all: write shared: {} into the section, alone',
    }
  }
  const told = !isAgent(node.kind)
    ? explainNodeKey(node.name.replace(/[[\]]/g, ' '))
    : explainNodeKey(node.name)
  if (told !== undefined)
    return { message: `the name ${JSON.stringify(node.name)} ${told.message}`, hint: told.hint }
  if (node.name.includes('[')) {
    const pattern = parsePattern(node.name)
    return 'fault' in pattern ? { message: pattern.fault, hint: pattern.hint } : undefined
  }
  return isName(node.name) ? undefined : { message: `${JSON.stringify(node.name)} is not a name` }
}

/** Who has the name already. */
function existing(spec: ClusterSpec, node: NodeEdit): string | undefined {
  if (!isAgent(node.kind)) {
    const found = spec.operators.find(({ name }) => name === node.name)
    return found === undefined
      ? undefined
      : `there is ${profileOf(found.role).title} ${node.name} already, in ${found.region}`
  }
  const region = spec.regions.find(({ name }) => name === node.region)
  for (const group of region?.groups ?? []) {
    if (group.shared || indexOf(group.pattern, node.name) === undefined) continue
    const key = group.pattern.text
    return `${node.region} has a ${group.role} ${node.name} already${key === node.name ? '' : `, in ${key}`}`
  }
  return undefined
}

function missing(text: string, spec: ClusterSpec, node: NodeEdit, options: EditOptions): SpecEdit {
  const elsewhere = spec.regions.flatMap((region) =>
    region.groups
      .filter((group) => !group.shared && indexOf(group.pattern, node.name) !== undefined)
      .map((group) => `${group.role} ${region.name}/${node.name}`),
  )
  for (const operator of spec.operators) {
    if (operator.name === node.name)
      elsewhere.push(`${operator.role} ${operator.region}/${operator.name}`)
  }
  const known = !isAgent(node.kind)
    ? spec.operators.filter(({ role }) => role === node.kind).map(({ name }) => name)
    : (spec.regions
        .find(({ name }) => name === node.region)
        ?.groups.filter(({ role, pattern }) => role === node.kind && pattern.count === 1)
        .map(({ pattern }) => pattern.text) ?? [])
  const near = didYouMean(node.name, known)
  return refuse(
    text,
    options,
    `${node.region} has no ${node.kind} ${node.name}`,
    elsewhere.length > 0
      ? `there is ${elsewhere.slice(0, 3).join(', ')}`
      : near === undefined
        ? undefined
        : `did you mean ${near}?`,
  )
}

/** Where a name stands in a pattern. */
function indexOf(pattern: NodePattern, name: string): number | undefined {
  if (pattern.count === 1 && rangesOf(pattern) === 0) return pattern.text === name ? 0 : undefined
  for (let index = 0; index < pattern.count; index += 1) {
    if (nodeAt(pattern, index).name === name) return index
  }
  return undefined
}

/** The keys that stand for all nodes of a pattern with one range but one. */
function without(pattern: NodePattern, index: number): readonly string[] {
  const write = (from: number, to: number): string =>
    pattern.parts
      .map((part) => {
        if (typeof part === 'string') return part
        const digits = (offset: number): string =>
          String(part.from + offset).padStart(part.width, '0')
        return `[${digits(from)}-${digits(to)}]`
      })
      .join('')
  const out: string[] = []
  if (index > 0) out.push(write(0, index - 1))
  if (index < pattern.count - 1) out.push(write(index + 1, pattern.count - 1))
  return out
}

function finish(
  text: string,
  edit: YamlEdit,
  options: EditOptions,
  notes: readonly Diagnostic[],
): SpecEdit {
  if ('fault' in edit) return refuse(text, options, edit.fault, 'edit the file by hand')
  const after = parseSpec(edit.text, options)
  if (hasErrors(after.diagnostics)) {
    return { text, diagnostics: after.diagnostics.filter(({ severity }) => severity === 'error') }
  }
  return { text: edit.text, diagnostics: [...notes] }
}

function refuse(text: string, options: EditOptions, message: string, hint?: string): SpecEdit {
  return { text, diagnostics: [diagnostic(options, 'error', 'spec/edit', message, hint)] }
}

function diagnostic(
  options: EditOptions,
  severity: 'error' | 'warning',
  code: 'spec/edit' | 'spec/new-region',
  message: string,
  hint: string | undefined,
): Diagnostic {
  const report = createReport('', options.file)
  report[severity](code, 0, message, { hint })
  return report.diagnostics()[0]!
}
