/**
 * A new file that is there whole or not at all, and never over another one.
 *
 * @module
 */

import { dirname } from 'node:path'
import { sameBytes } from '../bytes.js'
import { NomadPkiError } from '../errors.js'
import { asideOf, sweepAsides, unlinkQuietly, unwritten } from './aside.js'
import { createFile } from './create.js'
import { errnoOf, shownPath } from './fault.js'
import type { Files } from './files.js'
import { readWhole } from './read.js'

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
 * @returns `same` where it is there already, with these bytes and this mode: a run was killed after the file had its
 *   name, or it is the second one. Nothing is written then.
 * @throws {NomadPkiError} `ERR_FILE_EXISTS`, `ERR_FILE_UNWRITABLE`; there is nothing new then.
 */
export async function placeFile(
  files: Files,
  path: string,
  bytes: Uint8Array,
  mode: number,
): Promise<'placed' | 'same'> {
  const folder = dirname(path)
  const aside = asideOf(path)
  sweepAsides(files, folder)
  try {
    if (files.lstat(path) !== undefined) {
      if (isSame(files, path, bytes, mode)) return 'same'
      throw existsAlready(path)
    }
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
    return 'placed'
  } catch (error) {
    unlinkQuietly(files, aside)
    throw unwritten(path, error, false)
  }
}

/** One of several files to be placed. */
export interface Placing {
  /** Absolute. */
  readonly path: string
  readonly bytes: Uint8Array
  /** Permission bits. */
  readonly mode: number
}

/**
 * Places several files, in their order. All names are looked at before the first file is written: another file
 * under one of them leaves nothing new.
 *
 * @returns What {@link placeFile} says of each.
 * @throws {NomadPkiError} as {@link placeFile}; what was placed before a failure stays, whole.
 */
export async function placeFiles(
  files: Files,
  placings: readonly Placing[],
): Promise<readonly ('placed' | 'same')[]> {
  for (const { path, bytes, mode } of placings) {
    try {
      if (files.lstat(path) === undefined || isSame(files, path, bytes, mode)) continue
    } catch (error) {
      throw unwritten(path, error, false)
    }
    throw existsAlready(path)
  }
  const states: ('placed' | 'same')[] = []
  for (const { path, bytes, mode } of placings) {
    states.push(await placeFile(files, path, bytes, mode))
  }
  return states
}

function isSame(files: Files, path: string, bytes: Uint8Array, mode: number): boolean {
  const there = readWhole(files, path, { limit: bytes.length + 1 })
  return (
    there.state === 'read' && (there.status.mode & 0o7777) === mode && sameBytes(there.bytes, bytes)
  )
}

/** The error of a name that is taken. */
export function existsAlready(path: string): NomadPkiError {
  return new NomadPkiError('ERR_FILE_EXISTS', `${shownPath(path)} exists already`, {
    hint: 'remove it, or give another name: nothing is written over',
  })
}
