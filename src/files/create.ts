/**
 * A new file with exactly the mode it should have, from its first byte.
 *
 * @module
 */

import { createFlags } from './files.js'
import type { Files } from './files.js'

/**
 * Writes a file that does not exist yet. `open` gets the mode, so others can read a key at no moment.
 * The mode is set again on the open file, because a umask may have taken bits away; unless the caller
 * knows that it doesn't. Nothing is synced.
 *
 * @param files The calls to use.
 * @param path Where; it must not exist, and a link there is not followed.
 * @param bytes The content.
 * @param mode Permission bits.
 * @param kept Whether what is asked of `open` is what comes of it.
 * @throws Node's `ErrnoException`. What was begun is left for the caller to remove.
 */
export function createFile(
  files: Files,
  path: string,
  bytes: Uint8Array,
  mode: number,
  kept = false,
): void {
  const fd = files.open(path, createFlags, mode)
  try {
    if (!kept) files.fchmod(fd, mode)
    writeWhole(files, fd, bytes)
  } finally {
    files.close(fd)
  }
}

/**
 * Writes all bytes to an open file.
 *
 * @param files The calls to use.
 * @param fd An open file.
 * @param bytes The content.
 * @throws Node's `ErrnoException`.
 */
export function writeWhole(files: Files, fd: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) at += files.write(fd, bytes, at)
}
