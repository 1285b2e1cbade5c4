/**
 * Blocks that no schema describes in full: `consul` and `vault`, which go through another decoder
 * (command/agent/config_parse.go:520-720), and `keyring`, whose keys depend on its provider.
 *
 * @module
 */

import type { Severity } from '../diagnostics.js'
import { asString, type Document, foldKey, sameKey } from '../hcl/index.js'
import { holdsIn, supportedVersions, type VersionRange } from '../nomad/versions.js'
import type { AgentCode, DiagnosticDetails } from './codes.js'
import { isGoDuration } from './duration.js'
import type { Entry, Shaped } from './flatten.js'
import { type BlockShape, datedKeys } from './schema-table.js'

/** How a check says something of a place in its text. */
export type Say = (
  severity: Severity,
  code: AgentCode,
  at: number,
  message: string,
  details?: DiagnosticDetails,
) => void

/** Blocks that Nomad reads without a schema (command/agent/config_parse.go:81-105). */
export const foreignBlocks: readonly string[] = ['consul', 'vault']

/** The providers of `keyring` blocks (nomad/structs/keyring.go). */
const keyringProviders: readonly string[] = [
  'aead',
  'awskms',
  'azurekeyvault',
  'gcpckms',
  'transit',
]

type Weak = 'bool' | 'string' | 'int' | 'duration' | 'identity' | 'strings' | 'map'

/** What a key holds, in the versions that know it. */
interface WeakKey extends VersionRange {
  readonly type: Weak
}

const of = (type: Weak, names: string, range: VersionRange = {}): (readonly [string, WeakKey])[] =>
  names.split(' ').map((name) => [name, { type, ...range }] as const)

/** For tokens that Nomad itself fetched (nomad/structs/config/vault.go and consul.go of 1.9.7). */
const before110 = { until: '1.10.0' }

/** What the weak decoder makes of keys (nomad/structs/config/consul.go, vault.go); others it ignores. */
const weakKeys: Readonly<Record<string, ReadonlyMap<string, WeakKey>>> = {
  consul: new Map([
    ...of(
      'bool',
      'auto_advertise checks_use_advertise client_auto_join server_auto_join share_ssl ssl verify_ssl',
    ),
    ...of(
      'int',
      'client_failures_before_critical client_failures_before_warning server_failures_before_critical server_failures_before_warning',
    ),
    ...of('bool', 'allow_unauthenticated', before110),
    ...of('duration', 'timeout'),
    ...of('identity', 'service_identity task_identity'),
    ...of('strings', 'tags'),
    ...of(
      'string',
      'name server_service_name server_http_check_name server_serf_check_name server_rpc_check_name client_service_name client_http_check_name token auth address grpc_address grpc_ca_file ca_file cert_file key_file namespace service_auth_method task_auth_method',
    ),
  ]),
  vault: new Map([
    ...of('bool', 'enabled tls_skip_verify'),
    ...of('bool', 'allow_unauthenticated', before110),
    ...of('string', 'task_token_ttl', before110),
    ...of('identity', 'default_identity'),
    ...of(
      'string',
      'name create_from_role namespace address jwt_auth_backend_path ca_file ca_path cert_file key_file tls_server_name token',
    ),
  ]),
}

const identityKeys: ReadonlyMap<string, WeakKey> = new Map([
  ...of('bool', 'env file'),
  ...of('duration', 'ttl'),
  ...of('string', 'filepath', { since: '1.9.0' }),
  ...of('strings', 'aud'),
  ...of('map', 'extra_claims', { since: '1.8.3' }),
])

/** The same keys as a schema, of all versions, for those that ask what a text is for; `undefined` for a different block. */
export function foreignSchema(block: string): BlockShape | undefined {
  return schemas.get(block)
}

function shapeOf(keys: ReadonlyMap<string, WeakKey>): BlockShape {
  return {
    type: 'lax',
    fields: Object.fromEntries(
      [...keys].map(([name, { type }]) => [
        name,
        type === 'identity' ? shapeOf(identityKeys) : type,
      ]),
    ),
  }
}

const schemas: ReadonlyMap<string, BlockShape> = new Map(
  Object.entries(weakKeys).map(([block, keys]) => [block, shapeOf(keys)]),
)

const expectations: Readonly<Record<Weak, string>> = {
  bool: 'true or false',
  string: 'a quoted string',
  int: 'a whole number',
  duration: 'a duration such as "30s"',
  identity: 'a block',
  strings: 'a list of strings',
  map: 'a block of strings',
}

