/**
 * A whole file with its mode and owner, in four calls.
 *
 * @module
 */

import { sameBytes } from '../bytes.js'
import { describeFault, errnoOf } from './fault.js'
import { readFlags } from './files.js'
import type { Files, FileStatus } from './files.js'

/** What came of reading a file. */
export type Reading =
  | {
      readonly state: 'read'
      readonly bytes: Uint8Array
      /** Permission bits. */
      readonly mode: number
      readonly uid: number
      readonly status: FileStatus
    }
  | { readonly state: 'absent' }
  /** It is there, and is not a plain file: a link, a directory, a pipe. */
  | { readonly state: 'odd'; readonly message: string }
  /** It may be there, and the system does not let us read it. */
  | { readonly state: 'unreadable'; readonly message: string; readonly cause: unknown }

const absent: Reading = { state: 'absent' }

/** Larger than any certificate chain or key: what is larger was not written by us. */
const fileLimit: number = 4 * 1024 * 1024

/**
 * Reads a file. Links are not followed and pipes not waited for, unless the flags say so.
 *
 * @param files The calls to use.
 * @param path The file.
 * @param options `limit`: bytes, 4 MiB by default. `flags`: for `open`. `like`: what it probably holds;
 *   if it does, these bytes are given back, so that ten thousand equal files are in memory once.
 */
export function readWhole(
  files: Files,
  path: string,
  options: {
    readonly limit?: number | undefined
    readonly flags?: number | undefined
    readonly like?: Uint8Array | undefined
  } = {},
): Reading {
  let fd: number
  try {
    fd = files.open(path, options.flags ?? readFlags)
  } catch (error) {
    const code = errnoOf(error)
    if (code === 'ENOENT') return absent
    // ENXIO: a socket. FreeBSD and macOS say EMLINK, EFTYPE or ELOOP for a link under O_NOFOLLOW.
    if (code === 'ELOOP' || code === 'EMLINK' || code === 'EFTYPE') {
      return { state: 'odd', message: 'it is a symbolic link' }
    }
    if (code === 'ENXIO' || code === 'ENOTDIR') {
      return { state: 'odd', message: describeFault(error) }
    }
    return { state: 'unreadable', message: describeFault(error), cause: error }
  }
  try {
    const status = files.fstat(fd)
    if (!status.isFile()) return { state: 'odd', message: 'it is not a plain file' }
    const limit = options.limit ?? fileLimit
    if (status.size > limit) {
      return { state: 'odd', message: `it is larger than ${limit} bytes` }
    }
    return {
      state: 'read',
      bytes: readToEnd(files, fd, status.size, options.like),
      mode: status.mode & 0o7777,
      uid: status.uid,
      status,
    }
  } catch (error) {
    return { state: 'unreadable', message: describeFault(error), cause: error }
  } finally {
    files.close(fd)
  }
}

/** Where a file is read to that is probably known already. */
const scratch = Buffer.alloc(64 * 1024)

function readToEnd(files: Files, fd: number, size: number, like?: Uint8Array): Uint8Array {
  if (like === undefined || size !== like.length || size >= scratch.length) {
    return readInto(files, fd, size, Buffer.allocUnsafe(size + 1))
  }
  const bytes = readInto(files, fd, size, scratch)
  return sameBytes(bytes, like) ? like : Buffer.from(bytes)
}

/** @param buffer One byte larger than the file should be, so that one read sees its end. */
function readInto(files: Files, fd: number, size: number, buffer: Buffer): Uint8Array {
  let length = 0
  for (;;) {
    const count = files.read(fd, buffer, length, buffer.length - length)
    length += count
    if (count === 0 || length === size) return buffer.subarray(0, length)
    if (length === buffer.length) {
      const larger = Buffer.allocUnsafe(buffer.length * 2)
      buffer.copy(larger)
      buffer = larger
    }
  }
}
