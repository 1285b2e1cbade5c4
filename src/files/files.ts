/**
 * The system calls that the store and the configurations are written with, as one object: the real
 * ones here, and in tests one that counts, fails or dies at the N-th call, or forgets what was not
 * yet synced. They are synchronous, because a thousand small files through a thread pool cost three
 * times as much; callers let the event loop breathe between files ({@link breather}).
 *
 * @module
 */

import fs from 'node:fs'
import { dirname } from 'node:path'
import { platform } from 'node:process'

/** What a caller asks of a file's status. */
export interface FileStatus {
  /** Type and permission bits. */
  readonly mode: number
  /** The owner. */
  readonly uid: number
  /** The group. */
  readonly gid: number
  /** Bytes. */
  readonly size: number
  /** The number of the file system. */
  readonly dev: number
  /** The number of the file in its file system. */
  readonly ino: number
  /** Of a directory, on most file systems: two more than the directories in it. */
  readonly nlink: number
  /** Milliseconds, by the file system's own clock. */
  readonly mtimeMs: number
  /** Whether it is a regular file. */
  isFile(): boolean
  /** Whether it is a directory. */
  isDirectory(): boolean
  /** Whether it is a symbolic link. */
  isSymbolicLink(): boolean
}

/** One name in a directory. */
export interface DirectoryEntry {
  /** Without the directory. */
  readonly name: string
  /** Whether it is a regular file. */
  isFile(): boolean
  /** Whether it is a directory. */
  isDirectory(): boolean
  /** Whether it is a symbolic link. */
  isSymbolicLink(): boolean
}

/** The system calls in use. All but the last four are synchronous and throw Node's `ErrnoException`. */
export interface Files {
  /** Opens a file; `mode` is what a new file gets. @returns The descriptor. */
  open(path: string, flags: number, mode?: number): number
  /** Reads from where the last read ended, into the buffer at `offset`. @returns How many bytes came; 0 at the end. */
  read(fd: number, buffer: Uint8Array, offset: number, length: number): number
  /** @returns How many bytes were taken: it can be fewer than asked. */
  write(fd: number, bytes: Uint8Array, offset: number): number
  /** The status of an open file. */
  fstat(fd: number): FileStatus
  /** Sets the permission bits of an open file. */
  fchmod(fd: number, mode: number): void
  /** Sets owner and group of an open file. */
  fchown(fd: number, uid: number, gid: number): void
  /** Cuts an open file, or fills it with zeros, to so many bytes. */
  ftruncate(fd: number, size: number): void
  /** Closes a descriptor. */
  close(fd: number): void
  /** Makes one directory; the one above it must be there. */
  mkdir(path: string, mode: number): void
  /** Sets the permission bits of what the path leads to. */
  chmod(path: string, mode: number): void
  /** Gives a file another name; what had that name is replaced. */
  rename(from: string, to: string): void
  /** Gives a file a second name; throws where that name is taken. */
  link(from: string, to: string): void
  /** Makes a symbolic link at `path` with `target` as its text. */
  symlink(target: string, path: string): void
  /** Removes a file or a link. */
  unlink(path: string): void
  /** Removes an empty directory. */
  rmdir(path: string): void
  /** Names only. */
  names(path: string): string[]
  /** Names with their types. */
  list(path: string): readonly DirectoryEntry[]
  /** The text of a symbolic link. */
  readlink(path: string): string
  /** The path behind all links. */
  realpath(path: string): string
  /** Does not follow a link. @returns `undefined` where there is nothing. */
  lstat(path: string): FileStatus | undefined
  /** Follows links. @returns `undefined` where there is nothing. */
  stat(path: string): FileStatus | undefined
  /** Waits until the file or directory is on disk. */
  fsync(path: string): Promise<void>
  /**
   * Waits until everything in the file system that holds the path is on disk.
   *
   * @returns Whether that is possible here; if not, {@link fsync} has to do it one by one.
   */
  syncAll(path: string): Promise<boolean>
  /** Makes a directory and those on the way to it, with this mode under any umask. */
  makeTree(path: string, mode: number): Promise<void>
  /** Removes a directory with all that is in it, following no link; no error where there is none. */
  removeTree(path: string): Promise<void>
}

