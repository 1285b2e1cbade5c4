/**
 * Blocks that no schema describes in full: `consul` and `vault`, which go through another decoder
 * (command/agent/config_parse.go:520-720), `keyring`, whose keys depend on its provider, and the
 * volumes of a client, each of which needs a path.
 *
 * @module
 */

import type { Severity } from '../diagnostics.js'
import { asString, type Document, foldKey, type Key, sameKey } from '../hcl/index.js'
import { holdsIn, supportedVersions, type VersionRange } from '../nomad/versions.js'
import type { AgentCode, DiagnosticDetails } from './codes.js'
import { isGoDuration } from './duration.js'
import type { Entry, Shaped } from './flatten.js'
import { datedKeys } from './schema-table.js'

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
  const labelled = new Map<string, boolean>()
  for (const { keys, value } of block.entries) {
    const name = keys[0]!.name
    // The decoder gathers what one key holds, and wants all of it to be blocks of the same depth.
    if (labelled.get(name) === !(keys.length > 1)) {
      say(
        'error',
        'agent/repeated-key',
        keys[0]!.start,
        `"${name}" occurs with a label and without one in "${path}"`,
      )
    }
    labelled.set(name, keys.length > 1)
    const weak = known.get(foldKey(name))
    if (weak === undefined || !isRead(weak, version)) continue
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
    // A label is one more block around.
    if (decodes(document, value, type) && (type !== 'map' || keys.length === 1)) continue
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

function decodes(document: Document, value: Shaped, type: Weak): boolean {
  switch (type) {
    case 'strings':
      // One value counts as a list of it; a block is a list with a map in it.
      return value.type === 'literal' || (value.type === 'list' && value.items.every(isLiteral))
    case 'map':
      return value.type === 'list'
        ? value.items.every((item) => item.type === 'object' && decodes(document, item, type))
        : value.type === 'object' &&
            value.entries.every(({ keys, value: held }) => keys.length === 1 && isLiteral(held))
    default:
      return value.type === 'literal' && fits(document, value.literal, type)
  }
}

function isLiteral({ type }: Shaped): boolean {
  return type === 'literal'
}

/** The decoder turns numbers and booleans into each other and into text; of text it is particular. */
function fits(
  document: Document,
  literal: Extract<Shaped, { type: 'literal' }>['literal'],
  type: Weak,
): boolean {
  const text = asString(document, literal)
  const quoted = literal.kind === 'string' || literal.kind === 'heredoc'
  switch (type) {
    case 'bool':
      return !quoted || isWeakBoolean(text)
    case 'int':
      return (
        !quoted ||
        /^(?:|[+-]?(?:0[xX][0-9A-Fa-f_]+|0[bB][01_]+|0[oO]?[0-7_]*|[1-9][0-9_]*))$/.test(text)
      )
    case 'duration':
      return isGoDuration(text)
    default:
      return true
  }
}

/** Go's `strconv.ParseBool`, or nothing. */
function isWeakBoolean(text: string): boolean {
  return /^(?:|1|t|T|TRUE|true|True|0|f|F|FALSE|false|False)$/.test(text)
}

/** command/agent/config_parse.go:612-648: everything but `active` and `name` has to be a string. */
function checkKeyring({ keys, value }: Entry, say: Say, listed = false): void {
  const [first, provider, label] = keys
  const providers = keyringProviders.join(', ')
  // Something that is not a block was told by the decoder.
  if (value.type !== 'object') return
  if (provider === undefined && value.entries.length > 0 && isNested(value.entries)) {
    // In JSON providers can hold lists, { "keyring": { "aead": [{ … }] } }; Nomad then looks for the
    // provider's own keys one level too high, and does not find them.
    for (const inner of value.entries) {
      checkKeyring({ keys: [first!, ...inner.keys], value: inner.value }, say, true)
    }
    return
  }
  if (provider === undefined) {
    say('error', 'agent/value', first!.start, 'the "keyring" block has no provider', {
      expected: `keyring "aead" { … }; there are ${providers}`,
    })
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
  const seen = new Map<string, Shaped>()
  for (const entry of value.entries) {
    const key = entry.keys[0]!
    const name = foldKey(key.name)
    const own = name === 'active' || name === 'name'
    // The second one is an extra key, of which Nomad takes the first value: that has to be text.
    const before = seen.get(name)
    if (own && before !== undefined && !isText(before)) {
      say('error', 'agent/repeated-key', key.start, `"${key.name}" occurs twice in "keyring"`)
    }
    if (before === undefined) seen.set(name, entry.value)
    if (listed && !own) {
      const message = `Nomad does not find "${key.name}" where "keyring" holds a list`
      say('error', 'agent/value', key.start, message, {
        expected: 'the provider as an object: "keyring": { "awskms": { … } }',
      })
    }
    if (own || listed || isText(entry.value)) continue
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

/**
 * Keys of a client's `meta` that no variable can be named by (helper/funcs.go validInterpVarKey).
 *
 * @param entries The root's.
 */
export function* faultyMetaKeys(entries: readonly Entry[]): Generator<Key> {
  for (const client of entries) {
    if (!sameKey(client.keys[0]!.name, 'client') || client.value.type !== 'object') continue
    for (const { keys, value } of client.value.entries) {
      if (!sameKey(keys[0]!.name, 'meta') || value.type !== 'object') continue
      for (const { keys: names } of value.entries) {
        if (!/^[^.]+(?:\.[^.]+)*$/.test(names[0]!.name)) yield names[0]!
      }
    }
  }
}

/** command/agent/command.go IsValidConfig: "Missing path in host_volume config". */
export function checkVolumes(document: Document, entries: readonly Entry[], say: Say): void {
  for (const client of entries) {
    if (!sameKey(client.keys[0]!.name, 'client') || client.value.type !== 'object') continue
    for (const { keys, value } of client.value.entries) {
      const [kind, label] = keys
      if (!sameKey(kind!.name, 'host_volume') || value.type !== 'object') continue
      // Without a label each entry is a volume of its own: one that is called by the entry's key, or
      // one that has nothing but this entry.
      const volumes =
        label === undefined
          ? value.entries.map((inner) =>
              inner.value.type === 'object' && inner.keys.length === 1
                ? { place: inner.keys[0]!, entries: inner.value.entries }
                : { place: kind!, entries: [inner] },
            )
          : [{ place: label, entries: value.entries }]
      for (const { place, entries: held } of volumes) {
        const path = held.findLast(({ keys: [key] }) => sameKey(key!.name, 'path'))
        if (path !== undefined && path.keys.length === 1 && !isEmpty(document, path.value)) continue
        say('error', 'agent/value', place.start, `the volume "${place.name}" has no path`, {
          expected: 'path = "/absolute"',
        })
      }
    }
  }
}

function isEmpty(document: Document, value: Shaped): boolean {
  return value.type === 'literal' && asString(document, value.literal) === ''
}
