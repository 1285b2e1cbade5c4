/**
 * A folder for as long as a command runs, which nobody else can enter.
 *
 * @module
 */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'

/**
 * Makes one, 0700, among the temporary files.
 *
 * @param most So many bytes its path may have: a socket in it must not have more than the system takes.
 * @returns Its path.
 */
export function makePrivateFolder(most: number): string {
  const own = path.join(tmpdir(), 'npki-XXXXXX')
  return mkdtempSync(path.join(Buffer.byteLength(own) <= most ? tmpdir() : '/tmp', 'npki-'))
}

/** Removes it with all that is in it. */
export function removePrivateFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true })
}
