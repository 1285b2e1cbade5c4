/**
 * A fresh `tls.hcl` or `tls.json` for a configuration directory that has no `tls` block yet.
 *
 * @module
 */

import type { Diagnostic } from '../diagnostics.js'
import { parseConfig, appendBlock, unwritable } from '../hcl/index.js'
import { applySplices } from '../splice.js'
import { diagnostic } from './codes.js'
import type { TlsValues } from './tls-keys.js'
import { type TlsEdit, wantedAttributes } from './wanted.js'

/**
 * Gives the text of a new configuration file that holds the `tls` block alone.
 *
 * @param wanted What the block is to say.
 * @param kind HCL or JSON.
 * @returns The text, which ends with a newline; empty, with diagnostics, if a value cannot be
 *   written.
 */
export function newTlsFile(wanted: TlsValues, kind: 'hcl' | 'json'): TlsEdit {
  const attributes = wantedAttributes(wanted)
  const diagnostics = attributes.flatMap(({ name, value }): Diagnostic[] => {
    const why = unwritable(value)
    const message = `the wanted value of "${name}" cannot be written: ${why ?? ''}`
    const at = { line: 1, column: 1 }
    return why === undefined ? [] : [diagnostic('error', 'agent/unwritable', at, message)]
  })
  if (diagnostics.length > 0) return { text: '', changed: false, diagnostics }
  const empty = kind === 'json' ? '{}\n' : ''
  const { document } = parseConfig(empty)
  return {
    text: applySplices(empty, [appendBlock(document!, 'tls', attributes)]),
    changed: true,
    diagnostics,
  }
}
