/**
 * The directories of a store while its lock is held: the calls, the root, the names in its
 * directories as far as they were read, and what waits for the next barrier.
 *
 * @module
 */

import { NomadPkiError } from '../errors.js'
import { barrier, Touched } from '../files/barrier.js'
import type { BarrierKind } from '../files/barrier.js'
import { describeFault, errnoOf, hintOfFault, shownPath } from '../files/fault.js'
import type { Files } from '../files/files.js'
import { umask } from '../files/umask.js'
import type { LedgerEvent } from '../inventory/ledger-events.js'
import { modes, names } from './layout.js'
import { appendLedger, ledgerEnd, mendLedger, type LedgerEnd } from './ledger.js'

/** What a name in a directory stands for. */
type EntryKind = 'directory' | 'link' | 'other'

/** The directories of a store under one held lock. */
export class StoreTree {
  readonly files: Files
  readonly root: string
  readonly touched: Touched = new Touched()
  /** Whether files get the mode that is asked for: then one call a file is saved. */
  readonly keepsModes: boolean
  readonly #kind: BarrierKind
  /** Where the ledger ends, as its last append under this lock left it. */
  #ledgerEnd: LedgerEnd | undefined
  readonly #listings = new Map<string, Map<string, EntryKind>>()

  constructor(files: Files, root: string, kind: BarrierKind) {
    this.files = files
    this.root = root
    this.#kind = kind
    const taken = umask()
    const inherits = ((files.stat(root)?.mode ?? 0) & 0o2000) !== 0
    this.keepsModes = taken !== undefined && (taken & 0o744) === 0 && !inherits
  }

  /**
   * Waits until everything written so far is on disk.
   *
   * @param kind `fsync` where little was written: the file system as a whole may have much that is not ours.
   */
  async barrier(kind: BarrierKind = this.#kind): Promise<void> {
    await barrier(this.files, this.root, this.touched, kind)
  }

  /**
   * Where the ledger ends. One of many lines is read once, and not for each line more.
   *
   * @throws {NomadPkiError} `ERR_LEDGER_BROKEN`, `ERR_STORE_UNREADABLE`
   */
  ledgerEnd(): LedgerEnd {
    const known = this.#ledgerEnd
    return known !== undefined && this.files.lstat(this.#ledger)?.size === known.size
      ? known
      : ledgerEnd(this.files, this.#ledger)
  }

  /** Appends lines behind what {@link ledgerEnd} gave. */
  appendLedger(end: LedgerEnd, events: readonly LedgerEvent[]): void {
    const known = this.#ledgerEnd
    this.#ledgerEnd = undefined
    const whole = mendLedger(this.files, this.#ledger, end)
    this.#ledgerEnd = appendLedger(this.files, this.#ledger, whole, events)
    this.touched.add(this.#ledger)
    // Under this lock for the first time: a run that made the file may have been killed before its barrier.
    if (end !== known) this.touched.add(this.root)
  }

  get #ledger(): string {
    return `${this.root}/${names.ledger}`
  }

  /** The names in a directory; empty where it does not exist. */
  listing(directory: string): Map<string, EntryKind> {
    const known = this.#listings.get(directory)
    if (known !== undefined) return known
    const found = new Map<string, EntryKind>()
    try {
      for (const entry of this.files.list(directory)) {
        found.set(
          entry.name,
          entry.isDirectory() ? 'directory' : entry.isSymbolicLink() ? 'link' : 'other',
        )
      }
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw error
      return found
    }
    this.#listings.set(directory, found)
    return found
  }

  /** Notes that a name came or went. */
  note(directory: string, name: string, kind: EntryKind | undefined): void {
    this.touched.add(directory)
    const known = this.#listings.get(directory)
    if (kind === undefined) known?.delete(name)
    else known?.set(name, kind)
  }

  /** Forgets a directory that was moved or removed, and all below it. */
  forget(directory: string): void {
    for (const path of this.#listings.keys()) {
      if (path === directory || path.startsWith(`${directory}/`)) this.#listings.delete(path)
    }
  }

  /**
   * Makes sure that there is a directory, below the root, one step after the other.
   *
   * @param path Relative to the root.
   * @returns Its absolute path.
   * @throws {NomadPkiError} `ERR_STORE_UNWRITABLE` where something else has the name, or one that
   * this file system takes for the same.
   */
  directory(path: string): string {
    let at = this.root
    for (const name of path.split('/')) {
      const listing = this.listing(at)
      const below = `${at}/${name}`
      const kind = listing.get(name)
      if (kind === undefined) this.#make(at, name, listing)
      else if (kind !== 'directory') {
        throw new NomadPkiError(
          'ERR_STORE_UNWRITABLE',
          `${shownPath(below)} is ${kind === 'link' ? 'a link' : 'a file'} where a directory belongs`,
          { hint: 'move it away' },
        )
      }
      // A killed run may have made it, and waited for no barrier.
      this.touched.add(at)
      at = below
    }
    return at
  }

  #make(parent: string, name: string, listing: Map<string, EntryKind>): void {
    const path = `${parent}/${name}`
    try {
      this.files.mkdir(path, modes.directory)
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST') throw error
      // The directory does not list the name, and yet it is taken: the file system folds letters.
      const folded = name.toLowerCase()
      const other = [...listing.keys()].find((entry) => entry.toLowerCase() === folded)
      throw new NomadPkiError(
        'ERR_STORE_UNWRITABLE',
        `${shownPath(parent)} can't hold both ${JSON.stringify(other ?? name)} and ${JSON.stringify(name)}: its file system takes the two for one name`,
        { hint: 'keep the store on a case-sensitive file system, or rename one of the two' },
      )
    }
    // A umask, or a group bit inherited from the parent, may have changed what was asked for.
    if (!this.keepsModes) this.files.chmod(path, modes.directory)
    if (parent !== this.root || this.#listings.has(parent)) this.note(parent, name, 'directory')
    this.#listings.set(path, new Map())
    this.touched.add(parent)
    this.touched.add(path)
  }
}

/**
 * Makes an error of ours from what the operating system said while writing.
 *
 * @param error Anything that was caught.
 * @param root The store.
 * @param doing What was under way: a path in the store, or an address.
 */
export function unwritable(error: unknown, root: string, doing: string | undefined): NomadPkiError {
  if (error instanceof NomadPkiError) return error
  if (errnoOf(error) === undefined) {
    return new NomadPkiError('ERR_INTERNAL', describeFault(error), { cause: error })
  }
  const what = doing === undefined ? '' : `${doing} in `
  return new NomadPkiError(
    'ERR_STORE_UNWRITABLE',
    `can't write ${what}the store ${shownPath(root)}: ${describeFault(error)}`,
    { address: doing, hint: hintOfFault(error), cause: error },
  )
}
