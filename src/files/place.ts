/**
 * A new file that is there whole or not at all, and never over another one.
 *
 * @module
 */

import { dirname } from 'node:path'
import { NomadPkiError } from '../errors.js'
import { asideOf, sweepAsides, unlinkQuietly, unwritten } from './aside.js'
import { createFile } from './create.js'
import { errnoOf, shownPath } from './fault.js'
import type { Files } from './files.js'

/** What a file system without hard links says. */
const linkless: ReadonlySet<string | undefined> = new Set([
  'EPERM',
  'ENOTSUP',
  'EOPNOTSUPP',
  'ENOSYS',
])

/**
 * Writes a file aside, with its mode from the first byte, and gives it its name once it is on disk.
 *
 * @param files The calls to use.
 * @param path Absolute.
 * @param bytes The content.
 * @param mode Permission bits.
 * @throws {NomadPkiError} `ERR_FILE_EXISTS`, `ERR_FILE_UNWRITABLE`; there is nothing new then.
 */
export async function placeFile(
  files: Files,
  path: string,
  bytes: Uint8Array,
  mode: number,
): Promise<void> {
  const folder = dirname(path)
  const aside = asideOf(path)
  sweepAsides(files, folder)
  try {
    if (files.lstat(path) !== undefined) throw existsAlready(path)
    createFile(files, aside, bytes, mode)
    await files.fsync(aside)
    try {
      // Unlike a rename it fails where the name is taken.
      files.link(aside, path)
    } catch (error) {
      if (errnoOf(error) === 'EEXIST') throw existsAlready(path)
      if (!linkless.has(errnoOf(error))) throw error
      if (files.lstat(path) !== undefined) throw existsAlready(path)
      files.rename(aside, path)
    }
    unlinkQuietly(files, aside)
    await files.fsync(folder)
  } catch (error) {
    unlinkQuietly(files, aside)
    throw unwritten(path, error)
  }
}

function existsAlready(path: string): NomadPkiError {
  return new NomadPkiError('ERR_FILE_EXISTS', `${shownPath(path)} exists already`, {
    hint: 'remove it, or give another name: nothing is written over',
  })
}