/** The real calls. */
export const nodeFiles: Files = {
  open: fs.openSync,
  read: (fd, buffer, offset, length) => fs.readSync(fd, buffer, offset, length, null),
  write: (fd, bytes, offset) => fs.writeSync(fd, bytes, offset),
  fstat: (fd) => fs.fstatSync(fd),
  fchmod: fs.fchmodSync,
  fchown: fs.fchownSync,
  ftruncate: fs.ftruncateSync,
  close: fs.closeSync,
  mkdir: (path, mode) => {
    fs.mkdirSync(path, mode)
  },
  chmod: fs.chmodSync,
  rename: fs.renameSync,
  link: fs.linkSync,
  symlink: fs.symlinkSync,
  unlink: fs.unlinkSync,
  rmdir: (path) => {
    fs.rmdirSync(path)
  },
  names: (path) => fs.readdirSync(path),
  list: (path) => fs.readdirSync(path, { withFileTypes: true }),
  readlink: (path) => fs.readlinkSync(path),
  realpath: (path) => fs.realpathSync.native(path),
  lstat: (path) => fs.lstatSync(path, { throwIfNoEntry: false }),
  stat: (path) => fs.statSync(path, { throwIfNoEntry: false }),
  async fsync(path) {
    const handle = await fs.promises.open(path, fs.constants.O_RDONLY)
    try {
      // On macOS libuv asks for F_FULLFSYNC here, which is what "on disk" needs there.
      await handle.sync()
    } finally {
      await handle.close()
    }
  },
  async syncAll(path) {
    // syncfs(2) is Linux's; Node has no binding for it, coreutils (8.24), BusyBox and uutils do.
    // Where an old `sync` ignores the option it syncs everything and waits, which serves as well.
    if (platform !== 'linux') return false
    // Loaded when something is written: a plan does without it, and starts 2 ms sooner.
    const { execFile } = await import('node:child_process')
    return new Promise((resolve) => {
      execFile('sync', ['-f', path], { timeout: 0 }, (error) => {
        resolve(error === null)
      })
    })
  },
  async makeTree(path, mode) {
    const { ensureDir } = await import('fs-extra/esm')
    const made: string[] = []
    for (let at = path; !fs.existsSync(at) && at !== dirname(at); at = dirname(at)) made.push(at)
    await ensureDir(path, mode)
    // A umask takes bits from the mode that mkdir is given: under 077 no agent could enter.
    for (const each of made) fs.chmodSync(each, mode)
  },
  async removeTree(path) {
    const { remove } = await import('fs-extra/esm')
    await remove(path)
  },
}

/** Creates a file, never over another one, never through a link. */
export const createFlags: number =
  fs.constants.O_WRONLY | fs.constants.O_CREAT | fs.constants.O_EXCL | fs.constants.O_NOFOLLOW

/** Opens a file to read it: not through a link, and without waiting for the other end of a pipe. */
export const readFlags: number =
  fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW | fs.constants.O_NONBLOCK

/** The same, but through links: for files that belong to another user. */
export const followFlags: number = fs.constants.O_RDONLY | fs.constants.O_NONBLOCK

/** Opens a file to append to it; it is created by {@link createFlags}. */
export const appendFlags: number =
  fs.constants.O_WRONLY | fs.constants.O_APPEND | fs.constants.O_NOFOLLOW

/** Opens a file to write into it. */
export const writeFlags: number = fs.constants.O_WRONLY | fs.constants.O_NOFOLLOW

/**
 * A stopwatch for loops of synchronous calls.
 *
 * @param every Milliseconds after which the event loop gets its turn, so that Ctrl-C is heard.
 * @returns A function to be asked in each round: a promise to await when it is time.
 */
export function breather(every = 20): () => Promise<void> | undefined {
  let last = performance.now()
  return () => {
    if (performance.now() - last < every) return undefined
    return new Promise((resolve) => {
      setImmediate(() => {
        last = performance.now()
        resolve()
      })
    })
  }
}
