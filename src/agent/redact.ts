/**
 * A configuration without its secrets, for diffs and reports.
 *
 * @module
 */

import { type Document, foldKey, type Item, parseConfig, type Value } from '../hcl/index.js'
import { applySplices, type Splice } from '../splice.js'

/** What stands in the place of a secret. */
export const redacted = '"(hidden)"'

const secret =
  /encrypt$|token|secret|passw|passphrase|credential|private_?key|access_?key|api_?key|^auth$|^license$|^key$|signature/
const harmless = /(?:_ttl|_threshold|_path|_file|_dir|_name|_id|_type|_method)$/

/** Whether a key's value is shown to nobody: `encrypt`, tokens, passwords and the like. */
export function isSecretKey(name: string): boolean {
  const folded = foldKey(name)
  return secret.test(folded) && !harmless.test(folded)
}

/**
 * Hides every secret of a configuration, and nothing else.
 *
 * @param text HCL or JSON.
 * @returns `undefined` if the text cannot be read: then nobody knows where its secrets are.
 */
export function redactSecrets(text: string): string | undefined {
  const { document } = parseConfig(text)
  if (document === undefined) return undefined
  return applySplices(text, [...secretsOf(document)])
}

function* secretsOf(document: Document): Generator<Splice> {
  yield* inItems(document, document.root.items)
  // An attribute that was commented out is often still in use elsewhere.
  for (const { start, end } of document.comments) {
    for (const match of document.text.slice(start, end).matchAll(assignment)) {
      const [whole, name, value] = match
      if (!isSecretKey(name!)) continue
      const at = start + match.index + whole.length - value!.length
      yield { start: at, end: at + value!.length, text: redacted }
    }
  }
}

// Starts at the start of a word only: else a long word costs the square of its length.
const assignment = /(?<![\w-])([\w-]+)"?[ \t]*[=:][ \t]*("[^"\n]*"|[^\s#]+)/g

function* inItems(document: Document, items: readonly Item[]): Generator<Splice> {
  for (const { keys, value } of items) {
    const hide = value.type !== 'object' && isSecretKey(keys.at(-1)!.name)
    yield* inValue(document, value, hide)
  }
}

function* inValue(document: Document, value: Value, hide: boolean): Generator<Splice> {
  if (value.type === 'object') yield* inItems(document, value.items)
  else if (value.type === 'list')
    for (const item of value.items) yield* inValue(document, item, hide)
  else if (hide && value.kind !== 'bool' && value.kind !== 'null') {
    const { text } = document
    const tail = value.kind !== 'heredoc' ? '' : text[value.end - 2] === '\r' ? '\r\n' : '\n'
    yield { start: value.start, end: value.end, text: redacted + tail }
  }
}
