/**
 * The `fingerprint` blocks of a client: only its start looks at their names and keys.
 *
 * @module
 */

import type { Severity } from '../diagnostics.js'
import { foldKey, sameKey } from '../hcl/index.js'
import type { Say } from './check-foreign.js'
import type { Entry } from './flatten.js'

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
  for (const client of entries) {
    if (!sameKey(client.keys[0]!.name, 'client') || client.value.type !== 'object') continue
    for (const { keys, value } of client.value.entries) {
      const [kind, label] = keys
      if (!sameKey(kind!.name, 'fingerprint') || label === undefined) continue
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
}
