/**
 * Writing an agent's `tls` block into a configuration that people wrote, without moving another
 * byte.
 *
 * @module
 */

import { type Diagnostic, hasErrors } from '../diagnostics.js'
import {
  appendBlock,
  type Attribute,
  disproof,
  type Document,
  foldKey,
  itemsNamed,
  parseConfig,
  positionsIn,
  setAttributes,
  unwritable,
} from '../hcl/index.js'
import { applySplices, type Splice } from '../splice.js'
import { diagnostic } from './codes.js'
import { newTlsFile } from './new-tls-file.js'
import { findTlsBlock } from './tls-block.js'
import { tlsKeys, type TlsValues } from './tls-keys.js'
import { isAbsolute, type TlsEdit, wantedAttributes } from './wanted.js'

/** What may be said about the source. */
export interface EditTlsOptions {
  /** The file's name, for the diagnostics; default: none. */
  readonly file?: string | undefined
  /**
   * What an empty text becomes; default: by the ending of `file`, else `hcl`. A text that holds
   * something says itself what it is, as it does to Nomad.
   */
  readonly kind?: 'hcl' | 'json' | undefined
}

/**
 * Sets keys of the `tls` block of one configuration, HCL 1 or JSON. Values that already mean the
 * same are left alone, so that a second run changes nothing; comments, alignment, line ends and
 * everything else stay. The result is parsed again and compared before it is returned.
 *
 * It refuses, with line and column, what Nomad would refuse in the block: a second `tls`, a label,
 * unknown or repeated keys, values of the wrong type. It never throws for anything in `source`.
 *
 * @param source The whole text.
 * @param wanted The values to be set; keys that are absent or `undefined` stay as they are.
 * @param options The file's name, and what an empty text becomes.
 * @returns The new text; the old one, with diagnostics, where something is wrong.
 * @see nomad/structs/config/tls.go:18-73 of Nomad 1.11.3 (the keys); docs/config.md
 * @example
 *
 * ```ts
 * import { editTls } from 'nomad-pki'
 *
 * const source = 'region = "eu"\ntls {\n  http = false # for now\n}\n'
 * const { text, changed, diagnostics } = editTls(source, { http: true, rpc: true }, { file: 'nomad.hcl' })
 * console.log(changed, diagnostics.length, text)
 * ```
 */
export function editTls(source: string, wanted: TlsValues, options: EditTlsOptions = {}): TlsEdit {
  const { file } = options
  const refuse = (diagnostics: readonly Diagnostic[]): TlsEdit => ({
    text: source,
    changed: false,
    diagnostics,
  })
  const { document, diagnostics: unread } = parseConfig(source, { file })
  if (document === undefined) return refuse(unread)
  const attributes = wantedAttributes(wanted)
  const names = new Set(attributes.map(({ name }) => name))
  const block = findTlsBlock(document, names, file)
  const diagnostics = [...block.diagnostics, ...checkWanted(document, attributes, file)]
  if (hasErrors(diagnostics)) return refuse(diagnostics)
  const kind = options.kind ?? (file?.endsWith('.json') === true ? 'json' : 'hcl')
  if (source.trim() === '' && kind === 'json' && attributes.length > 0) {
    return { text: source + newTlsFile(wanted, kind).text, changed: true, diagnostics }
  }
  const splices = spliceFor(document, block.object, attributes)
  if (splices.length === 0) return refuse(diagnostics)
  const text = applySplices(source, splices)
  const after = parseConfig(text, { file }).document
  const fault =
    after === undefined ? 'the result cannot be read' : disproof(document, after, 'tls', attributes)
  if (fault !== undefined) {
    const { line, column } = positionsIn(source)(splices[0]!.start)
    return refuse([
      ...diagnostics,
      {
        severity: 'error',
        ...(file === undefined ? {} : { file }),
        line,
        column,
        code: 'hcl/unproven-edit',
        message: `the edit could not be proven harmless: ${fault}`,
        hint: 'edit the block by hand, and report this text',
      },
    ])
  }
  return { text, changed: text !== source, diagnostics }
}

function spliceFor(
  document: Document,
  object: Parameters<typeof setAttributes>[1] | undefined,
  attributes: readonly Attribute[],
): Splice[] {
  if (attributes.length === 0) return []
  if (object === undefined) return [appendBlock(document, 'tls', attributes)]
  return setAttributes(document, object, attributes)
}

/** What is wrong with the wanted values; the place is the attribute that they are to replace. */
function checkWanted(
  document: Document,
  attributes: readonly Attribute[],
  file: string | undefined,
): Diagnostic[] {
  const position = positionsIn(document.text)
  const tls = document.root.items.find(({ keys }) => foldKey(keys[0]!.name) === 'tls')
  return attributes.flatMap(({ name, value }) => {
    const present = tls?.value.type === 'object' ? itemsNamed(tls.value, name)[0] : undefined
    const at = position((present ?? tls)?.start ?? document.text.length)
    const why = unwritable(value)
    if (why !== undefined) {
      const message = `the wanted value of "${name}" cannot be written: ${why}`
      return [diagnostic('error', 'agent/unwritable', at, message, { file })]
    }
    const entry = tlsKeys.find(({ key }) => key === name)
    if (entry?.path === true && typeof value === 'string' && value !== '' && !isAbsolute(value)) {
      const message = `the wanted value of "${name}" is a relative path`
      const hint = 'the unit of the packages runs the agent in /: write the path in full'
      return [diagnostic('warning', 'agent/relative-path', at, message, { file, hint })]
    }
    return []
  })
}
