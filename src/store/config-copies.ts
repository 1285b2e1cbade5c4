/**
 * Copies of configurations that are on other hosts: files only their owner can read, beside a record of what was
 * pulled.
 *
 * @module
 */

import { basename, dirname, join } from 'node:path'
import { isConfigFileName } from '../agent/index.js'
import { sameBytes } from '../bytes.js'
import { NomadPkiError } from '../errors.js'
import { asideOf, sweepAsides, textLimit, unlinkQuietly, unwritten } from '../files/aside.js'
import { createFile } from '../files/create.js'
import { shownPath } from '../files/fault.js'
import type { Files } from '../files/files.js'
import { readWhole } from '../files/read.js'
import { ignoreLine, trackingOf } from '../files/tracked.js'

/** A copy as it is on this disk. */
export interface ConfigCopy {
  readonly kind: 'directory' | 'file' | 'missing'
  /** Content by name: of a directory the files that Nomad reads; of a file its own name. */
  readonly files: ReadonlyMap<string, Uint8Array>
  /** The record of the last pull; `undefined`: there is none. */
  readonly record: Uint8Array | undefined
}

/** What is to be written. */
export interface CopyWrite {
  readonly kind: 'directory' | 'file'
  /** New content by name. */
  readonly files: ReadonlyMap<string, Uint8Array>
  /** Names of files that the host no longer has. */
  readonly gone: readonly string[]
  readonly record: string
}

/**
 * Reads a copy.
 *
 * @param place Absolute path of the directory or file.
 * @throws {NomadPkiError} `ERR_FILE_UNREADABLE`
 */
export function readCopy(files: Files, place: string): ConfigCopy {
  const status = files.stat(place)
  if (status === undefined) return { kind: 'missing', files: new Map(), record: undefined }
  const kind = status.isDirectory() ? 'directory' : 'file'
  const found = new Map<string, Uint8Array>()
  const names = kind === 'file' ? [basename(place)] : files.names(place).filter(isConfigFileName)
  for (const name of names.sort()) {
    const bytes = contentOf(files, kind === 'file' ? place : join(place, name))
    if (bytes !== undefined) found.set(name, bytes)
  }
  return { kind, files: found, record: contentOf(files, recordOf(place, kind)) }
}

/**
 * Writes a copy: each file aside and renamed, 0600 from its first byte, the record last.
 *
 * @param place Absolute path of the directory or file.
 * @param was What {@link readCopy} gave: a file that changed since stops it.
 * @throws {NomadPkiError} `ERR_CONFIG_CHANGED`, `ERR_FILE_UNWRITABLE`
 */
export async function writeCopy(
  files: Files,
  place: string,
  was: ConfigCopy,
  { kind, files: fresh, gone, record }: CopyWrite,
): Promise<void> {
  const folder = kind === 'directory' ? place : dirname(place)
  const pathOf = (name: string): string => (kind === 'directory' ? join(place, name) : place)
  let doing = folder
  try {
    if (files.stat(folder) === undefined) await files.makeTree(folder, 0o700)
    sweepAsides(files, folder)
    for (const [name, bytes] of fresh) {
      doing = pathOf(name)
      requireSame(files, doing, was.files.get(name))
      await replace(files, doing, bytes)
    }
    for (const name of gone) {
      doing = pathOf(name)
      requireSame(files, doing, was.files.get(name))
      files.unlink(doing)
    }
    doing = recordOf(place, kind)
    await replace(files, doing, Buffer.from(record))
    await files.fsync(folder)
  } catch (error) {
    throw unwritten(doing, error)
  }
}

/**
 * Refuses a place that git tracks, or would: a configuration holds secrets.
 *
 * @param place Absolute path of the copy, there or not.
 * @param isFile Whether it is a file; where it is not there nothing says so, and it is taken for a directory.
 * @throws {NomadPkiError} `ERR_REFUSED`
 */
export async function refuseTrackedCopy(place: string, isFile: boolean): Promise<void> {
  const tracking = await trackingOf(place, isFile ? [] : ['nomad.hcl', 'agent.json', recordName])
  if (tracking === undefined || tracking.state === 'ignored') return
  const { repository, path, state } = tracking
  const line = isFile ? `/${path}` : ignoreLine(path)
  const where = shownPath(`${repository}/.gitignore`)
  throw new NomadPkiError(
    'ERR_REFUSED',
    state === 'tracked'
      ? `git tracks files in ${shownPath(place)}, and a configuration can hold secrets`
      : `git would track ${shownPath(place)}, and a configuration can hold secrets`,
    {
      hint:
        state === 'tracked'
          ? `git rm -r --cached, then add the line ${line} to ${where}; or name another place as copy:`
          : `add the line ${line} to ${where}; or name another place as copy:`,
    },
  )
}

/** Nomad reads no such name. */
const recordName = '.pulled'

function recordOf(place: string, kind: 'directory' | 'file'): string {
  return kind === 'directory'
    ? join(place, recordName)
    : join(dirname(place), `.${basename(place)}${recordName}`)
}

function contentOf(files: Files, path: string): Uint8Array | undefined {
  const reading = readWhole(files, path, { limit: textLimit })
  if (reading.state === 'read') return reading.bytes
  if (reading.state === 'absent') return undefined
  throw new NomadPkiError(
    'ERR_FILE_UNREADABLE',
    `can't read ${shownPath(path)}: ${reading.message}`,
    {
      hint: 'a copy consists of plain files: links are not followed',
    },
  )
}

function requireSame(files: Files, path: string, was: Uint8Array | undefined): void {
  const now = contentOf(files, path)
  if (now === was || (now !== undefined && was !== undefined && sameBytes(now, was))) return
  throw new NomadPkiError('ERR_CONFIG_CHANGED', `${shownPath(path)} changed meanwhile`, {
    hint: 'run the command again',
  })
}

async function replace(files: Files, path: string, bytes: Uint8Array): Promise<void> {
  const aside = asideOf(path)
  try {
    createFile(files, aside, bytes, 0o600)
    await files.fsync(aside)
    files.rename(aside, path)
  } catch (error) {
    unlinkQuietly(files, aside)
    throw error
  }
}