/** What the value of a key is, in a message. */
const called: Readonly<Record<Exclude<Weak, 'identity'>, string>> = {
  bool: 'boolean',
  string: 'string',
  int: 'number',
  duration: 'duration',
  strings: 'list of strings',
  map: 'block of strings',
}

/**
 * Checks the blocks of both kinds.
 *
 * @param document Where the literals stand.
 * @param entries The root's.
 * @param version `1.11.3`; absent: any that is supported.
 */
export function checkForeign(
  document: Document,
  entries: readonly Entry[],
  version: string | undefined,
  say: Say,
): void {
  for (const entry of entries) {
    const name = entry.keys[0]!.name
    const foreign = foreignBlocks.find((block) => sameKey(block, name))
    if (foreign !== undefined) {
      checkWeak({ document, version, say }, foreign, entry.value, weakKeys[foreign]!)
    } else if (sameKey(name, 'keyring') && holdsIn(datedKeys.get('keyring')!, version)) {
      checkKeyring(entry, say)
    }
  }
}

interface WeakCheck {
  readonly document: Document
  readonly version: string | undefined
  readonly say: Say
}

function checkWeak(
  check: WeakCheck,
  path: string,
  block: Shaped,
  known: ReadonlyMap<string, WeakKey>,
): void {
  const { document, version, say } = check
  if (block.type !== 'object') {
    say('error', 'agent/value', block.start, `"${path}" does not hold a block`, {
      expected: `${path} { … }`,
    })
    return
  }
  const firsts = new Map<string, Entry>()
  const lasts = new Map(block.entries.map((entry) => [entry.keys[0]!.name, entry]))
  for (const entry of block.entries) {
    const { keys, value } = entry
    const name = keys[0]!.name
    const first = firsts.get(name)
    if (first === undefined) firsts.set(name, entry)
    else if (!joins(document, first, entry)) {
      const message = `"${name}" occurs twice in "${path}", with values that do not go together`
      say('error', 'agent/repeated-key', keys[0]!.start, message)
      continue
    }
    const weak = known.get(foldKey(name))
    if (weak === undefined || !isRead(weak, version)) continue
    // A list of blocks is as good as more of them behind a first one.
    if (first?.value.type === 'object' && value.type === 'list') continue
    const { type } = weak
    if (type === 'identity') {
      // Nomad takes the block out by its exact name; under another spelling the decoder finds a list.
      if (name !== foldKey(name)) {
        say('error', 'agent/value', keys[0]!.start, `Nomad cannot decode "${name}" of "${path}"`, {
          expected: foldKey(name),
        })
      }
      checkWeak(check, `${path}.${foldKey(name)}`, value, identityKeys)
      continue
    }
    // What a later one replaces is never looked at.
    if (value.type === 'literal' && lasts.get(name) !== entry) continue
    // A label is one more block around.
    if (
      decodes(document, value, type, first?.value ?? value) &&
      (type !== 'map' || keys.length === 1)
    )
      continue
    const duration = type === 'duration' && value.type === 'literal'
    say(
      'error',
      duration ? 'agent/duration' : 'agent/value',
      value.start,
      `"${name}" of "${path}" is not a ${called[type]}`,
      { expected: expectations[type] },
    )
  }
}

/** Whether a version reads a key; where any is meant, the newest has to. */
function isRead(range: VersionRange, version: string | undefined): boolean {
  return holdsIn(range, version ?? supportedVersions.newest)
}

/**
 * Whether Nomad can decode what a key holds at a second place: into what the first one was (hcl
 * decoder.go:121-300), all with a label or none.
 */
function joins(document: Document, first: Entry, second: Entry): boolean {
  if (first.keys.length > 1 !== second.keys.length > 1) return false
  const { value } = second
  switch (first.value.type) {
    case 'object':
      return (
        value.type === 'object' ||
        (value.type === 'list' && value.items.every(({ type }) => type === 'object'))
      )
    case 'list':
      return value.type !== 'literal'
    case 'literal':
      break
  }
  if (value.type !== 'literal') return false
  const { kind } = value.literal
  const text = asString(document, value.literal)
  switch (first.value.literal.kind) {
    case 'bool':
      return kind !== 'heredoc' && /^(?:0|1|true|false)$/i.test(text)
    case 'number':
      return (kind === 'number' || kind === 'string') && isGoInteger(text)
    case 'float':
      return kind === 'number' || kind === 'float'
    default:
      return true
  }
}

