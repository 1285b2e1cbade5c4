/**
 * What Nomad decodes from one document: its values, and the keys that are left over after Nomad's own
 * tidying.
 *
 * @module
 */

import { type Document, sameKey } from '../hcl/index.js'
import { memoByObject, memoLast } from '../memo.js'
import { holdsIn } from '../nomad/versions.js'
import { foreignBlocks } from './check-foreign.js'
import { type Decoded, decodeShape } from './decode-shape.js'
import { entriesOf } from './flatten.js'
import { datedKeys, schemaOf } from './schema-table.js'

/** Three checks ask for the same document, all by one version; decoding is most of their cost. */
const decodings = memoByObject((document: Document) =>
  memoLast((version: string): Decoded => {
    const nomadVersion = version === '' ? undefined : version
    const decoded = decodeShape(document, entriesOf(document), schemaOf(nomadVersion))
    tidy(decoded, nomadVersion)
    return decoded
  }),
)

/**
 * Decodes a document by the schema of a version.
 *
 * @param document As parsed.
 * @param nomadVersion `1.11.3`; absent: any that is supported.
 */
export function decodedOf(document: Document, nomadVersion: string | undefined): Decoded {
  return decodings(document)(nomadVersion ?? '')
}

/**
 * Nomad's own tidying before it looks at what is left over (command/agent/config_parse.go
 * extraKeys): keys that the decoder leaves over by accident are taken away, each as often as a
 * block could have caused it. That is why repeated `server` and `client` blocks pass and repeated
 * `tls` blocks do not.
 */
function tidy({ leftOver, names }: Decoded, version: string | undefined): void {
  const remove = (path: string, ...keys: readonly string[]): void => {
    const pool = leftOver.get(path)
    if (pool !== undefined) for (const key of keys) pool.remove(key)
  }
  const removeAll = (matches: (name: string) => boolean): void => {
    leftOver.get('')?.removeAll(matches)
  }
  const labels = (path: string): readonly string[] => names.get(path) ?? []
  new Set(labels('http_api_response_headers')).forEach(() => {
    remove('', 'http_api_response_headers')
  })
  for (const name of labels('plugin')) remove('', name, 'config', 'plugin')
  for (const key of ['options', 'meta', 'chroot_env', 'servers', 'server_join']) {
    remove('', key, 'client')
  }
  if (holdsIn({ since: '1.9.0' }, version)) {
    remove('', 'template', 'client')
    for (const key of templateKeys) remove('client', key, 'template')
  }
  remove('client', 'stats')
  for (const name of labels('client.host_volume')) remove('client', name, 'host_volume')
  for (const name of labels('client.host_network')) remove('client', name, 'host_network')
  for (const name of labels('audit.filter')) remove('audit', name, 'filter')
  for (const name of labels('audit.sink')) remove('audit', name, 'sink')
  for (const key of ['enabled_schedulers', 'start_join', 'retry_join', 'server_join']) {
    remove('', key, 'server')
  }
  remove('server', 'preemption_config')
  remove('', 'datadog_tags', 'telemetry')
  if (holdsIn(datedKeys.get('keyring')!, version)) removeAll((name) => sameKey(name, 'keyring'))
  for (const name of labels('keyring')) remove('', name)
  removeAll((name) => ['license', ...foreignBlocks].includes(name))
  if (holdsIn({ since: '1.11.3' }, version)) {
    remove('', 'service_identity', 'task_identity', 'default_identity')
  }
  for (const name of labels('client.fingerprint')) remove('client', name, 'fingerprint')
}

const templateKeys = [
  'function_denylist',
  'disable_file_sandbox',
  'max_stale',
  'wait',
  'wait_bounds',
  'block_query_wait',
  'consul_retry',
  'vault_retry',
  'nomad_retry',
]
