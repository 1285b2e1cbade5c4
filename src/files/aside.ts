/**
 * Files that belong to another user, written aside and renamed into place: at every moment a
 * reader finds the old text or the new one, whole, with the mode and owner that the file had.
 *
 * @module
 */

import { randomBytes } from 'node:crypto'
import { basename, dirname } from 'node:path'
import { getuid, kill, pid } from 'node:process'
import { sameBytes } from '../bytes.js'
import { NomadPkiError } from '../errors.js'
import { barrier, Touched } from './barrier.js'
import type { BarrierKind } from './barrier.js'
import { createFile } from './create.js'
import { describeFault, errnoOf, hintOfFault, shownPath } from './fault.js'
import { createFlags } from './files.js'
import type { Files, FileStatus } from './files.js'
import { openToOthers } from './open-way.js'
import { readWhole } from './read.js'

/** A file to be replaced, or made. */
export interface Replacement {
  /** Absolute. */
  readonly path: string
  readonly bytes: Uint8Array
  /** What it held when it was read; `undefined`: it did not exist. */
  readonly expected: Uint8Array | undefined
}

/** Where one is written to and what it looked like. */
interface Prepared {
  readonly path: string
  /** Behind all links. */
  readonly target: string
  readonly aside: string
  readonly stamp: string | undefined
}

/** Mode of a file that did not exist. */
const newMode = 0o644
/** A configuration that is larger was not written by a person. */
export const textLimit: number = 64 * 1024 * 1024

/**
 * Replaces files: all are compared and written aside first, one barrier, then one rename each, and
 * a second barrier.
 *
 * @param files The calls to use.
 * @param replacements Which, and with what.
 * @param kind How to wait for the disk.
 * @throws {NomadPkiError} `ERR_CONFIG_CHANGED` if one is not what was read; `ERR_FILE_UNWRITABLE`.
 */
export async function replaceFiles(
  files: Files,
  replacements: readonly Replacement[],
  kind: BarrierKind = 'auto',
): Promise<void> {
  const prepared: Prepared[] = []
  const touched = new Touched()
  let doing = replacements[0]?.path ?? ''
  for (const directory of new Set(replacements.map(({ path }) => dirname(path)))) {
    sweepAsides(files, directory)
  }
  try {
    for (const replacement of replacements) {
      doing = replacement.path
      const one = await writeAside(files, replacement, touched)
      if (one !== undefined) prepared.push(one)
    }
    await barrierOf(files, prepared, touched, kind)
    for (const one of prepared) {
      doing = one.path
      const now = files.lstat(one.target)
      if ((now && stampOf(now)) !== one.stamp) throw changed(one.path)
      files.rename(one.aside, one.target)
      touched.add(dirname(one.target))
    }
    await barrierOf(files, prepared, touched, kind)
  } catch (error) {
    for (const { aside } of prepared) unlinkQuietly(files, aside)
    throw unwritten(doing, error)
  }
}

async function writeAside(
  files: Files,
  { path, bytes, expected }: Replacement,
  touched: Touched,
): Promise<Prepared | undefined> {
  const target = behindLinks(files, path)
  const there = readWhole(files, target, { limit: textLimit })
  if (there.state === 'odd') {
    throw new NomadPkiError(
      'ERR_FILE_UNWRITABLE',
      `can't write ${shownPath(path)}: ${there.message}`,
    )
  }
  if (there.state === 'unreadable') throw there.cause
  if (there.state === 'absent') {
    if (expected !== undefined) throw changed(path)
    await makeDirectory(files, dirname(target))
  } else if (expected === undefined || !sameBytes(there.bytes, expected)) {
    // An interrupted run was here before.
    if (sameBytes(there.bytes, bytes)) return undefined
    throw changed(path)
  }
  const aside = asideOf(target)
  try {
    if (there.state === 'absent') createFile(files, aside, bytes, newMode)
    else createLike(files, { path, aside, bytes }, there.status)
  } catch (error) {
    unlinkQuietly(files, aside)
    throw error
  }
  touched.add(aside)
  return {
    path,
    target,
    aside,
    stamp: there.state === 'absent' ? undefined : stampOf(there.status),
  }
}

/** A new file with the mode and the owner of the one it will replace; private until it has them. */
function createLike(
  files: Files,
  { path, aside, bytes }: Pick<Prepared, 'path' | 'aside'> & Pick<Replacement, 'bytes'>,
  { mode, uid, gid }: { readonly mode: number; readonly uid: number; readonly gid: number },
): void {
  const fd = files.open(aside, createFlags, 0o600)
  try {
    for (let at = 0; at < bytes.length;) at += files.write(fd, bytes, at)
    const made = files.fstat(fd)
    // Changing the owner takes set-id bits away, so the mode comes last.
    if (made.uid !== uid || made.gid !== gid) files.fchown(fd, uid, gid)
    files.fchmod(fd, mode & 0o7777)
  } catch (error) {
    if (errnoOf(error) !== 'EPERM') throw error
    throw new NomadPkiError(
      'ERR_FILE_UNWRITABLE',
      `can't keep the owner of ${shownPath(path)}: it belongs to user ${uid}, and this runs as user ${getuid?.() ?? -1}`,
      { hint: 'run as its owner, or as root', cause: error },
    )
  } finally {
    files.close(fd)
  }
}

