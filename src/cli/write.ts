/**
 * Files that the command itself writes (the spec, `.gitignore`, a saved plan): aside, then renamed
 * into place, and only over what was read before.
 *
 * @module
 */

import path from 'node:path'
import { NomadPkiError, isNomadPkiError } from '../errors.js'
import { unwritten } from '../files/aside.js'
import { nodeFiles } from '../files/files.js'
import { directoryConfigs } from '../store/directory-configs.js'
import { diffText } from '../report/diff.js'
import type { Context } from './context.js'
import type { Printer } from './printer.js'

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
  for (const { file } of writes) {
    const parent = path.dirname(context.resolve(file))
    if (!(await context.exists(parent))) {
      throw new NomadPkiError('ERR_FILE_UNWRITABLE', `${file}: there is no folder ${parent}`)
    }
  }
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
 * Refuses to write a file into the store: a slip of the pen must not cost a key.
 *
 * @param what Such as `a plan`.
 * @throws {NomadPkiError} `ERR_FILE_EXISTS`
 */
export function requireOutside(context: Context, store: string, file: string, what: string): void {
  const within = path.relative(store, context.resolve(file))
  if (within === '..' || within.startsWith(`..${path.sep}`) || path.isAbsolute(within)) return
  throw new NomadPkiError('ERR_FILE_EXISTS', `${file}: ${what} is not saved in the store`, {
    hint: 'name a place beside it',
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
    throw unwritten(folder, error)
  }
}
