/**
 * Edits to the spec: read, edited in memory, proven, and written only over what was read.
 *
 * @module
 */

import { hasErrors } from '../diagnostics.js'
import { NomadPkiError } from '../errors.js'
import type { SpecEdit } from '../cluster/edit.js'
import { parseSpec } from '../cluster/parse.js'
import type { ClusterSpec } from '../cluster/spec.js'
import type { Context } from './context.js'
import type { GlobalOptions } from './surface/entry.js'
import type { Printer } from './printer.js'
import { readSpec } from './workspace.js'
import { showWrites, writeFiles } from './write.js'

/**
 * Edits the spec of this call.
 *
 * @param edit Gets the text and the spec that it is; nothing is written if its diagnostics have errors.
 * @returns The file's name, the spec as it is now, and whether it was written: not under `--dry-run`,
 *   which shows the edit instead.
 * @throws {NomadPkiError} `ERR_SPEC_INVALID` with all diagnostics; those of reading and writing.
 */
export async function editSpec(
  context: Context,
  options: Pick<GlobalOptions, 'file'> & { readonly dryRun: boolean | undefined },
  printer: Printer,
  edit: (text: string, spec: ClusterSpec, file: string) => SpecEdit,
): Promise<{ readonly file: string; readonly spec: ClusterSpec; readonly written: boolean }> {
  const { file, text, bytes } = await readSpec(context, options)
  const { spec, diagnostics } = parseSpec(text, { file })
  if (spec === undefined) {
    throw new NomadPkiError('ERR_SPEC_INVALID', `${file} has errors`, { diagnostics })
  }
  const made = edit(text, spec, file)
  if (hasErrors(made.diagnostics)) {
    throw new NomadPkiError('ERR_SPEC_INVALID', `${file} was not changed`, {
      diagnostics: made.diagnostics,
    })
  }
  printer.warn(made.diagnostics)
  const written = options.dryRun !== true
  const writes = [{ file, text: made.text, expected: bytes }]
  if (written) await writeFiles(context, writes)
  else showWrites(writes, printer)
  return { file, spec: parseSpec(made.text, { file }).spec ?? spec, written }
}
