/**
 * A first spec out of the template: the same edits that later change the user's file.
 *
 * @module
 */

import type { AgentRole } from '../address.js'
import { NomadPkiError } from '../errors.js'
import { hasErrors, type Diagnostic } from '../diagnostics.js'
import { addNode, type EditOptions, type NewNode, type SpecEdit } from './edit.js'
import { parseSpec } from './parse.js'
import { sections } from './sections.js'
import { insertEntry, keysAt, removeEntry, replaceScalar } from './yaml-edit.js'
import type { YamlEdit } from './yaml-meaning.js'
import { flow, quoteKey, written, type Plain } from './yaml-write.js'

/** What a new cluster has. Numbers by region. */
export interface NewSpec {
  readonly cluster: string
  readonly servers?: Readonly<Record<string, number>> | undefined
  readonly clients?: Readonly<Record<string, number>> | undefined
  readonly combined?: Readonly<Record<string, number>> | undefined
  /** Names; they belong to the first region. */
  readonly operators?: readonly string[] | undefined
  /** The store's folder; the template's by default. */
  readonly store?: string | undefined
  /** `node.tls`: an absolute path or `store`; the template's by default. */
  readonly tls?: string | undefined
  /** Directories of the agents' configurations, `agents/{region}/{node}`; none by default. */
  readonly config?: string | undefined
  /** Nodes one by one, instead of numbers. */
  readonly listed?: readonly ListedNode[] | undefined
  /** What the agents' `tls` says beyond its files; the template says nothing. */
  readonly stanza?: { readonly [key: string]: Plain } | undefined
  /** Comments above `node`, a line each. */
  readonly notes?: readonly string[] | undefined
  /** Authorities, instead of the template's root. */
  readonly authorities?: readonly ListedEntry[] | undefined
  /** `defaults`, instead of the template's, and comments above it. */
  readonly defaults?: Omit<ListedEntry, 'name'> | undefined
  /** What regions say beyond their nodes: the signing authority, and what an intermediate may name. */
  readonly regions?: ReadonlyMap<string, { readonly [key: string]: Plain }> | undefined
  /** Operators one by one, instead of names. */
  readonly people?: readonly ListedEntry[] | undefined
}

/** A key of the spec with its value and the comments above it. */
export interface ListedEntry {
  readonly name: string
  readonly value: { readonly [key: string]: Plain }
  /** A line each. */
  readonly notes: readonly string[]
}

/** A node as it will stand in the spec. */
export interface ListedNode {
  readonly kind: AgentRole
  readonly region: string
  readonly name: string
  /** Its keys. */
  readonly value: { readonly [key: string]: Plain }
  /** Comments above it, a line each. */
  readonly notes: readonly string[]
}

/** Letters of the node names: s1, n1, c1. */
const letters = { server: 's', combined: 'n', client: 'c' } as const
/** In the order in which a new spec lists them. */
const kinds = Object.keys(letters) as readonly AgentRole[]

/** More than this many nodes of one kind are written as a range. */
const mostListed = 3
/** Servers have addresses of their own and are few: they are listed one by one. */
const mostListedServers = 7

/**
 * Gives the text of a first spec.
 *
 * @param wanted What the cluster has.
 * @param template The text of `templates/cluster.yaml`.
 * @param options For the diagnostics.
 * @returns The text, or errors: a name that cannot be, no node at all.
 */
