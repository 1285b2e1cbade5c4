/**
 * Evidence that was gathered elsewhere, taken into the ledger: all of it, or none.
 *
 * @module
 */

import { hasErrors } from '../diagnostics.js'
import { NomadPkiError } from '../errors.js'
import { readLedger } from '../inventory/ledger.js'
import { count } from '../report/style.js'
import { importEvidence, type ImportedEvidence } from '../evidence/import-evidence.js'
import type { Context } from './context.js'
import { note } from '../inventory/note.js'
import { underLock } from './under-lock.js'
import type { Printer } from './printer.js'
import { takeOwnInventory, type Workspace } from './workspace.js'

/**
 * Reads, checks and notes.
 *
 * @param files As the user named them; `-` is the standard input.
 * @throws {NomadPkiError} `ERR_EVIDENCE_INVALID` with all that is wrong; `ERR_STORE_MISSING`;
 *   `ERR_STORE_LOCKED`
 */
export async function takeEvidence(
  files: readonly string[],
  workspace: Workspace,
  printer: Printer,
  context: Context,
): Promise<ImportedEvidence> {
  const { store, desired } = workspace
  const given: { file: string; text: string }[] = []
  for (const file of new Set(files)) {
    given.push({ file, text: textOf(await context.readFile(file), file) })
  }
  const inventory = await takeOwnInventory(workspace)
  if (!inventory.storeExists) {
    throw new NomadPkiError('ERR_STORE_MISSING', `there is no store at ${store.location}`, {
      hint: 'evidence is taken where the ledger is',
    })
  }
  return underLock(store, 'probe', async () => {
    // Another process may have recorded the same evidence in between.
    const ledger = readLedger((await store.readLedger())?.bytes)
    const taken = importEvidence(given, {
      desired,
      inventory: { ...inventory, ledger },
      now: context.now(),
    })
    if (hasErrors(taken.diagnostics)) {
      throw new NomadPkiError('ERR_EVIDENCE_INVALID', 'the evidence has errors', {
        diagnostics: taken.diagnostics,
      })
    }
    await note(store, taken.events)
    printer.tell(
      `evidence: ${count(taken.events.length, 'line')} noted${taken.before === 0 ? '' : `, ${taken.before} there already`}`,
    )
    return taken
  })
}

function textOf(bytes: Uint8Array, file: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch (cause) {
    throw new NomadPkiError('ERR_EVIDENCE_INVALID', `${file}: it is not UTF-8 text`, { cause })
  }
}
