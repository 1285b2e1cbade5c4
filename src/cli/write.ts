/**
 * Files that the command itself writes (the spec, `.gitignore`, a saved plan): aside, then renamed
 * into place, and only over what was read before.
 *
 * @module
 */

import path from 'node:path'
import { NomadPkiError, isNomadPkiError } from '../errors.js'
import { unwritten } from '../files/aside.js'
import { shownPath } from '../files/fault.js'
import { nodeFiles, type FileStatus } from '../files/files.js'
import { directoryConfigs } from '../store/directory-configs.js'
import { diffText } from '../report/diff.js'
import type { Context } from './context.js'
import type { Printer } from './printer.js'
import { usage } from './usage.js'

/** One file to write. */
export interface FileWrite {
  /** As the user named it. */
  readonly file: string
  readonly text: string
  /** What it held when it was read; `undefined`: it must not exist. */
  readonly expected: Uint8Array | undefined
}

/**
 * Writes files; a file that changed since it was read is an error.
 *
 * @throws {NomadPkiError} `ERR_FILE_UNWRITABLE`; `ERR_FILE_EXISTS` or `ERR_FILE_UNWRITABLE` if one
 * is not what was read.
 */
export async function writeFiles(context: Context, writes: readonly FileWrite[]): Promise<void> {
  for (const { file } of writes) requireFolderOf(context, file)
  try {
    await directoryConfigs(context.cwd).write(
      writes.map(({ file, text, expected }) => ({ path: context.resolve(file), text, expected })),
    )
  } catch (error) {
    if (!isNomadPkiError(error, 'ERR_CONFIG_CHANGED')) throw error
    throw new NomadPkiError('ERR_FILE_UNWRITABLE', error.message, {
      hint: 'it changed in the meantime: look at it, and run the command again',
      cause: error,
    })
  }
}

/**
 * Refuses to write into the store: a slip of the pen must not cost a key. Places count, not names: a link
 * to the store, or to a folder in it, is the store.
 *
 * @param file A file or a folder, there or not.
 * @param what Such as `a plan`.
 * @throws {NomadPkiError} `ERR_FILE_EXISTS`
 */
export function requireOutside(context: Context, store: string, file: string, what: string): void {
  const [place, home] = [placeOf(context.resolve(file)), placeOf(store)]
  if (!isIn(place, home)) return
  throw new NomadPkiError(
    'ERR_FILE_EXISTS',
    `${shownPath(file)}: ${what} is not saved in the store`,
    { hint: 'name a place beside it' },
  )
}

/** Also on disks that do not tell upper case from lower, and behind mounts. */
function isIn(place: string, home: string): boolean {
  const there = statusAt(home)
  for (let at = place; ; at = path.dirname(at)) {
    if (at === home) return true
    const here = there && statusAt(at)
    if (here !== undefined && here.ino === there?.ino && here.dev === there.dev) return true
    if (at === path.dirname(at)) return false
  }
}

/**
 * Where a path leads: links are followed in the part of it that exists.
 *
 * @param location Absolute.
 */
export function placeOf(location: string): string {
  const rest: string[] = []
  for (let at = location; ; at = path.dirname(at)) {
    try {
      return path.join(nodeFiles.realpath(at), ...rest)
    } catch {
      if (at === path.dirname(at)) return location
      rest.unshift(path.basename(at))
    }
  }
}

/** What is at a path, behind links; nothing where it cannot be looked at. */
function statusAt(location: string): FileStatus | undefined {
  try {
    return nodeFiles.stat(location)
  } catch {
    return undefined
  }
}

/**
 * Refuses a file whose folder is not there: before the work, and where nothing is to be written too. `-` is
 * stdout elsewhere, so no file gets that name by mistake.
 *
 * @throws {NomadPkiError} `ERR_FILE_UNWRITABLE`; `ERR_USAGE` for `-`.
 */
export function requireFolderOf(context: Context, file: string): void {
  if (file === '-') throw usage('cannot write to stdout here', 'name a file (./- for one called -)')
  const parent = path.dirname(context.resolve(file))
  const status = statusAt(parent)
  if (status?.isDirectory() === true) return
  const why =
    status === undefined
      ? `there is no folder ${shownPath(parent)}`
      : `${shownPath(parent)} is not a folder`
  throw new NomadPkiError('ERR_FILE_UNWRITABLE', `${shownPath(file)}: ${why}`)
}

