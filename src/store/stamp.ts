/**
 * Whether something changed since it was read, without reading it.
 *
 * @module
 */

import { nodeFiles, type Files } from '../files/files.js'
import { names } from './layout.js'
import { lockHolder } from './lock.js'

/** A store and its spec, seen from outside. */
export interface StoreStamp {
  /** Differs after the spec, the ledger or the holder of the lock changed. */
  readonly text: string
  /** What holds the lock: the command, and since when, epoch milliseconds. */
  readonly holder?: { readonly command: string; readonly since: number } | undefined
}

/**
 * Looks at two files and the lock; what cannot be looked at is absent.
 *
 * @param root The folder of the store, absolute.
 * @param spec The file of the spec, absolute.
 * @param files The calls to use.
 */
export function stampOf(root: string, spec: string, files: Files = nodeFiles): StoreStamp {
  const one = (path: string): string => {
    try {
      const found = files.stat(path)
      return found === undefined ? 'absent' : `${found.ino} ${found.size} ${found.mtimeMs}`
    } catch {
      return 'hidden'
    }
  }
  let holder: StoreStamp['holder']
  try {
    const found = lockHolder(files, root)
    if (found?.holder !== undefined) {
      holder = { command: found.holder.command, since: found.since }
    }
  } catch {
    // A store that cannot be read is told of by whoever reads it.
  }
  const text = [one(spec), one(`${root}/${names.ledger}`), holder?.since ?? 'free'].join('\n')
  return { text, holder }
}
