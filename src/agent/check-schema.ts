/**
 * One file held against the keys and types that Nomad decodes it into: what stops the agent, and
 * what it silently ignores.
 *
 * @module
 */

import { type Diagnostic, didYouMean } from '../diagnostics.js'
import { asString, type Document, foldKey, type Key, positionsIn } from '../hcl/index.js'
import { memoByObject } from '../memo.js'
import { holdsIn, isKnownRelease, supportedVersions, type VersionRange } from '../nomad/versions.js'
import { checkDropped } from './check-dropped.js'
import { checkFingerprints, checkVolumes } from './check-client.js'
import { checkForeign, type Say } from './check-foreign.js'
import { diagnostic } from './codes.js'
import { distinct } from './contradictions.js'
import { decodedOf } from './decoded.js'
import { type Entry, entriesOf } from './flatten.js'
import { isSecretKey } from './redact.js'
import { type BlockShape, datedKeys, schemaOf } from './schema-table.js'
import { type Roles, anyRole, valueRules } from './value-rules.js'

/** What is known beside the file. */
export interface CheckSchemaOptions {
  readonly file?: string | undefined
  /** The version of Nomad, `1.11.3`; default: any that is supported. */
  readonly nomadVersion?: string | undefined
  /**
   * Whether `tls` is about to be edited: an unknown key elsewhere is then a warning, since it stops
   * the agent with and without the edit; default: no.
   */
  readonly forEdit?: boolean | undefined
  /** Skip the values in `tls`, which another check judges; default: no. */
  readonly exceptTls?: boolean | undefined
  /** What the agent is: it looks at a server's or a client's values only as one; default: either. */
  readonly roles?: Roles | undefined
  /** Paths that a later file sets: what they are here, Nomad never looks at; default: none. */
  readonly overridden?: ReadonlySet<string> | undefined
}

/**
 * For each file the paths that files after it set to something, among those whose values Nomad
 * judges after the merge.
 *
 * @param documents In the order of reading; `undefined` for what cannot be read.
 */
export function overriddenPaths(
  documents: readonly (Document | undefined)[],
  nomadVersion?: string,
): readonly ReadonlySet<string>[] {
  const later = new Set<string>()
  // Of one file nothing is overridden, and that is most of them.
  if (documents.length < 2) return documents.map(() => later)
  return documents
    .toReversed()
    .map((document) => {
      const seen = new Set(later)
      if (document !== undefined) {
        for (const { path, literal } of decodedOf(document, nomadVersion).values) {
          // Merging leaves out what is empty or 0; labelled blocks are merged by their labels.
          const set = valueRules.has(path) && !path.startsWith('client.host_network')
          if (set && !['', '0'].includes(asString(document, literal))) later.add(path)
        }
      }
      return seen
    })
    .reverse()
}

/**
 * What Nomad would refuse, or silently ignore, in one file.
 *
 * @param document The file, parsed.
 */
export function checkSchema(document: Document, options: CheckSchemaOptions = {}): Diagnostic[] {
  const { file, nomadVersion, roles = anyRole } = options
  const position = positionsIn(document.text)
  const diagnostics: Diagnostic[] = []
  // A reader needs no more, and hostile texts hold a hundred thousand.
  const full = (): boolean => diagnostics.length >= 1000
  const say: Say = (severity, code, at, message, details = {}) => {
    if (full()) return
    diagnostics.push(diagnostic(severity, code, position(at), message, { file, ...details }))
  }
  const entries = entriesOf(document)
  const schema = schemaOf(nomadVersion)
  const decoded = decodedOf(document, nomadVersion)
  for (const { start, path, kind, expected } of decoded.faults) {
    if (options.exceptTls === true && path.startsWith('tls')) continue
    const message = `Nomad cannot decode the value of "${path}"`
    say('error', kind === 'duration' ? 'agent/duration' : 'agent/value', start, message, {
      expected,
    })
  }
  const told = new Set<Key>()
  // Most texts leave nothing over, and then nothing is asked about labels.
  const labels = [...decoded.leftOver.values()].every((pool) => pool.isEmpty())
    ? undefined
    : { secrets: new Set(secretLabels(entries)), owners: new Map(labelsIn(entries)) }
  for (const { path, shape } of labels === undefined ? [] : blocksIn(schema)) {
    for (const key of decoded.leftOver.get(path)?.rest() ?? []) {
      if (full()) break
      // A slip of the pen is one of few; a text full of unknown keys is something else.
      told.add(key)
      const hidden = labels?.secrets.has(key.start) === true
      const hinted = diagnostics.length < 100
      const owner = labels?.owners.get(key.start)
      const json = document.syntax === 'json'
      sayLeftOver({ key, path, shape, hinted, hidden, owner, json }, options, say)
    }
  }
  checkDropped(entries, schema, told, say)
  for (const { path, literal } of decoded.values) {
    const range = datedKeys.get(path)
    if (range?.until === undefined) continue
    say('warning', 'agent/removed-key', literal.start, removal(path, range), {
      hint: 'remove the line before an upgrade',
    })
  }
  for (const { path, literal } of decoded.values) {
    const rule = valueRules.get(path)
    if (rule === undefined || !holdsIn(rule, nomadVersion)) continue
    if (rule.fits(asString(document, literal))) continue
    const unseen =
      options.overridden?.has(path) === true
        ? 'if no later file set another'
        : rule.role !== undefined && !roles[rule.role]
          ? `if the agent were a ${rule.role}`
          : undefined
    say(
      unseen === undefined ? 'error' : 'warning',
      rule.code ?? 'agent/value',
      literal.start,
      unseen === undefined
        ? `Nomad refuses the value of "${path}"`
        : `Nomad would refuse the value of "${path}", ${unseen}`,
      { expected: rule.expected },
    )
  }
  checkForeign(document, entries, nomadVersion, say)
  checkVolumes(document, entries, say)
  if (roles.client && holdsIn(datedKeys.get('client.fingerprint')!, nomadVersion)) {
    checkFingerprints(entries, options.forEdit === true ? 'warning' : 'error', say)
  }
  // A label is left over at the top and, if it is a block's own, in the block too.
  return distinct(diagnostics).sort((a, b) => a.line - b.line || a.column - b.column)
}