/**
 * Refuses a folder that cannot be made, because something else has its name, or that of one above it.
 *
 * @throws {NomadPkiError} `ERR_FILE_UNWRITABLE`
 */
export function requireFolder(context: Context, folder: string): void {
  let at = context.resolve(folder)
  while (statusAt(at) === undefined && !isLink(at) && at !== path.dirname(at)) at = path.dirname(at)
  if (statusAt(at)?.isDirectory() === true) return
  throw new NomadPkiError(
    'ERR_FILE_UNWRITABLE',
    `${shownPath(folder)}: ${shownPath(at)} is not a folder`,
    { hint: 'name a folder, or a place for a new one' },
  )
}

/** Whether a link is there, whatever it leads to. */
function isLink(location: string): boolean {
  try {
    return nodeFiles.lstat(location)?.isSymbolicLink() === true
  } catch {
    return false
  }
}

/** A file that a command makes anew each time. */
export interface OwnFile extends Pick<FileWrite, 'file'> {
  /** What it is to hold, or what makes it from what it held. */
  readonly text: string | ((before: Uint8Array | undefined) => string)
  /** Such as `a plan`. */
  readonly what: string
  /** Such as `a saved plan`: what is written over. Default: `what`. */
  readonly own?: string | undefined
  /** Whether a file is one of these: nothing else is written over. */
  readonly isOwn: (bytes: Uint8Array) => boolean
}

/**
 * Writes such files, never into the store, and over nothing but what is of their kind.
 *
 * @param store Where the store is.
 * @throws {NomadPkiError} `ERR_FILE_EXISTS`, `ERR_FILE_UNWRITABLE`; nothing was written then.
 */
export async function writeOwn(
  context: Context,
  store: string,
  files: readonly OwnFile[],
): Promise<void> {
  const writes: FileWrite[] = []
  const taken = new Map<string, string>()
  for (const { file, text, what, own = what, isOwn } of files) {
    requireOutside(context, store, file, what)
    const place = placeOf(context.resolve(file))
    const other = taken.get(place)
    if (other !== undefined) {
      throw usage(`${shownPath(file)} is to be ${other} and ${what}`, 'name two files')
    }
    taken.set(place, what)
    requirePlain(context, file, what)
    const expected = await readIfThere(context, file)
    if (expected !== undefined && !isOwn(expected)) {
      throw new NomadPkiError('ERR_FILE_EXISTS', `${shownPath(file)} exists, and is not ${own}`, {
        hint: `name another file: only ${own} is written over`,
      })
    }
    writes.push({ file, text: typeof text === 'string' ? text : text(expected), expected })
  }
  await writeFiles(context, writes)
}

/**
 * Refuses a pipe, a device or a socket: reading one may never end, and a rename would put a file in its place.
 *
 * @throws {NomadPkiError} `ERR_FILE_UNWRITABLE`
 */
function requirePlain(context: Context, file: string, what: string): void {
  const status = statusAt(context.resolve(file))
  if (status === undefined || status.isFile() || status.isDirectory()) return
  throw new NomadPkiError('ERR_FILE_UNWRITABLE', `${shownPath(file)} is not a plain file`, {
    hint: `name a file: ${what} is written aside and renamed`,
  })
}

/** Shows what would be written, and that nothing was. */
export function showWrites(writes: readonly FileWrite[], printer: Printer): void {
  for (const { file, text, expected } of writes) {
    const before = expected && Buffer.from(expected).toString('utf8')
    // A document alone goes to stdout.
    if (!printer.json) printer.answer(diffText(file, before, text, printer.style))
  }
  printer.tell('dry run: nothing was written')
}

/** What a file holds, or `undefined` where there is none. */
export async function readIfThere(context: Context, file: string): Promise<Uint8Array | undefined> {
  return (await context.exists(file)) ? context.readFile(file) : undefined
}

/**
 * Makes a folder that nobody else can look into, and those above it.
 *
 * @param folder Absolute.
 * @throws {NomadPkiError} `ERR_FILE_UNWRITABLE`
 */
export async function makeFolder(folder: string): Promise<void> {
  try {
    if (nodeFiles.stat(folder)?.isDirectory() !== true) await nodeFiles.makeTree(folder, 0o700)
  } catch (error) {
    throw unwritten(folder, error, false)
  }
}
