/**
 * Whether a path lies in a store: what is put on nodes does not belong there.
 *
 * @module
 */

import { dirname } from 'node:path'
import { nodeFiles, type Files } from '../files/files.js'
import { names } from './layout.js'

/**
 * Finds the store that a path lies in.
 *
 * @param path Absolute; nothing need be there.
 * @param files The calls to use.
 * @returns The path of the store's root; `undefined` where none is around it.
 */
export function storeAround(path: string, files: Files = nodeFiles): string | undefined {
  for (let at = path; ; at = dirname(at)) {
    const isStore =
      files.lstat(`${at}/${names.ledger}`)?.isFile() === true &&
      files.lstat(`${at}/authority`)?.isDirectory() === true
    if (isStore) return at
    if (at === dirname(at)) return undefined
  }
}
