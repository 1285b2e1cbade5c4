/**
 * One file held against the keys and types that Nomad decodes it into: what stops the agent, and
 * what it silently ignores.
 *
 * @module
 */

import { type Diagnostic, didYouMean } from '../diagnostics.js'
import { asString, type Document, foldKey, type Key, positionsIn, sameKey } from '../hcl/index.js'
import { checkForeign, checkVolumes, foreignBlocks, type Say } from './check-foreign.js'
import { diagnostic } from './codes.js'
import { distinct } from './contradictions.js'
import { type Decoded, decodeShape } from './decode-shape.js'
import { entriesOf } from './flatten.js'
import { agentSchema, type BlockShape } from './schema-table.js'
import { valueRules } from './value-rules.js'

/** What is known beside the file. */
export interface CheckSchemaOptions {
  readonly file?: string | undefined
  /** Leave the values in `tls` to somebody else; default: no. */
  readonly exceptTls?: boolean | undefined
}

/**
 * What Nomad would refuse, or silently ignore, in one file.
 *
 * @param document The file, parsed.
 */
export function checkSchema(document: Document, options: CheckSchemaOptions = {}): Diagnostic[] {
  const { file } = options
  const position = positionsIn(document.text)
  const diagnostics: Diagnostic[] = []
  // Nobody reads more, and hostile texts hold a hundred thousand.
  const full = (): boolean => diagnostics.length >= 1000
  const say: Say = (severity, code, at, message, details = {}) => {
    if (full()) return
    diagnostics.push(diagnostic(severity, code, position(at), message, { file, ...details }))
  }
  const entries = entriesOf(document)
  const decoded = decodeShape(document, entries, agentSchema)
  for (const { start, path, kind, expected } of decoded.faults) {
    if (options.exceptTls === true && path.startsWith('tls')) continue
    const message = `Nomad cannot decode the value of "${path}"`
    say('error', kind === 'duration' ? 'agent/duration' : 'agent/value', start, message, {
      expected,
    })
  }
  tidy(decoded)
  for (const { path, shape } of blocks) {
    for (const key of decoded.leftOver.get(path)?.rest() ?? []) {
      if (full()) break
      const severity = shape.type === 'strict' ? 'error' : 'warning'
      // A slip of the pen is one of few; a text full of unknown keys is something else.
      sayLeftOver(key, path, shape, severity, diagnostics.length < 100, say)
    }
  }
  for (const { path, literal } of decoded.values) {
    const rule = valueRules.get(path)
    if (rule === undefined || rule.fits(asString(document, literal))) continue
    say('error', 'agent/value', literal.start, `Nomad refuses the value of "${path}"`, {
      expected: rule.expected,
    })
  }
  checkForeign(document, entries, say)
  checkVolumes(document, entries, say)
  // A label is left over at the top and, if it is a block's own, in the block too.
  return distinct(diagnostics).sort((a, b) => a.line - b.line || a.column - b.column)
}

function sayLeftOver(
  key: Key,
  path: string,
  shape: BlockShape,
  severity: 'error' | 'warning',
  hinted: boolean,
  say: Say,
): void {
  const where = path === '' ? 'at the top' : `in "${path}"`
  if (Object.hasOwn(shape.fields, foldKey(key.name))) {
    if (severity === 'error') {
      say(
        'error',
        'agent/repeated-key',
        key.start,
        `"${key.name}" occurs once too often ${where}`,
        {
          hint: `Nomad stops with "unexpected keys ${key.name}"`,
        },
      )
    } else {
      say(
        'warning',
        'agent/ignored',
        key.start,
        `"${key.name}" occurs twice ${where}: the last one counts`,
      )
    }
    return
  }
  const near = hinted ? didYouMean(key.name, Object.keys(shape.fields)) : undefined
  const removed = path === 'tls' && sameKey(key.name, 'tls_prefer_server_cipher_suites')
  const hint = near === undefined || removed ? undefined : `did you mean "${near}"?`
  if (removed) {
    say('error', 'agent/removed-key', key.start, `Nomad 1.9.0 removed "${key.name}"`, {
      hint: 'remove the line',
    })
  } else if (severity === 'error') {
    say(
      'error',
      'agent/unknown-key',
      key.start,
      `Nomad knows no "${key.name}" ${where}, and stops`,
      { hint },
    )
  } else {
    say(
      'warning',
      'agent/ignored',
      key.start,
      `Nomad knows no "${key.name}" ${where}, and ignores it`,
      { hint },
    )
  }
}

function* blocksOf(
  shape: BlockShape,
  path: string,
): Generator<{ path: string; shape: BlockShape }> {
  yield { path, shape }
  for (const [name, inner] of Object.entries(shape.fields)) {
    // Nomad does not look for left-over keys in lists of blocks (helper/funcs.go:269-323).
    if (typeof inner === 'object' && inner.type !== 'labelled') {
      yield* blocksOf(inner, path === '' ? name : `${path}.${name}`)
    }
  }
}

const blocks = [...blocksOf(agentSchema, '')]

/**
 * Nomad's own tidying before it looks at what is left over (command/agent/config_parse.go
 * extraKeys): keys that the decoder leaves over by accident are taken away, each as often as a
 * block could have caused it. That is why repeated `server` and `client` blocks pass and repeated
 * `tls` blocks do not.
 */
function tidy({ leftOver, names }: Decoded): void {
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
  for (const key of ['options', 'meta', 'chroot_env', 'servers', 'server_join', 'template']) {
    remove('', key, 'client')
  }
  remove('client', 'stats')
  for (const name of labels('client.host_volume')) remove('client', name, 'host_volume')
  for (const name of labels('client.host_network')) remove('client', name, 'host_network')
  for (const key of templateKeys) remove('client', key, 'template')
  for (const name of labels('audit.filter')) remove('audit', name, 'filter')
  for (const name of labels('audit.sink')) remove('audit', name, 'sink')
  for (const key of ['enabled_schedulers', 'start_join', 'retry_join', 'server_join']) {
    remove('', key, 'server')
  }
  remove('server', 'preemption_config')
  remove('', 'datadog_tags', 'telemetry')
  removeAll((name) => sameKey(name, 'keyring'))
  for (const name of labels('keyring')) remove('', name)
  removeAll((name) => ['license', ...foreignBlocks].includes(name))
  remove('', 'service_identity', 'task_identity', 'default_identity')
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