function behindLinks(files: Files, path: string): string {
  const status = files.lstat(path)
  if (status?.isSymbolicLink() !== true) return path
  const open = openToOthers(files, path)
  if (open !== undefined) {
    throw new NomadPkiError(
      'ERR_FILE_UNWRITABLE',
      `can't write ${shownPath(path)}: it is a link, ${open.who} can change ${shownPath(open.path)}, and root follows no link there`,
      { hint: 'name the file behind the link' },
    )
  }
  try {
    return files.realpath(path)
  } catch (error) {
    throw new NomadPkiError(
      'ERR_FILE_UNWRITABLE',
      `can't write ${shownPath(path)}: it is a link to ${shownPath(files.readlink(path))}, which is not there`,
      { hint: 'remove the link, or make what it points at', cause: error },
    )
  }
}

/**
 * Where a file is written before it has its name: beside it, under a name that Nomad doesn't read (it
 * takes *.hcl and *.json: command/agent/config.go LoadConfigDir). Nomad also takes it for a temporary file.
 */
export function asideOf(path: string): string {
  const chance = randomBytes(4).toString('hex')
  return `${dirname(path)}/.${shortened(basename(path))}.${pid}-${chance}${asideEnd}`
}

const asideEnd = '.nomad-pki~'

/**
 * Removes what killed processes wrote aside in a directory: a copy of a configuration, or an archive
 * with a key. What a process that runs is writing stays.
 *
 * @param files The calls to use.
 * @param directory Absolute; one that is not there has nothing in it.
 */
export function sweepAsides(files: Files, directory: string): void {
  for (const path of leftAsides(files, directory)) unlinkQuietly(files, path)
}

/**
 * Finds what killed processes wrote aside in a directory.
 *
 * @param files The calls to use.
 * @param directory Absolute; one that is not there, or cannot be read, has nothing in it.
 * @returns Full paths.
 */
export function leftAsides(files: Files, directory: string): readonly string[] {
  let found: readonly string[]
  try {
    found = files.names(directory)
  } catch {
    return []
  }
  return found.flatMap((name) => {
    if (!name.endsWith(asideEnd)) return []
    const writer = /\.(?:([1-9][0-9]*)-)?[0-9a-f]{8}\.nomad-pki~$/.exec(name)
    if (writer === null || (writer[1] !== undefined && runs(Number(writer[1])))) return []
    return [`${directory}/${name}`]
  })
}

/** Whether a process of this number runs; another user's counts. */
function runs(number: number): boolean {
  try {
    kill(number, 0)
    return true
  } catch (error) {
    return errnoOf(error) !== 'ESRCH'
  }
}

/**
 * What a call that failed means for a file that was to be written; other errors as they are.
 *
 * @param kept Whether the next run goes on from there.
 */
export function unwritten(path: string, error: unknown, kept = true): unknown {
  if (errnoOf(error) === undefined) return error
  return new NomadPkiError(
    'ERR_FILE_UNWRITABLE',
    `can't write ${shownPath(path)}: ${describeFault(error)}`,
    { hint: hintOfFault(error, kept), cause: error },
  )
}

/** A name that has room for what is put around it. */
function shortened(name: string): string {
  return Buffer.byteLength(name) <= 200 ? name : Buffer.from(name).toString('hex').slice(0, 100)
}

/** The spec may name a directory that is yet to be. */
async function makeDirectory(files: Files, directory: string): Promise<void> {
  if (files.stat(directory) === undefined) await files.makeTree(directory, 0o755)
}

/** Tells whether a file was replaced or changed since. */
function stampOf({ dev, ino, size, mtimeMs }: FileStatus): string {
  return `${dev}:${ino}:${size}:${mtimeMs}`
}

async function barrierOf(
  files: Files,
  prepared: readonly Prepared[],
  touched: Touched,
  kind: BarrierKind,
): Promise<void> {
  const places = new Map<number, string>()
  for (const { target } of prepared) {
    const directory = dirname(target)
    const device = files.stat(directory)?.dev ?? -1
    if (!places.has(device)) places.set(device, directory)
  }
  let synced = kind === 'auto'
  for (const place of synced ? places.values() : []) {
    synced = (await files.syncAll(place)) && synced
  }
  if (synced) touched.take()
  else await barrier(files, '', touched, 'fsync')
}

function changed(path: string): NomadPkiError {
  return new NomadPkiError('ERR_CONFIG_CHANGED', `${shownPath(path)} is not what was read`, {
    hint: 'it was written in the meantime: look at it, and run the command again',
  })
}

/** Removes what was written aside; nothing where it has its place already. */
export function unlinkQuietly(files: Files, path: string): void {
  try {
    files.unlink(path)
  } catch {
    // It has its place already, or was never made.
  }
}
