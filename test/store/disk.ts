/**
 * A disk that forgets: a file system in memory which keeps a log of what was done to it, with the
 * barriers in between. After a power failure everything before the last barrier is there, and of
 * what came later any part: `survivors` builds such a disk from a choice of the later operations.
 *
 * Names and contents are separate operations, as they are on a real disk: a file may keep its name
 * and lose its bytes. An operation that can't be done any more, because one before it was lost, is
 * lost as well. A rename is one operation: file systems with a journal promise that much.
 *
 * A disk can also be one that syncs no file system as a whole. Then only what an fsync of the file, or of
 * the directory that holds the name, came after is sure to be there.
 */

import { constants } from 'node:fs'
import type { DirectoryEntry, Files, FileStatus } from '../../src/files/files.js'
import { errno } from './calls.js'

interface Inode {
  readonly kind: 'directory' | 'file' | 'link'
  mode: number
  bytes: Buffer
  readonly target: string
  readonly entries: Map<string, Inode>
  readonly ino: number
}

/** What an fsync makes safe: a file's own inode, or those of the directories whose names change. */
interface Change {
  readonly in: readonly number[]
}

type Operation =
  | { readonly type: 'barrier' }
  | { readonly type: 'fsync'; readonly ino: number }
  | ({
      readonly type: 'enter'
      readonly path: string
      readonly ino: number
      readonly over: boolean
    } & Change)
  | ({ readonly type: 'leave'; readonly path: string; readonly ino: number } & Change)
  | ({
      readonly type: 'rename'
      readonly from: string
      readonly to: string
      readonly ino: number
    } & Change)
  | { readonly type: 'content'; readonly ino: number; readonly bytes: Buffer }
  | { readonly type: 'mode'; readonly ino: number; readonly mode: number }

/** The log of a disk, and what is needed to do it again. */
export interface DiskLog {
  readonly syncs: 'all' | 'each'
  readonly operations: readonly Operation[]
  readonly inodes: ReadonlyMap<number, Pick<Inode, 'kind' | 'mode' | 'target'>>
}

/** A disk in memory that logs. */
export class Disk {
  readonly operations: Operation[] = []
  readonly #born = new Map<number, Pick<Inode, 'kind' | 'mode' | 'target'>>()
  readonly #inodes = new Map<number, Inode>()
  readonly #open = new Map<number, { readonly inode: Inode; position: number }>()
  readonly #root: Inode
  readonly #syncs: 'all' | 'each'
  #next = 1

  /** @param syncs Whether the file system can be synced as a whole. */
  constructor(syncs: 'all' | 'each' = 'all') {
    this.#syncs = syncs
    this.#root = this.#make('directory', 0o755)
  }

