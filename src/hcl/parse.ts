/**
 * A configuration as HashiCorp's HCL 1 decoder reads it: HCL or JSON, whichever its first character
 * says.
 *
 * @module
 */

import { type Diagnostic, positionOf } from '../diagnostics.js'
import { decodeText } from './decode.js'
import { diagnose, Fault, type HclCode } from './fault.js'
import { readHcl } from './read-hcl.js'
import { readJson } from './read-json.js'
import { positionsIn } from './positions.js'
import type { Document, Value } from './tree.js'

/** A document, or why it cannot be read. */
export interface ParsedConfig {
  /** Absent if any diagnostic is an error; with warnings it is there. */
  readonly document?: Document | undefined
  /** Everything that is wrong with the source, errors and warnings. */
  readonly diagnostics: readonly Diagnostic[]
}

/** What may be said about the source. */
export interface ParseConfigOptions {
  /** The file's name, for the diagnostics; default: none. */
  readonly file?: string | undefined
}

/**
 * Parses a configuration, HCL 1 or JSON. It never throws: whatever is wrong with the source is a diagnostic
 * with line and column.
 *
 * @param source Bytes of a file, or its text.
 * @param options The file's name, for the diagnostics.
 * @returns The document, absent where a diagnostic is an error.
 * @see https://github.com/hashicorp/hcl/tree/v1.0.1-nomad-1
 * @example
 *
 * ```ts
 * import { asBoolean, itemsNamed, objectIn, parseConfig } from 'nomad-pki/hcl'
 *
 * const { document, diagnostics } = parseConfig('region = "eu"\ntls {\n  http = true\n}\n')
 * if (document === undefined) throw new Error(diagnostics.map(({ message }) => message).join())
 * const [tls] = itemsNamed(document.root, 'tls')
 * const [http] = itemsNamed(objectIn(tls!)!, 'http')
 * if (http?.value.type === 'literal') console.log(asBoolean(document, http.value))
 * ```
 */
export function parseConfig(
  source: string | Uint8Array,
  options: ParseConfigOptions = {},
): ParsedConfig {
  const { file } = options
  let text: string
  if (typeof source === 'string') text = source
  else {
    const decoded = decodeText(source, file)
    if (decoded.text === undefined) return { diagnostics: decoded.diagnostics }
    text = decoded.text
  }
  try {
    refuseCharacters(text)
    const document = isJson(text) ? readJson(text) : readHcl(text)
    return { document, diagnostics: document.syntax === 'json' ? dropped(document, file) : [] }
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    const position = positionOf(text, error.offset)
    const details = { file, ...error.details }
    return { diagnostics: [diagnose('error', error.code, position, error.message, details)] }
  }
}

/** json/parser/parser.go listType passes over booleans. */
function dropped(document: Document, file: string | undefined): Diagnostic[] {
  const position = positionsIn(document.text)
  const diagnostics: Diagnostic[] = []
  const visit = (value: Value): void => {
    if (value.type === 'object') for (const item of value.items) visit(item.value)
    if (value.type !== 'list') return
    for (const item of value.items) {
      if (item.type !== 'literal') visit(item)
      else if (item.kind === 'bool' && diagnostics.length < 100) {
        const message = 'HCL 1 drops booleans from lists in JSON silently'
        const details = { file, hint: 'write this file in HCL' }
        diagnostics.push(
          diagnose('warning', 'hcl/json-dropped', position(item.start), message, details),
        )
      }
    }
  }
  visit(document.root)
  return diagnostics
}

/** Go's `unicode.IsSpace`. */
const space = /[\t\n\v\f\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]/

/**
 * Tells whether a text will be read as JSON: where its first character that is not a space is `{`, whatever
 * the name of its file.
 *
 * @param text The whole text.
 * @returns Whether it is JSON to Nomad; else it is HCL.
 */
export function isJson(text: string): boolean {
  let at = 0
  while (at < text.length && space.test(text[at]!)) at += 1
  return text[at] === '{'
}

function refuseCharacters(text: string): void {
  const refuse = (code: HclCode, at: number, message: string, hint?: string): void => {
    if (at !== -1) throw new Fault(code, at, message, { hint })
  }
  if (text.startsWith('\ufeff')) {
    refuse('hcl/bom', 0, 'the text starts with a byte order mark', 'save it as UTF-8 without BOM')
  }
  refuse('hcl/nul', text.indexOf('\0'), 'a NUL character')
  // hcl/scanner/scanner.go keeps this code point for itself; the JSON scanner does not.
  if (!isJson(text)) refuse('hcl/character', text.indexOf('\ue123'), 'U+E123 is reserved by HCL 1')
  refuse('hcl/encoding', text.search(/\p{Surrogate}/u), 'a lone surrogate is not text')
}
