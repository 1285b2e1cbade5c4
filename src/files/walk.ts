/**
 * Reads the plain files below a folder, within limits: what is too large, too deep, too much, a link, a
 * pipe or unreadable is named with its reason, and nothing of it is opened or waited for.
 *
 * @module
 */

import { join, relative } from 'node:path'
import { describeFault, errnoOf } from './fault.js'
import { breather, type Files } from './files.js'
import { readWhole } from './read.js'

/** What came of one path. */
export type Walked =
  | { readonly path: string; readonly bytes: Uint8Array }
  /** `message`: one sentence why it was not read. */
  | { readonly path: string; readonly message: string }

/** How far a walk goes. */
export interface WalkLimits {
  /** Bytes of one file. */
  readonly bytes: number
  /** Files and folders together. */
  readonly entries: number
  /** Folders within folders. */
  readonly depth: number
}

/** Far more than a folder of certificates has. */
const usual: WalkLimits = { bytes: 1 << 20, entries: 20_000, depth: 16 }

/**
 * Reads all files below a path, in the order of their names.
 *
 * @param files The calls to use.
 * @param start A folder, or one file; a link is followed here, and nowhere below.
 * @param options `except`: absolute paths that are skipped without a message. `limits`: other limits.
 * @throws What the system says about `start` itself.
 */
export async function walkFiles(
  files: Files,
  start: string,
  options: { readonly except?: readonly string[]; readonly limits?: WalkLimits } = {},
): Promise<readonly Walked[]> {
  const { limits = usual } = options
  const except = new Set(options.except)
  const found: Walked[] = []
  const breathe = breather()
  const root = files.realpath(start)
  let entries = 0
  let full = false

  const read = (path: string): void => {
    const reading = readWhole(files, path, { limit: limits.bytes })
    if (reading.state === 'read') found.push({ path, bytes: reading.bytes })
    // Removed since its name was read: then it is not there.
    else if (reading.state !== 'absent') found.push({ path, message: reading.message })
  }

  const look = async (folder: string, depth: number): Promise<void> => {
    let names: readonly string[]
    try {
      names = files.names(folder).sort()
    } catch (error) {
      if (errnoOf(error) === undefined) throw error
      found.push({ path: folder, message: describeFault(error) })
      return
    }
    for (const name of names) {
      if (full) return
      const path = join(folder, name)
      if (except.has(path)) continue
      entries += 1
      if (entries > limits.entries) {
        full = true
        found.push({
          path: folder,
          message: `there are more than ${limits.entries} files and folders; the rest was not looked at`,
        })
        return
      }
      await breathe()
      const status = files.lstat(path)
      if (status === undefined) {
        // The name came as text, and bytes that are not UTF-8 cannot be asked for again. Else it was removed.
        if (name.includes('\ufffd'))
          found.push({ path, message: 'its name is not UTF-8: rename a copy' })
        continue
      }
      if (status.isSymbolicLink()) found.push({ path, message: linkText(path) })
      else if (!status.isDirectory()) read(path)
      else if (name === '.git') found.push({ path, message: 'it belongs to git' })
      else if (depth < limits.depth) await look(path, depth + 1)
      else found.push({ path, message: `it lies more than ${limits.depth} folders deep` })
    }
  }

  const linkText = (path: string): string => {
    try {
      const target = files.realpath(path)
      const way = relative(root, target)
      return way === '..' || way.startsWith('../')
        ? `it is a link to ${target}, outside of the folder`
        : `it is a link to ${way === '' ? 'the folder itself' : way}, which is read where it lies`
    } catch (error) {
      if (errnoOf(error) === undefined) throw error
      return 'it is a link that leads nowhere'
    }
  }

  if (files.stat(root)?.isDirectory() === true) await look(root, 0)
  else read(root)
  return found
}