interface LeftOver {
  readonly key: Key
  readonly path: string
  readonly shape: BlockShape
  /** Whether a key that is nearly the same is worth a search. */
  readonly hinted: boolean
  /** Whether it is likely a secret. */
  readonly hidden: boolean
  /** The block whose label it is; in JSON one more key says what a label says in HCL. */
  readonly owner: string | undefined
  readonly json: boolean
}

/** Where each label stands, and the name of its block. */
function* labelsIn(entries: readonly Entry[]): Generator<readonly [number, string]> {
  for (const { keys, value } of entries) {
    const [first, ...labels] = keys
    for (const { start } of labels) yield [start, first!.name]
    if (value.type === 'object') yield* labelsIn(value.entries)
  }
}

/**
 * Where labels of secrets stand: `encrypt "…"` without its "=", and a block on the next line, is a block
 * with a label.
 */
function* secretLabels(entries: readonly Entry[]): Generator<number> {
  for (const { keys, value } of entries) {
    const first = keys.findIndex(({ name }) => isSecretKey(name))
    if (first !== -1) for (const { start } of keys.slice(first + 1)) yield start
    if (value.type === 'object') yield* secretLabels(value.entries)
  }
}

function sayLeftOver(
  { key, path, shape, hinted, hidden, owner, json }: LeftOver,
  { nomadVersion, forEdit }: CheckSchemaOptions,
  say: Say,
): void {
  const { start } = key
  const name = hidden && !Object.hasOwn(shape.fields, foldKey(key.name)) ? '(hidden)' : key.name
  const place = owner ?? path
  const where = place === '' ? 'at the top' : `in "${place}"`
  const stops = shape.type === 'strict'
  // A slip in `tls` is mended with it; elsewhere it stops the agent with and without an edit.
  const sure = isKnownRelease(nomadVersion) && (forEdit !== true || path === 'tls')
  const severity = stops && sure ? 'error' : 'warning'
  if (owner !== undefined && !json) {
    const code = stops ? 'agent/unknown-key' : 'agent/ignored'
    const message = `"${owner}" has the label "${name}", and Nomad ${stops ? 'stops' : 'ignores it'}`
    say(severity, code, start, message, { hint: 'remove the label, or write "=" before a value' })
    return
  }
  if (Object.hasOwn(shape.fields, foldKey(name))) {
    if (stops) {
      say('error', 'agent/repeated-key', start, `"${name}" occurs once too often ${where}`, {
        hint: `remove one: Nomad stops with "unexpected keys ${name}"`,
      })
    } else {
      say('warning', 'agent/ignored', start, `"${name}" occurs twice ${where}: the last one counts`)
    }
    return
  }
  const full = path === '' ? foldKey(name) : `${path}.${foldKey(name)}`
  const range = datedKeys.get(full)
  if (range?.until !== undefined && !holdsIn(range, nomadVersion)) {
    say(severity, 'agent/removed-key', start, removal(full, range), { hint: 'remove the line' })
    return
  }
  const near = hinted ? didYouMean(name, Object.keys(shape.fields)) : undefined
  const hint =
    range?.since !== undefined
      ? `remove it, or upgrade: Nomad ${range.since} and later know it`
      : near !== undefined
        ? `did you mean "${near}"?`
        : isKnownRelease(nomadVersion)
          ? undefined
          : `look it up: known here are the keys of Nomad ${supportedVersions.oldest} to ${supportedVersions.newest}`
  const nomad = nomadVersion === undefined ? 'Nomad' : `Nomad ${nomadVersion}`
  const message = `${nomad} does not know "${name}" ${where}, and ${stops ? 'stops' : 'ignores it'}`
  say(severity, stops ? 'agent/unknown-key' : 'agent/ignored', start, message, { hint })
}

function removal(path: string, { until }: VersionRange): string {
  return `Nomad ${until!} removed "${path.slice(path.lastIndexOf('.') + 1)}"`
}

/** A schema has 50 blocks, and they are the same for every document. */
const blocksIn = memoByObject((schema: BlockShape) => [...blocksOf(schema, '')])

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
