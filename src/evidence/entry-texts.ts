/**
 * Texts of a form in a file of evidence: an endpoint, a digest.
 *
 * @module
 */

import type { Entry } from './evidence-reader.js'
import { shown } from './json-text.js'

/** `10.0.0.11:4646` under the key `endpoint`; `undefined`, and a diagnostic, for anything else. */
export function endpointIn(entry: Entry): string | undefined {
  const endpoint = entry.text('endpoint')
  if (endpoint === undefined || /^(?:\[[0-9A-Fa-f:.%\w-]+\]|[\w.-]+):[0-9]{1,5}$/.test(endpoint)) {
    return endpoint
  }
  entry.fault('endpoint', 'evidence/value', `${shown(endpoint)} is not a host and port`)
  return undefined
}

/** A SHA-256 in hex under a key; `undefined`, and a diagnostic, for anything else. */
export function digestIn(entry: Entry, key: string): string | undefined {
  const digest = entry.text(key)
  if (digest === undefined || /^[0-9a-f]{64}$/.test(digest)) return digest
  entry.fault(key, 'evidence/value', `${shown(digest)} is not a SHA-256`, {
    expected: '64 hexadecimal digits in lower case',
  })
  return undefined
}