/** @param shape What it is decoded into: the first value of its key. */
function decodes(document: Document, value: Shaped, type: Weak, shape: Shaped): boolean {
  switch (type) {
    case 'strings':
      // One value counts as a list of it; a block is a list with a map in it.
      return value.type === 'literal' || (value.type === 'list' && value.items.every(isLiteral))
    case 'map':
      return value.type === 'list'
        ? value.items.every((item) => item.type === 'object' && decodes(document, item, type, item))
        : value.type === 'object' &&
            value.entries.every(({ keys, value: held }) => keys.length === 1 && isLiteral(held))
    default:
      return (
        value.type === 'literal' && fits(asString(document, value.literal), isText(shape), type)
      )
  }
}

function isLiteral({ type }: Shaped): boolean {
  return type === 'literal'
}

/** The decoder turns numbers and booleans into each other and into text; of text it is particular. */
function fits(text: string, quoted: boolean, type: Weak): boolean {
  switch (type) {
    case 'bool':
      return !quoted || isWeakBoolean(text)
    case 'int':
      return !quoted || text === '' || isGoInteger(text)
    case 'duration':
      return isGoDuration(text)
    default:
      return true
  }
}

/** What Go's `strconv.ParseInt` reads with base 0. */
function isGoInteger(text: string): boolean {
  return /^[+-]?(?:0[xX][0-9A-Fa-f_]+|0[bB][01_]+|0[oO]?[0-7_]*|[1-9][0-9_]*)$/.test(text)
}

/** Go's `strconv.ParseBool`, or nothing. */
function isWeakBoolean(text: string): boolean {
  return /^(?:|1|t|T|TRUE|true|True|0|f|F|FALSE|false|False)$/.test(text)
}

/** command/agent/config_parse.go:612-648: everything but `active` and `name` has to be a string. */
function checkKeyring({ keys, value }: Entry, say: Say, listed = false): void {
  const [kind, provider, label] = keys
  const providers = keyringProviders.join(', ')
  const noProvider = (): void =>
    say('error', 'agent/value', kind!.start, 'the "keyring" block has no provider', {
      expected: `keyring "aead" { … }; there are ${providers}`,
    })
  // An empty list is an item without a block: Nomad counts the one and looks for the other, and panics.
  if (value.type === 'list' && value.items.length === 0) noProvider()
  // Something that is not a block was told by the decoder.
  if (value.type !== 'object') return
  if (provider === undefined && value.entries.length > 0 && isNested(value.entries)) {
    // In JSON providers can hold lists, { "keyring": { "aead": [{ … }] } }; Nomad then looks for the
    // provider's own keys one level too high, and does not find them.
    for (const inner of value.entries) {
      checkKeyring({ keys: [kind!, ...inner.keys], value: inner.value }, say, true)
    }
    return
  }
  if (provider === undefined) {
    noProvider()
    return
  }
  if (!keyringProviders.includes(provider.name)) {
    say(
      'error',
      'agent/value',
      provider.start,
      `Nomad does not know the keyring "${provider.name}"`,
      {
        expected: providers,
      },
    )
  }
  if (label !== undefined) {
    say('error', 'agent/value', label.start, 'the "keyring" block has a second label')
  }
  const own = new Set<string>()
  const first = new Map<string, Shaped>()
  for (const entry of value.entries) {
    const key = entry.keys[0]!
    const name = foldKey(key.name)
    const isOwn = name === 'active' || name === 'name'
    if (!first.has(key.name)) first.set(key.name, entry.value)
    // A second one counts as an extra key, and Nomad takes the first value under its exact name: text.
    if (isOwn && own.has(name) && (listed || !isText(first.get(key.name)!))) {
      say('error', 'agent/repeated-key', key.start, `"${key.name}" occurs twice in "keyring"`)
    }
    own.add(name)
    if (listed && !isOwn) {
      const message = `Nomad does not find "${key.name}" where "keyring" holds a list`
      say('error', 'agent/value', key.start, message, {
        expected: 'the provider as an object: "keyring": { "awskms": { … } }',
      })
    }
    if (isOwn || listed || isText(entry.value)) continue
    say('error', 'agent/value', entry.value.start, `"${key.name}" of "keyring" is not a string`, {
      expected: 'a quoted string',
    })
  }
}

function isNested(entries: readonly Entry[]): boolean {
  return entries.every(({ value }) => value.type === 'object')
}

function isText(value: Shaped): boolean {
  return (
    value.type === 'literal' &&
    (value.literal.kind === 'string' || value.literal.kind === 'heredoc')
  )
}
