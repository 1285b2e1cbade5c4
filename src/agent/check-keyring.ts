/**
 * How many `keyring` blocks of a server are active, after Nomad's merge over all files.
 *
 * @module
 */

import type { Diagnostic } from '../diagnostics.js'
import { asBoolean, asString, type Document, type Key, positionsIn, sameKey } from '../hcl/index.js'
import { diagnostic } from './codes.js'
import { type Entry, entriesOf } from './flatten.js'
import type { AgentConfig, Origin } from './read-agent-config.js'

interface Keyring {
  /** Provider and name: two files merge the blocks that have the same. */
  readonly id: string
  readonly active: boolean
  readonly origin: Origin
}

/**
 * Finds a second active block: a server of Nomad Community Edition stops at it
 * (nomad/encrypter_ce.go:28 of 1.11.3), one of Enterprise uses all of them.
 *
 * @param config As read, every file of it.
 */
export function checkKeyrings({ files, values }: AgentConfig): Diagnostic[] {
  // Only Enterprise has a license.
  if (values.has('server.license_path')) return []
  const byFile = files.flatMap(({ file, document }) => {
    if (document === undefined) return []
    const position = positionsIn(document.text)
    const found = [...keyringsIn(document)].map(({ key, ...rest }): Keyring => ({
      ...rest,
      origin: { file, ...position(key.start) },
    }))
    return found.length === 0 ? [] : [found]
  })
  // One file is taken as it is; of several the last block counts (command/agent/config.go:2135-2167).
  const merged =
    byFile.length < 2
      ? byFile.flat()
      : [...new Map(byFile.flat().map((keyring) => [keyring.id, keyring])).values()]
  const [first, second] = merged.filter(({ active }) => active)
  if (first === undefined || second === undefined) return []
  const message = `"keyring" is active in ${first.origin.file}:${first.origin.line} too: a server of Nomad Community Edition stops`
  return [
    diagnostic('warning', 'agent/keyring-active', second.origin, message, {
      file: second.origin.file,
      hint: 'active = true in one block; Nomad Enterprise takes several',
    }),
  ]
}

function* keyringsIn(
  document: Document,
): Generator<{ readonly id: string; readonly active: boolean; readonly key: Key }> {
  for (const entry of entriesOf(document)) {
    if (sameKey(entry.keys[0]!.name, 'keyring')) yield* keyringIn(document, entry)
  }
}

function* keyringIn(
  document: Document,
  { keys, value }: Entry,
): Generator<{ readonly id: string; readonly active: boolean; readonly key: Key }> {
  const [first, provider] = keys
  if (first === undefined || value.type !== 'object') return
  if (provider === undefined) {
    // Providers that hold lists, in JSON.
    for (const inner of value.entries) {
      yield* keyringIn(document, { keys: [first, ...inner.keys], value: inner.value })
    }
    return
  }
  const own = (name: string): Entry['value'] | undefined =>
    value.entries.findLast(({ keys: [key] }) => sameKey(key!.name, name))?.value
  const [active, name] = [own('active'), own('name')]
  yield {
    key: first,
    active: active?.type === 'literal' && asBoolean(document, active.literal) === true,
    id: JSON.stringify([
      provider.name,
      name?.type === 'literal' ? asString(document, name.literal) : '',
    ]),
  }
}
