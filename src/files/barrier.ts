/**
 * The durability barrier: after it, what was written before it survives a power failure. It is one for a
 * whole batch: for a thousand new directories, `sync -f` takes a sixth of the time of an fsync for each
 * of their files. It is as safe: no `current` moves before it returns.
 *
 * @module
 */

import { errnoOf } from './fault.js'
import type { Files } from './files.js'

/** How to wait: `auto` takes the file system's sync where there is one. */
export type BarrierKind = 'auto' | 'fsync'

/** What was written since the last barrier, for where everything has to be synced one by one. */
export class Touched {
  #paths: string[] = []

  /** Notes a file whose content, or a directory whose entries, changed. */
  add(path: string): void {
    this.#paths.push(path)
  }

  /** All paths, as they came: where the file system syncs as a whole, nobody looks at them. */
  take(): readonly string[] {
    const paths = this.#paths
    this.#paths = []
    return paths
  }
}

/**
 * Waits until everything written so far is on disk.
 *
 * @param files The calls to use.
 * @param place A directory of the file system in question.
 * @param touched What to sync one by one where the file system as a whole can't be; emptied.
 * @param kind `auto` by default.
 * @throws Node's `ErrnoException` if the disk refuses: then nothing may be turned.
 */
export async function barrier(
  files: Files,
  place: string,
  touched: Touched,
  kind: BarrierKind = 'auto',
): Promise<void> {
  const paths = touched.take()
  if (kind === 'auto' && (await files.syncAll(place))) return
  // The deepest first, so that what a directory names is on disk before the name.
  const queue = [...new Set(paths)].sort((a, b) => b.length - a.length).values()
  await Promise.all(
    Array.from({ length: 8 }, async () => {
      for (const path of queue) {
        try {
          await files.fsync(path)
        } catch (error) {
          // What is gone already has nothing left that could be lost.
          if (errnoOf(error) !== 'ENOENT') throw error
        }
      }
    }),
  )
}
