/**
 * What an agent will make of its configuration files: each setting's value after Nomad's own merge,
 * where it comes from, and what was set elsewhere without effect.
 *
 * @module
 */

import type { AgentRole } from '../address.js'
import type { Diagnostic, Position } from '../diagnostics.js'
import {
  asBoolean,
  asInteger,
  asString,
  type Document,
  foldKey,
  type Literal,
  type ObjectValue,
  parseConfig,
  positionsIn,
  type Value,
} from '../hcl/index.js'
import { sha256 } from '../sha256.js'
import { diagnostic } from './codes.js'
import type { AgentFile } from './directory.js'
import { type Setting, settings } from './settings.js'
import { findTlsBlock } from './tls-block.js'
import type { TlsKey } from './tls-keys.js'

/** Where a value stands. */
export interface Origin extends Position {
  readonly file: string
}

/** A value that was set somewhere. */
export interface Setpoint<T> {
  readonly value: T
  readonly origin: Origin
}

/** A value after the merge. */
export interface Effective<T> {
  readonly value: T
  /** Absent: no file sets it, and the value is Nomad's default. */
  readonly origin?: Origin | undefined
  /** What else was set for it, in the order of reading, and has no effect. */
  readonly overrode: readonly Setpoint<T>[]
}

/** One file as it was read. */
export interface ReadFile {
  readonly file: string
  readonly name: string
  /** Absent if it cannot be read. */
  readonly document?: Document | undefined
  /** Whether it has a `tls` block, a faulty one too. */
  readonly hasTls: boolean
}

/** All that is kept of a gossip key. */
export interface GossipKey {
  readonly origin: Origin
  /** How many bytes it decodes to; `undefined`: it is not base64. */
  readonly bytes: number | undefined
  /** SHA-256 of what it decodes to, hex: two agents can be compared without their keys. */
  readonly digest: string
}

/** What an agent will run with; the command line's flags, which override all of it, are not here. */
export interface AgentConfig {
  readonly files: readonly ReadFile[]
  /** By path, `tls.ca_file`; only what is set somewhere or has a default. */
  readonly values: ReadonlyMap<string, Effective<boolean | string | number>>
  readonly region: Effective<string>
  readonly datacenter: Effective<string>
  readonly name?: Effective<string> | undefined
  /** By `server.enabled` and `client.enabled`; `undefined` if neither is true. */
  readonly role?: AgentRole | undefined
  readonly ports: { readonly http: number; readonly rpc: number; readonly serf: number }
  /** Only the keys that are set. */
  readonly tls: { readonly [K in TlsKey]?: Effective<boolean | string> }
  /** Whether gossip is encrypted by a key in the files, and how that key looks; never the key itself. */
  readonly gossipKey?: GossipKey | undefined
  readonly diagnostics: readonly Diagnostic[]
}

/**
 * Reads the files of one agent.
 *
 * @param files In the order in which Nomad reads them: for each `-config` in turn the file, or
 *   `configFilesOf` its directory.
 * @returns Never throws for anything in the files; what cannot be read is in `diagnostics`.
 */
export function readAgentConfig(files: readonly AgentFile[]): AgentConfig {
  const diagnostics: Diagnostic[] = []
  const setpoints = new Map<string, Setpoint<boolean | string | number>[]>()
  let gossipKey: GossipKey | undefined
  const read = files.map((source): ReadFile => {
    const file = source.path ?? source.name
    const { document, diagnostics: unread } = parseConfig(source.bytes, { file })
    for (const item of unread) diagnostics.push(item)
    if (document === undefined) return { file, name: source.name, hasTls: false }
    const tls = findTlsBlock(document, undefined, file)
    for (const item of tls.diagnostics) diagnostics.push(item)
    const reader = settingsOf(document, file)
    for (const [path, found] of reader.found) {
      setpoints.set(path, [...(setpoints.get(path) ?? []), found])
    }
    for (const item of reader.diagnostics) diagnostics.push(item)
    gossipKey = reader.gossipKey ?? gossipKey
    return { file, name: source.name, document, hasTls: tls.item !== undefined }
  })
  const values = new Map<string, Effective<boolean | string | number>>()
  for (const setting of settings) {
    const merged = merge(setting, setpoints.get(setting.path) ?? [])
    if (merged !== undefined) values.set(setting.path, merged)
  }
  return summary(read, values, gossipKey, diagnostics)
}

function summary(
  files: readonly ReadFile[],
  values: ReadonlyMap<string, Effective<boolean | string | number>>,
  gossipKey: GossipKey | undefined,
  diagnostics: readonly Diagnostic[],
): AgentConfig {
  const tls: Partial<Record<TlsKey, Effective<boolean | string>>> = {}
  for (const [path, effective] of values) {
    if (path.startsWith('tls.') && effective.origin !== undefined) {
      tls[path.slice(4) as TlsKey] = effective as Effective<boolean | string>
    }
  }
  const server = values.get('server.enabled')?.value === true
  const client = values.get('client.enabled')?.value === true
  const role = server ? (client ? 'combined' : 'server') : client ? 'client' : undefined
  const port = (which: string): number => Number(values.get(`ports.${which}`)!.value)
  return {
    files,
    values,
    region: values.get('region') as Effective<string>,
    datacenter: values.get('datacenter') as Effective<string>,
    name: values.get('name') as Effective<string> | undefined,
    role,
    ports: { http: port('http'), rpc: port('rpc'), serf: port('serf') },
    tls,
    gossipKey,
    diagnostics,
  }
}

