/**
 * What is noticed while a store is read: files that are open to others, belong to another user, do
 * not belong there, or can't be read.
 *
 * @module
 */

import { getuid } from 'node:process'
import type { Finding } from '../diagnostics.js'
import { hintOfFault, shellPath, shownPath } from '../files/fault.js'
import type { DirectoryEntry, Files, FileStatus } from '../files/files.js'
import { readWhole } from '../files/read.js'
import type { StoredFile } from '../inventory/store.js'
import { isTemporary, modes, names } from './layout.js'
import { finding } from './reasons.js'

/** The address under which the store itself is spoken of. */
export const itself = 'store'

/** Reads files and notes what is wrong with them. Paths are relative to the root. */
export class Observer {
  readonly findings: Finding[] = []
  /** Whether a process is at work, so that half-done work is not a left-over. */
  busy = false
  readonly #files: Files
  readonly #root: string
  readonly #uid = getuid?.()

  constructor(files: Files, root: string) {
    this.#files = files
    this.#root = root
  }

  isDirectory(entry: DirectoryEntry, parent: string): boolean {
    if (entry.isDirectory()) return true
    const path = parent === '' ? entry.name : `${parent}/${entry.name}`
    const what = entry.isSymbolicLink() ? 'a link, and is not followed' : 'a file'
    this.findings.push(
      finding('warning', itself, 'foreign-file', `${shownPath(path)} is ${what}`, {
        file: path,
        remedy: `put a directory there, or move it out of the store`,
      }),
    )
    return false
  }

  /** Half-done work is not reported while a process is at work. */
  leftOver(address: string, path: string, words: string): void {
    if (this.busy) return
    this.findings.push(
      finding('note', address, 'left-over', `${words} ${shownPath(path)}`, {
        file: path,
        remedy: isHealed(path)
          ? 'nomad-pki apply --yes'
          : 'remove it: nothing of ours writes there',
      }),
    )
  }

  foreign(address: string, path: string, name: string): void {
    if (isTemporary(name)) {
      this.leftOver(address, path, 'an interrupted run left')
      return
    }
    this.findings.push(
      finding('note', address, 'foreign-file', `${shownPath(path)} does not belong there`, {
        file: path,
        remedy: 'move it out of the store',
      }),
    )
  }

  /** @param options As those of {@link readWhole}. */
  file(
    address: string,
    path: string,
    mode: number,
    options: { readonly limit?: number; readonly like?: Uint8Array | undefined } = {},
  ): StoredFile | undefined {
    const reading = readWhole(this.#files, `${this.#root}/${path}`, options)
    if (reading.state === 'read') {
      // Whether it is open: any bit for others where there should be none, writing elsewhere.
      const open = reading.mode & ((mode & 0o077) === 0 ? 0o077 : 0o022)
      if (open !== 0) this.#open(address, path, reading.mode, open, mode)
      if (reading.uid !== this.#uid) this.#owner(address, path, reading.uid)
      const { bytes, mode: bits, uid } = reading
      return { bytes, mode: bits, uid }
    }
    if (reading.state === 'absent') return undefined
    const file = path
    if (reading.state === 'odd') {
      this.findings.push(
        finding(
          'error',
          address,
          'incomplete',
          `${shownPath(path)} can't be read: ${reading.message}`,
          {
            file,
          },
        ),
      )
      return undefined
    }
    // It may be a good one: nothing is to be made anew because another user runs this.
    this.findings.push(
      finding(
        'error',
        itself,
        'unreadable',
        `${shownPath(path)} can't be read: ${reading.message}`,
        {
          file,
          remedy:
            hintOfFault(reading.cause) ?? 'look at the disk, or restore the store from a backup',
        },
      ),
    )
    return undefined
  }

  #open(address: string, path: string, mode: number, open: number, right: number): void {
    const whole = path === '' ? this.#root : `${this.#root}/${path}`
    const verb = (open & 0o044) !== 0 ? ((open & 0o022) !== 0 ? 'read and write' : 'read') : 'write'
    const remedy =
      address === itself
        ? `chmod ${right.toString(8)} ${shellPath(whole)}`
        : `nomad-pki apply ${address}`
    this.findings.push(
      finding(
        address === itself ? 'warning' : 'error',
        address,
        'mode-open',
        `users other than its owner can ${verb} ${shownPath(path === '' ? whole : path)} (mode ${octal(mode)} instead of ${octal(right)})`,
        { file: path, remedy },
      ),
    )
  }

  #owner(address: string, path: string, uid: number): void {
    // One finding for the whole store is enough: files of another user rarely come alone.
    if (this.findings.some(({ reason }) => reason === 'owner-differs')) return
    const whole = path === '' ? this.#root : `${this.#root}/${path}`
    this.findings.push(
      finding(
        'warning',
        address,
        'owner-differs',
        `${shownPath(whole)} belongs to user ${uid}, and this runs as user ${this.#uid ?? -1}`,
        {
          file: path,
          remedy: `run as that user, or: chown -R "$(id -u)" ${shellPath(this.#root)}`,
        },
      ),
    )
  }

  /** @returns What it is; `undefined` where it is not there. */
  checkDirectory(address: string, path: string): FileStatus | undefined {
    const whole = path === '' ? this.#root : `${this.#root}/${path}`
    const status = path === '' ? this.#files.stat(whole) : this.#files.lstat(whole)
    if (status === undefined) return undefined
    // Below a root that no other user can enter, only what can be written matters; and not even that.
    const open = status.mode & (path === '' ? 0o077 : 0o022)
    if (open !== 0) this.#open(address, path, status.mode & 0o7777, open, modes.directory)
    if (status.uid !== this.#uid) this.#owner(address, path, status.uid)
    return status
  }
}

function octal(mode: number): string {
  return `0${mode.toString(8)}`
}

/** Whether {@link healStore} looks at the place: the others are never written to under such names. */
function isHealed(path: string): boolean {
  const [first, ...below] = path.split('/')
  switch (first) {
    case names.ledger:
      return true
    case 'authority':
      return below.length === 2 || below.length === 3
    case 'bundle':
      return below.length === 1 || below.length === 2
    case 'identity':
      return below.length === 3 || below.length === 4
    default:
      return false
  }
}