export function newSpec(wanted: NewSpec, template: string, options: EditOptions = {}): SpecEdit {
  const start = parseSpec(template, options)
  const own = keysAt(template, ['regions'])
  if (start.spec === undefined || own === undefined) {
    throw new NomadPkiError('ERR_INTERNAL', 'the template of the spec has errors', {
      diagnostics: start.diagnostics,
    })
  }
  const nodes = wanted.listed ?? nodesOf(wanted)
  const regions = [...new Set(nodes.map(({ region }) => region))]
  const [first] = regions
  let text = template
  const set = (path: readonly string[], key: string, value: string | undefined): void => {
    if (value !== undefined) {
      text = hasKey(text, path, key)
        ? must(replaceScalar(text, path, key, value))
        : must(insertEntry(text, path, key, value))
    }
  }
  // Checked by the parser at the end, with all the rest.
  set([], 'cluster', wanted.cluster)
  set([], 'store', wanted.store)
  set(['node'], 'tls', wanted.tls)
  if (wanted.stanza !== undefined) {
    text = must(insertEntry(text, ['node'], 'stanza', wanted.stanza))
  }
  if (wanted.notes !== undefined && wanted.notes.length > 0) {
    const above = wanted.notes.map((note) => `${comment(note)}\n`).join('')
    text = text.replace(/^node:/m, () => `${above}node:`)
  }
  if (wanted.authorities !== undefined) {
    text = text.replace(sectionOf('authorities'), () =>
      entriesText('authorities', wanted.authorities!),
    )
  }
  const { defaults } = wanted
  if (defaults !== undefined) {
    const above = defaults.notes.map((note) => `${comment(note)}\n`).join('')
    const line = `${above}defaults: ${flow(defaults.value)}\n`
    text = text.replace(/^defaults: .*\n/m, () => line)
  }
  // The template's own nodes are an example: they go before the wished ones come.
  if (wanted.listed !== undefined) {
    text = text.replace(sectionOf('regions'), () => regionsText(wanted.listed!, wanted.regions))
  } else for (const region of own) text = must(removeEntry(text, ['regions'], region, ''))
  for (const name of keysAt(text, ['operators']) ?? []) {
    text = must(removeEntry(text, ['operators'], name, ''))
  }
  for (const { kind, region, name, config } of wanted.listed === undefined ? nodesOf(wanted) : []) {
    const value: Plain = config === undefined ? {} : { config }
    const edit = insertEntry(text, ['regions', region, sections[kind]], name, value)
    if ('fault' in edit) break
    text = edit.text
  }
  if (wanted.people !== undefined && wanted.people.length > 0) {
    text = text.replace(/^operators:.*\n/m, () => entriesText('operators', wanted.people!))
  }
  const made = parseSpec(text, options)
  if (hasErrors(made.diagnostics)) return { text, diagnostics: made.diagnostics }
  const diagnostics: Diagnostic[] = []
  for (const name of wanted.operators ?? []) {
    const edit = addNode(text, { kind: 'operator', region: first!, name }, options)
    text = edit.text
    diagnostics.push(...edit.diagnostics)
  }
  return { text, diagnostics }
}

/** A key at the margin of the template, with everything below it. */
function sectionOf(key: string): RegExp {
  return new RegExp(`^${key}:\\n(?:[ \\t].*\\n)*`, 'm')
}

function entriesText(key: string, entries: readonly ListedEntry[]): string {
  const lines = [`${key}:`]
  for (const { name, value, notes } of entries) {
    lines.push(...notes.map((note) => `  ${comment(note)}`))
    lines.push(written([name], value, '  ', '  ', '\n'))
  }
  return `${lines.join('\n')}\n`
}

/** `regions` written anew: comments can't be inserted between entries that are not there yet. */
function regionsText(nodes: readonly ListedNode[], terms: NewSpec['regions']): string {
  const lines = ['regions:']
  for (const region of new Set(nodes.map((node) => node.region))) {
    lines.push(`  ${quoteKey(region)}:`)
    for (const [key, value] of Object.entries(terms?.get(region) ?? {})) {
      lines.push(written([key], value, '    ', '  ', '\n'))
    }
    for (const kind of kinds) {
      const own = nodes.filter((node) => node.region === region && node.kind === kind)
      if (own.length === 0) continue
      lines.push(`    ${sections[kind]}:`)
      for (const { name, value, notes } of own) {
        lines.push(...notes.map((note) => `      ${comment(note)}`))
        lines.push(written([name], value, '      ', '  ', '\n'))
      }
    }
  }
  return `${lines.join('\n')}\n`
}

/** What stands in it came from files of others: it stays on its line. */
function comment(note: string): string {
  return `# ${note.replace(/[\p{Cc}\u2028\u2029]+/gu, ' ')}`
}

function hasKey(text: string, path: readonly string[], key: string): boolean {
  return keysAt(text, path)?.includes(key) ?? false
}

function must(edit: YamlEdit): string {
  if ('text' in edit) return edit.text
  throw new NomadPkiError(
    'ERR_INTERNAL',
    `the template of the spec cannot be edited: ${edit.fault}`,
  )
}

function nodesOf(wanted: NewSpec): readonly (NewNode & { readonly kind: AgentRole })[] {
  const out: (NewNode & { readonly kind: AgentRole })[] = []
  for (const kind of kinds) {
    const letter = letters[kind]
    for (const [region, count] of Object.entries(wanted[sections[kind]] ?? {})) {
      const listed = count <= (kind === 'server' ? mostListedServers : mostListed)
      const names = listed
        ? Array.from({ length: count }, (_, index) => `${letter}${index + 1}`)
        : [`${letter}[${'1'.padStart(String(count).length, '0')}-${count}]`]
      for (const name of names) {
        const config = wanted.config?.replaceAll('{region}', region)
        out.push({
          kind,
          region,
          name,
          config: listed ? config?.replaceAll('{node}', name) : config,
        })
      }
    }
  }
  return out
}
