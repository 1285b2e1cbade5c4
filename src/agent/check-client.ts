/**
 * What a schema can't say of a client: each volume needs a path, a key of `meta` has to be fit for a
 * variable, and only some fingerprints can be configured.
 *
 * @module
 */

import type { Severity } from '../diagnostics.js'
import { asString, type Document, foldKey, type Key, sameKey } from '../hcl/index.js'
import type { Say } from './check-foreign.js'
import type { Entry, Shaped } from './flatten.js'

/**
 * Keys of a client's `meta` that no variable can be named by (helper/funcs.go validInterpVarKey).
 *
 * @param entries The root's.
 */
export function* faultyMetaKeys(entries: readonly Entry[]): Generator<Key> {
  for (const { value } of ofClient('meta', entries)) {
    if (value.type !== 'object') continue
    for (const { keys: names } of value.entries) {
      if (!/^[^.]+(?:\.[^.]+)*$/.test(names[0]!.name)) yield names[0]!
    }
  }
}

/** command/agent/command.go IsValidConfig: "Missing path in host_volume config". */
export function checkVolumes(document: Document, entries: readonly Entry[], say: Say): void {
  for (const { keys, value } of ofClient('host_volume', entries)) {
    const [kind, label] = keys
    if (value.type !== 'object') continue
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

/** Whose lookups can be configured, and how (client/config/fingerprint.go:16-119). */
const fingerprinters: readonly string[] = ['env_aws', 'env_azure', 'env_gce', 'env_digitalocean']
const fingerprintKeys: readonly string[] = ['retry_interval', 'retry_attempts', 'exit_on_failure']

/**
 * Tells of names and keys at which a client stops.
 *
 * @param entries The root's.
 * @param unknown How bad a key is that Nomad does not know.
 */
export function checkFingerprints(entries: readonly Entry[], unknown: Severity, say: Say): void {
  for (const { keys, value } of ofClient('fingerprint', entries)) {
    const label = keys[1]
    if (label === undefined) continue
    if (!fingerprinters.includes(label.name)) {
      say(
        'error',
        'agent/value',
        label.start,
        `the fingerprint "${label.name}" cannot be configured`,
        {
          expected: fingerprinters.join(', '),
        },
      )
    }
    if (value.type !== 'object') continue
    for (const { keys: inner } of value.entries) {
      const key = inner[0]!
      if (fingerprintKeys.includes(foldKey(key.name))) continue
      const message = `Nomad does not know "${key.name}" in "fingerprint", and stops`
      say(unknown, 'agent/unknown-key', key.start, message, {
        expected: fingerprintKeys.join(', '),
      })
    }
  }
}

/** What the `client` blocks hold under a key. */
function* ofClient(key: string, entries: readonly Entry[]): Generator<Entry> {
  for (const { keys, value } of entries) {
    if (!sameKey(keys[0]!.name, 'client') || value.type !== 'object') continue
    yield* value.entries.filter((inner) => sameKey(inner.keys[0]!.name, key))
  }
}

function isEmpty(document: Document, value: Shaped): boolean {
  return value.type === 'literal' && asString(document, value.literal) === ''
}