function merge<T extends boolean | string | number>(
  { fallback }: Setting,
  set: readonly Setpoint<T>[],
): Effective<T> | undefined {
  // Booleans: the first true holds. Others: the last that is neither empty nor 0.
  const wins =
    typeof set[0]?.value === 'boolean'
      ? set.find(({ value }) => value === true)
      : set.findLast(({ value }) => value !== '' && value !== 0)
  // A value that is set to nothing is set all the same: it comes from somewhere.
  const winner = wins ?? (fallback === undefined || fallback === false ? set.at(-1) : undefined)
  if (winner === undefined) {
    return fallback === undefined ? undefined : { value: fallback as T, overrode: set }
  }
  return { ...winner, overrode: set.filter((other) => other !== winner) }
}

interface FileSettings {
  readonly found: ReadonlyMap<string, Setpoint<boolean | string | number>>
  readonly gossipKey: GossipKey | undefined
  readonly diagnostics: readonly Diagnostic[]
}

/** A reader needs no more, and a hostile text holds a hundred thousand. */
const diagnosticsLimit = 1000

/** In one file the last value wins, whatever it is: Nomad decodes every block into one struct. */
function settingsOf(document: Document, file: string): FileSettings {
  const position = positionsIn(document.text)
  const found = new Map<string, Setpoint<boolean | string | number>>()
  const diagnostics: Diagnostic[] = []
  let gossipKey: GossipKey | undefined
  for (const { path, value } of leaves(document)) {
    if (path === 'server.encrypt') {
      const key = value.type === 'literal' ? asString(document, value) : ''
      const origin = { file, ...position(value.start) }
      gossipKey =
        key === '' ? undefined : { origin, bytes: base64Length(key), digest: digestOf(key) }
      continue
    }
    const setting = byPath.get(path)
    if (setting === undefined) continue
    const origin = { file, ...position(value.start) }
    const decoded = value.type === 'literal' ? decode(document, value, setting) : undefined
    if (decoded !== undefined) found.set(path, { value: decoded, origin })
    else if (!path.startsWith('tls.') && diagnostics.length < diagnosticsLimit) {
      const expected = { boolean: 'true or false', string: 'a quoted string', integer: 'a number' }
      diagnostics.push(
        diagnostic(
          'error',
          'agent/value',
          origin,
          `the value of "${path}" is not ${setting.type === 'integer' ? 'an' : 'a'} ${setting.type}`,
          { file, expected: expected[setting.type] },
        ),
      )
    }
  }
  return { found, gossipKey, diagnostics }
}

function digestOf(key: string): string {
  return sha256(Buffer.from(key, 'base64'))
}

/** How many bytes Go's `base64.StdEncoding` makes of a text; it passes over line ends. */
function base64Length(text: string): number | undefined {
  const packed = text.replace(/[\r\n]/g, '')
  const sound = packed.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(packed)
  return sound ? (packed.length / 4) * 3 - (/=*$/.exec(packed)?.[0].length ?? 0) : undefined
}

const byPath = new Map(settings.map((setting) => [setting.path, setting]))
const blocks = new Set(
  settings.flatMap(({ path }) => (path.includes('.') ? [path.split('.')[0]] : [])),
)

interface Leaf {
  readonly path: string
  readonly value: Value
}

/** Values at the top, and one level below in the blocks that hold settings. */
function* leaves({ root, syntax }: Document): Generator<Leaf> {
  for (const { keys, value } of root.items) {
    if (keys.length > 1) continue
    const name = foldKey(keys[0]!.name)
    // `server.enabled = true` is one key, and not the one inside `server`.
    if (name.includes('.')) continue
    if (!blocks.has(name)) yield { path: name, value }
    else {
      for (const object of objectsOf(value, syntax)) {
        for (const inner of object.items) {
          if (inner.keys.length === 1) {
            yield { path: `${name}.${foldKey(inner.keys[0]!.name)}`, value: inner.value }
          }
        }
      }
    }
  }
}

/** A block; in JSON a list of objects is the same as several blocks (json/parser/flatten.go). */
function objectsOf(value: Value, syntax: Document['syntax']): readonly ObjectValue[] {
  if (value.type === 'object') return [value]
  if (value.type !== 'list' || syntax !== 'json') return []
  const objects = value.items.filter((item) => item.type === 'object')
  return objects.length === value.items.length ? objects : []
}

function decode(
  document: Document,
  literal: Literal,
  { type }: Setting,
): boolean | string | number | undefined {
  switch (type) {
    case 'boolean':
      return asBoolean(document, literal)
    case 'string':
      return asString(document, literal)
    case 'integer': {
      const value = asInteger(document, literal)
      return value === undefined ? undefined : Number(value)
    }
  }
}
