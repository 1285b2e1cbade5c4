/**
 * A configuration without its secrets, for diffs and reports.
 *
 * @module
 */

import {
  asString,
  type Document,
  foldKey,
  type Item,
  type Literal,
  parseConfig,
  type Value,
} from '../hcl/index.js'
import { applySplices, type Splice } from '../splice.js'

/** What stands in the place of a secret. */
const redacted = '"(hidden)"'

const secret =
  /encrypt$|token|secret|passw|passphrase|credential|private_?key|access_?key|api_?key|^auth$|^license$|^key$|signature|authorization|cookie/
const harmless = /(?:_ttl|_threshold|_path|_file|_dir|_name|_id|_type|_method)$/

/** A comment that talks of a secret may hold it in any form: `# the token is …`. */
const prose = /token|secret|passw|passphrase|credential|encrypt/i

/** A value that holds a secret whatever its key is called: cloud auto-join, a URL with a password. */
const secretValue =
  /(?:token|secret|passw|passphrase|credential|access_?key|api_?key)\w*=[^\s]|:\/\/[^\s/@:]*:[^\s/@]+@/i

/** Whether a key's value is never shown: `encrypt`, tokens, passwords and the like. */
export function isSecretKey(name: string): boolean {
  const folded = foldKey(name)
  return secret.test(folded) && !harmless.test(folded)
}

/** What is hidden: what sounds secret; or every text outside the `tls` block, for a diff of that block. */
export type Hidden = 'secrets' | 'outside-tls'

/**
 * Hides every secret of a configuration, and nothing else.
 *
 * @param text HCL or JSON.
 * @returns `undefined` if the text cannot be read: then its secrets cannot be located.
 */
export function redactSecrets(text: string): string | undefined {
  const spans = hiddenSpans(text, 'secrets')
  return spans === undefined ? undefined : applySplices(text, spans)
}

/**
 * Where the text of a configuration is not shown, and what is shown there.
 *
 * @param text HCL or JSON.
 * @param hidden What is hidden.
 * @returns In the order of the text; `undefined` if the text cannot be read.
 */
export function hiddenSpans(text: string, hidden: Hidden): readonly Splice[] | undefined {
  const { document } = parseConfig(text)
  if (document === undefined) return undefined
  return [...spansOf(document, hidden)].sort((a, b) => a.start - b.start)
}

function* spansOf(document: Document, hidden: Hidden): Generator<Splice> {
  const { root } = document
  const isTls = ({ keys }: Item): boolean => foldKey(keys[0]!.name) === 'tls'
  for (const item of root.items) {
    yield* inItems(document, [item], hidden === 'outside-tls' && !isTls(item))
  }
  const tls = root.items.filter(isTls)
  for (const { start, end } of document.comments) {
    const within = tls.some((item) => start >= item.start && end <= item.end)
    const whole = !within || prose.test(document.text.slice(start, end))
    if (hidden === 'outside-tls' && whole) yield hiddenComment(document.text, start, end)
    // An attribute that was commented out is often still in use elsewhere.
    else yield* inComment(document.text, start, end)
  }
}

function hiddenComment(text: string, start: number, end: number): Splice {
  if (text.startsWith('/*', start)) return { start, end, text: '/* (hidden) */' }
  const mark = text.startsWith('//', start) ? '//' : '#'
  const tail = /\r?\n$/.exec(text.slice(start, end))?.[0] ?? ''
  return { start, end: end - tail.length, text: `${mark} (hidden)` }
}

function* inComment(text: string, start: number, end: number): Generator<Splice> {
  for (const match of text.slice(start, end).matchAll(assignment)) {
    const [whole, name, value] = match
    if (!isSecretKey(name!) && !secretValue.test(value!)) continue
    const at = start + match.index + whole.length - value!.length
    yield { start: at, end: at + value!.length, text: redacted }
  }
}

// Starts at the start of a word only: else a long word costs the square of its length.
const assignment = /(?<![\w-])([\w-]+)"?[ \t]*[=:][ \t]*("[^"\n]*"|[^\s#]+)/g

/**
 * Where every text of some items stands.
 *
 * @param items Items of the document, with all below them.
 */
export function hiddenIn(document: Document, items: readonly Item[]): Generator<Splice> {
  return inItems(document, items, true)
}

function* inItems(document: Document, items: readonly Item[], all: boolean): Generator<Splice> {
  for (const { keys, value } of items) {
    const hide = value.type !== 'object' && isSecretKey(keys.at(-1)!.name)
    yield* inValue(document, value, { all, hide })
  }
}

interface How {
  /** Every text is hidden. */
  readonly all: boolean
  /** Its key sounds secret: numbers are hidden as well. */
  readonly hide: boolean
}

function* inValue(document: Document, value: Value, how: How): Generator<Splice> {
  if (value.type === 'object') yield* inItems(document, value.items, how.all)
  else if (value.type === 'list')
    for (const item of value.items) yield* inValue(document, item, how)
  else if (value.kind !== 'bool' && value.kind !== 'null' && isHidden(document, value, how)) {
    const { text } = document
    const tail = value.kind !== 'heredoc' ? '' : text[value.end - 2] === '\r' ? '\r\n' : '\n'
    yield { start: value.start, end: value.end, text: redacted + tail }
  }
}

function isHidden(document: Document, value: Literal, { all, hide }: How): boolean {
  if (hide) return true
  if (value.kind === 'number') return false
  return all || secretValue.test(asString(document, value))
}