  get log(): DiskLog {
    return { syncs: this.#syncs, operations: this.operations, inodes: this.#born }
  }

  /** The calls on this disk. */
  get files(): Files {
    return {
      open: (path, flags, mode = 0) => this.#openFile(path, flags, mode),
      read: (fd, buffer, offset, length) => {
        const file = this.#fd(fd)
        const part = file.inode.bytes.subarray(file.position, file.position + length)
        part.copy(buffer, offset)
        file.position += part.length
        return part.length
      },
      write: (fd, bytes, offset) => {
        const { inode } = this.#fd(fd)
        this.#content(inode, Buffer.concat([inode.bytes, bytes.subarray(offset)]))
        return bytes.length - offset
      },
      fstat: (fd) => this.#status(this.#fd(fd).inode),
      fchmod: (fd, mode) => {
        this.#chmod(this.#fd(fd).inode, mode)
      },
      fchown: () => undefined,
      ftruncate: (fd, size) => {
        const { inode } = this.#fd(fd)
        this.#content(inode, inode.bytes.subarray(0, size))
      },
      close: (fd) => {
        this.#open.delete(fd)
      },
      mkdir: (path, mode) => {
        this.#enter(path, this.#make('directory', mode), false)
      },
      chmod: (path, mode) => {
        this.#chmod(this.#get(path), mode)
      },
      rename: (from, to) => {
        this.#rename(from, to)
      },
      link: (from, to) => {
        this.#enter(to, this.#get(from), false)
      },
      symlink: (target, path) => {
        this.#enter(path, this.#make('link', 0o777, target), false)
      },
      unlink: (path) => {
        if (this.#get(path).kind === 'directory') throw errno('EISDIR')
        this.#leave(path)
      },
      rmdir: (path) => {
        if (this.#get(path).entries.size > 0) throw errno('ENOTEMPTY')
        this.#leave(path)
      },
      names: (path) => [...this.#directory(path).entries.keys()].sort(),
      list: (path) =>
        [...this.#directory(path).entries]
          .sort(([a], [b]) => (a < b ? -1 : 1))
          .map(([name, inode]) => entryOf(name, inode)),
      readlink: (path) => {
        const inode = this.#get(path)
        if (inode.kind !== 'link') throw errno('EINVAL')
        return inode.target
      },
      realpath: (path) => path,
      lstat: (path) => this.#statOf(path),
      stat: (path) => this.#statOf(path),
      fsync: async (path) => {
        const { ino } = this.#get(path)
        this.operations.push({ type: 'fsync', ino })
      },
      syncAll: async () => {
        if (this.#syncs === 'each') return false
        this.operations.push({ type: 'barrier' })
        return true
      },
      makeTree: async () => {
        throw errno('ENOSYS')
      },
      removeTree: async (path) => {
        this.#removeTree(path)
      },
    }
  }

  /** Does a logged operation again, if it still can be done. */
  again(operation: Operation, inodes: DiskLog['inodes']): void {
    const inode = (ino: number): Inode => {
      let found = this.#inodes.get(ino)
      if (found === undefined) {
        const { kind, mode, target } = inodes.get(ino)!
        found = this.#make(kind, mode, target, ino)
      }
      return found
    }
    try {
      switch (operation.type) {
        case 'enter':
          this.#enter(operation.path, inode(operation.ino), operation.over)
          break
        case 'leave':
          // Only if it is still the one that was meant.
          if (this.#get(operation.path).ino === operation.ino) this.#leave(operation.path)
          break
        case 'rename':
          if (this.#get(operation.from).ino === operation.ino) {
            this.#rename(operation.from, operation.to)
          }
          break
        case 'content':
          this.#content(inode(operation.ino), operation.bytes)
          break
        case 'mode':
          this.#chmod(inode(operation.ino), operation.mode)
          break
        case 'barrier':
        case 'fsync':
          this.operations.push(operation)
          break
      }
    } catch (error) {
      if (!(error instanceof Error && 'code' in error)) throw error
    }
  }

  #openFile(path: string, flags: number, mode: number): number {
    let inode: Inode
    if ((flags & constants.O_CREAT) !== 0) {
      inode = this.#make('file', mode)
      this.#enter(path, inode, false)
    } else {
      inode = this.#get(path)
      if (inode.kind === 'link') throw errno('ELOOP')
    }
    const fd = 1000 + this.#next
    this.#next += 1
    this.#open.set(fd, { inode, position: 0 })
    return fd
  }

  #rename(from: string, to: string): void {
    const inode = this.#get(from)
    const [there, name] = this.#parent(to)
    const over = there.entries.get(name)
    if (over?.kind === 'directory' && over.entries.size > 0) throw errno('ENOTEMPTY')
    if (over !== undefined && (over.kind === 'directory') !== (inode.kind === 'directory')) {
      throw errno('EISDIR')
    }
    const [here, old] = this.#parent(from)
    here.entries.delete(old)
    there.entries.set(name, inode)
    this.operations.push({ type: 'rename', from, to, ino: inode.ino, in: [here.ino, there.ino] })
  }

  #enter(path: string, inode: Inode, over: boolean): void {
    const [parent, name] = this.#parent(path)
    if (!over && parent.entries.has(name)) throw errno('EEXIST')
    parent.entries.set(name, inode)
    this.operations.push({ type: 'enter', path, ino: inode.ino, over, in: [parent.ino] })
  }

  #leave(path: string): void {
    const [parent, name] = this.#parent(path)
    const { ino } = this.#get(path)
    parent.entries.delete(name)
    this.operations.push({ type: 'leave', path, ino, in: [parent.ino] })
  }

  #removeTree(path: string): void {
    const inode = this.#find(path)
    if (inode === undefined) return
    for (const name of [...inode.entries.keys()]) this.#removeTree(`${path}/${name}`)
    this.#leave(path)
  }

  #content(inode: Inode, bytes: Buffer): void {
    inode.bytes = bytes
    this.operations.push({ type: 'content', ino: inode.ino, bytes })
  }

  #chmod(inode: Inode, mode: number): void {
    inode.mode = mode
    this.operations.push({ type: 'mode', ino: inode.ino, mode })
  }

