/**
 * Folders as other tools leave them: the committed ones, and ones that are made here.
 *
 * @module
 */

import fs from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

/** The folder of a tool. */
export function fixture(name: string): string {
  return fileURLToPath(new URL(`fixtures/${name}/`, import.meta.url))
}

/** Every file below a folder with its bytes and mode, for comparison. */
export function stateOf(folder: string): Readonly<Record<string, string>> {
  const state: Record<string, string> = {}
  for (const name of fs.readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort()) {
    const at = path.join(folder, name)
    const status = fs.lstatSync(at)
    const content = status.isFile() ? fs.readFileSync(at).toString('hex') : ''
    state[name] = `${status.mode} ${status.mtimeMs} ${content}`
  }
  return state
}
