/**
 * The edit of `transport`, the stage of turning TLS on.
 *
 * @module
 */

import { hasErrors } from '../diagnostics.js'
import type { EditOptions, SpecEdit } from './edit.js'
import { parseSpec } from './parse.js'
import { createReport } from './report.js'
import type { Transport } from './transport.js'
import { setEntry } from './yaml-edit.js'

/**
 * Writes `transport`. The text keeps its comments and layout byte for byte.
 *
 * @param text The spec; it must be good.
 * @param transport What it shall say.
 * @param options See {@link EditOptions}.
 * @returns The new text, or the old one with errors.
 */
export function editTransport(
  text: string,
  transport: Transport,
  options: EditOptions = {},
): SpecEdit {
  const edit = setEntry(text, [], 'transport', transport)
  if ('fault' in edit) {
    const report = createReport('', options.file)
    report.error('spec/edit', 0, edit.fault, { hint: 'edit the file by hand' })
    return { text, diagnostics: report.diagnostics() }
  }
  const { diagnostics } = parseSpec(edit.text, options)
  return hasErrors(diagnostics)
    ? { text, diagnostics: diagnostics.filter(({ severity }) => severity === 'error') }
    : { text: edit.text, diagnostics: [] }
}
