/**
 * What the operating system's error means, in words for people.
 *
 * @module
 */

import { NomadPkiError } from '../errors.js'

/**
 * The code of an error from the operating system, `ENOSPC`.
 *
 * @param error Anything that was caught.
 */
export function errnoOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined
  // Our own errors have codes too, and have been put into words already.
  if (error instanceof NomadPkiError) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}

const words: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EPERM: 'operation not permitted',
  EROFS: 'the file system is read-only',
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk quota is used up',
  EFBIG: 'the file would be too large',
  EIO: 'the disk reports an input/output error',
  ENOENT: 'there is no such file or directory',
  ENOTDIR: 'a part of the path is not a directory',
  EISDIR: 'it is a directory',
  EEXIST: 'it exists already',
  ENOTEMPTY: 'the directory is not empty',
  ELOOP: 'it is a symbolic link',
  ENAMETOOLONG: 'the path is too long',
  EMFILE: 'this process has too many open files',
  ENFILE: 'the system has too many open files',
  EXDEV: 'it is on another file system',
  EBUSY: 'it is in use',
  ESTALE: 'the network file system lost it',
  ERR_INVALID_ARG_VALUE: 'the path is not valid for a file',
}

const room = 'free some space and run the same command again'

const hints: Readonly<Record<string, string>> = {
  EACCES: 'run as the user that owns it',
  EPERM: 'run as the user that owns it',
  EROFS: 'mount the file system writable, or put it elsewhere',
  ENOSPC: room,
  EDQUOT: room,
  ENAMETOOLONG: 'put it in a folder with a shorter path',
}

/**
 * One sentence on what went wrong.
 *
 * @param error Anything that was caught.
 */
export function describeFault(error: unknown): string {
  const code = errnoOf(error)
  if (code === undefined) return error instanceof Error ? error.message : String(error)
  const known = words[code]
  return known === undefined ? code : `${known} (${code})`
}

/**
 * The next step, where the error suggests one.
 *
 * @param error Anything that was caught.
 * @param kept Whether what was done before is kept, so that the next run goes on from there.
 */
export function hintOfFault(error: unknown, kept = true): string | undefined {
  const code = errnoOf(error)
  const hint = code === undefined ? undefined : hints[code]
  return kept && hint === room ? `${room}: it goes on where it stopped` : hint
}

/**
 * A path as it can stand in a message: as it is, or quoted where it holds control characters.
 *
 * @param path Any path.
 */
export function shownPath(path: string): string {
  // eslint-disable-next-line no-control-regex -- these are the ones that would spoil a terminal
  return /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/.test(path) ? JSON.stringify(path) : path
}

/**
 * A path as a shell takes it.
 *
 * @param path Any path.
 */
export function shellPath(path: string): string {
  return /^[A-Za-z0-9_./:@%+=,-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`
}