  #make(kind: Inode['kind'], mode: number, target = '', ino = this.#next++): Inode {
    const inode = { kind, mode, bytes: Buffer.alloc(0), target, entries: new Map(), ino }
    // What is done again has its number; what comes later gets another.
    this.#next = Math.max(this.#next, ino + 1)
    this.#inodes.set(ino, inode)
    this.#born.set(ino, { kind, mode, target })
    return inode
  }

  #fd(fd: number): { readonly inode: Inode; position: number } {
    const file = this.#open.get(fd)
    if (file === undefined) throw errno('EBADF')
    return file
  }

  #find(path: string): Inode | undefined {
    let at: Inode | undefined = this.#root
    for (const name of path.split('/')) if (name !== '') at = at?.entries.get(name)
    return at
  }

  #get(path: string): Inode {
    const found = this.#find(path)
    if (found === undefined) throw errno('ENOENT')
    return found
  }

  #directory(path: string): Inode {
    const found = this.#get(path)
    if (found.kind !== 'directory') throw errno('ENOTDIR')
    return found
  }

  #parent(path: string): [Inode, string] {
    const cut = path.lastIndexOf('/')
    return [this.#directory(path.slice(0, cut)), path.slice(cut + 1)]
  }

  #statOf(path: string): FileStatus | undefined {
    const found = this.#find(path)
    return found === undefined ? undefined : this.#status(found)
  }

  #status(inode: Inode): FileStatus {
    const types = { directory: 0o040000, file: 0o100000, link: 0o120000 }
    return {
      ...entryOf('', inode),
      mode: inode.mode | types[inode.kind],
      uid: 0,
      gid: 0,
      size: inode.bytes.length,
      dev: 1,
      nlink: 1,
      ino: inode.ino,
      mtimeMs: 0,
    }
  }
}

/**
 * Which operations a power failure may undo.
 *
 * @param until How many of the operations had been asked for.
 * @returns Their places in the log.
 */
export function pendingIn({ operations }: DiskLog, until: number): readonly number[] {
  const pending: number[] = []
  const synced = new Set<number>()
  for (let place = until - 1; place >= 0; place -= 1) {
    const operation = operations[place]!
    if (operation.type === 'barrier') break
    if (operation.type === 'fsync') {
      synced.add(operation.ino)
      continue
    }
    const changed = 'in' in operation ? operation.in : [operation.ino]
    if (!changed.every((ino) => synced.has(ino))) pending.push(place)
  }
  return pending.reverse()
}

/**
 * The disk after a power failure.
 *
 * @param log What was done until then.
 * @param until How many of the operations had been asked for.
 * @param keeps Which of those that are not sure reached the disk, in the order in which they were asked for.
 */
export function survivors(
  log: DiskLog,
  until: number,
  keeps: (operation: Operation, place: number) => boolean,
): Disk {
  const pending = new Map(pendingIn(log, until).map((place, at) => [place, at]))
  const disk = new Disk(log.syncs)
  log.operations.slice(0, until).forEach((operation, place) => {
    const at = pending.get(place)
    if (at === undefined || keeps(operation, at)) disk.again(operation, log.inodes)
  })
  return disk
}

function entryOf(name: string, { kind }: Inode): DirectoryEntry {
  return {
    name,
    isFile: () => kind === 'file',
    isDirectory: () => kind === 'directory',
    isSymbolicLink: () => kind === 'link',
  }
}
