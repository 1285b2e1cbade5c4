/**
 * Reads a store from its directories: about six calls for a directory and four for a file, because
 * a plan of ten thousand nodes reads ten thousand of them. Takes no lock: a generation that goes
 * while it is read is read again through the link that has turned by then.
 *
 * @module
 */

import { getuid } from 'node:process'
import { isName, isRegionName, roles, type Role } from '../address.js'
import type { Finding } from '../diagnostics.js'
import { NomadPkiError } from '../errors.js'
import { describeFault, errnoOf, hintOfFault, shellPath, shownPath } from '../files/fault.js'
import { breather, type DirectoryEntry, type Files } from '../files/files.js'
import { readWhole } from '../files/read.js'
import type {
  StoreContents,
  StoredAuthority,
  StoredBundle,
  StoredFile,
  StoredGeneration,
  StoredIdentity,
} from '../inventory/store.js'
import {
  crossedBy,
  generationsAmong,
  identityPath,
  isGenerationNumber,
  isTemporary,
  modes,
  names,
  parseDirectory,
  type IdentityName,
} from './layout.js'
import { ledgerLimit } from './ledger.js'
import { isLockName, lockHolder } from './lock.js'
import { finding } from './reasons.js'

/** The address under which the store itself is spoken of. */
const itself = 'store'

/** What a store that does not exist holds. */
export const nothing: StoreContents = {
  exists: false,
  authorities: [],
  bundles: [],
  identities: [],
  findings: [],
}

/**
 * Whether there is a store.
 *
 * @throws {NomadPkiError} `ERR_STORE_UNREADABLE` where something else has its place.
 */
export function storeExists(files: Files, root: string): boolean {
  try {
    const status = files.lstat(root)
    if (status === undefined) return false
    if (status.isDirectory()) return true
    if (status.isSymbolicLink()) {
      const target = files.stat(root)
      if (target?.isDirectory() === true) return true
      if (target === undefined) {
        throw unreadable(
          root,
          `it is a link to ${shownPath(files.readlink(root))}, which is not there`,
        )
      }
    }
    throw unreadable(root, 'it is a file, not a directory')
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
    throw unreadable(root, describeFault(error), error)
  }
}

/**
 * Reads everything, with the current generation of each identity.
 *
 * @param files The calls to use.
 * @param root The store.
 * @throws {NomadPkiError} `ERR_STORE_UNREADABLE`
 */
export async function readStore(files: Files, root: string): Promise<StoreContents> {
  if (!storeExists(files, root)) return nothing
  try {
    return await new Reader(files, root).read()
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
    const path = error instanceof Error && 'path' in error ? String(error.path) : root
    throw unreadable(path, describeFault(error), error)
  }
}

/**
 * Every generation of one identity, ascending, with all its files.
 *
 * @throws {NomadPkiError} `ERR_STORE_UNREADABLE`
 */
export function readGenerations(
  files: Files,
  root: string,
  identity: IdentityName,
): readonly StoredGeneration[] {
  if (!storeExists(files, root)) return []
  const reader = new Reader(files, root)
  const path = identityPath(identity)
  try {
    return generationsAmong(files.names(`${root}/${path}`)).map((directory) =>
      reader.generation(path, directory, true),
    )
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return []
    if (errnoOf(error) === undefined) throw error
    throw unreadable(`${root}/${path}`, describeFault(error), error)
  }
}

/**
 * One file.
 *
 * @returns `undefined` where there is none.
 * @throws {NomadPkiError} `ERR_STORE_UNREADABLE`
 */
export function readOne(files: Files, path: string, limit?: number): StoredFile | undefined {
  const reading = readWhole(files, path, limit === undefined ? {} : { limit })
  if (reading.state === 'read') return storedFile(reading)
  if (reading.state === 'absent') return undefined
  throw unreadable(
    path,
    reading.message,
    reading.state === 'unreadable' ? reading.cause : undefined,
  )
}

function storedFile({ bytes, mode, uid }: StoredFile): StoredFile {
  return { bytes, mode, uid }
}

class Reader {
  readonly #files: Files
  readonly #root: string
  readonly #findings: Finding[] = []
  readonly #uid = getuid?.()
  readonly #breathe = breather()
  /** Whether somebody is at work, so that what is half-done is no left-over. */
  #busy = false

  constructor(files: Files, root: string) {
    this.#files = files
    this.#root = root
  }

  async read(): Promise<StoreContents> {
    const entries = this.#files.list(this.#root)
    this.#busy =
      entries.some(({ name }) => isLockName(name)) &&
      lockHolder(this.#files, this.#root) !== undefined
    this.#checkDirectory(itself, '')
    const places = new Set(['authority', 'bundle', 'identity'])
    const there = new Set<string>()
    for (const entry of entries) {
      if (places.has(entry.name)) {
        if (this.#isDirectory(entry, '')) there.add(entry.name)
      } else if (
        entry.name !== names.ledger &&
        entry.name !== '.gitignore' &&
        !isLockName(entry.name)
      ) {
        this.#foreign(itself, entry.name, entry.name)
      }
    }
    const authorities = there.has('authority') ? this.#authorities() : []
    const bundles = there.has('bundle') ? this.#bundles() : []
    const identities = there.has('identity') ? await this.#identities() : []
    const ledger = this.#file(itself, names.ledger, modes.ledger, ledgerLimit)
    return {
      exists: true,
      authorities,
      bundles,
      identities,
      ledger,
      findings: this.#findings,
    }
  }

  generation(path: string, directory: string, manifest: boolean): StoredGeneration {
    const { number, fingerprint } = parseDirectory(directory)!
    const place = `${path}/${directory}`
    const generation = {
      directory,
      number,
      fingerprint,
      ca: this.#file(path, `${place}/${names.bundle}`, modes.public),
      cert: this.#file(path, `${place}/${names.certificate}`, modes.public),
      key: this.#file(path, `${place}/${names.key}`, modes.key),
    }
    if (!manifest) return generation
    return { ...generation, manifest: this.#file(path, `${place}/${names.manifest}`, modes.public) }
  }

  #authorities(): StoredAuthority[] {
    const authorities: StoredAuthority[] = []
    for (const { name } of this.#directories('authority', isName, itself)) {
      const path = `authority/${name}`
      for (const { name: number } of this.#directories(path, isGenerationNumber, itself)) {
        authorities.push(this.#authority(name, Number(number)))
      }
    }
    return authorities.sort((a, b) =>
      a.name === b.name ? a.generation - b.generation : a.name < b.name ? -1 : 1,
    )
  }

  #authority(name: string, generation: number): StoredAuthority {
    const path = `authority/${name}/${generation}`
    this.#checkDirectory(path, path)
    const crossed = new Map<number, StoredFile>()
    let certificate: StoredFile | undefined
    let key: StoredFile | undefined
    for (const entry of this.#files.list(`${this.#root}/${path}`)) {
      const place = `${path}/${entry.name}`
      const by = crossedBy(entry.name)
      if (entry.name === names.bundle) certificate = this.#file(path, place, modes.public)
      else if (entry.name === names.authorityKey) key = this.#file(path, place, modes.authorityKey)
      else if (by !== undefined) {
        const file = this.#file(path, place, modes.public)
        if (file !== undefined) crossed.set(by, file)
      } else this.#foreign(path, place, entry.name)
    }
    return { name, generation, certificate, key, crossed }
  }

  #bundles(): StoredBundle[] {
    const bundles: StoredBundle[] = []
    for (const { name } of this.#directories('bundle', isName, itself)) {
      const path = `bundle/${name}`
      this.#checkDirectory(path, path)
      let file: StoredFile | undefined
      for (const entry of this.#files.list(`${this.#root}/${path}`)) {
        const place = `${path}/${entry.name}`
        if (entry.name === names.bundle) file = this.#file(path, place, modes.public)
        else this.#foreign(path, place, entry.name)
      }
      if (file !== undefined) bundles.push({ name, file })
    }
    return bundles
  }

  async #identities(): Promise<StoredIdentity[]> {
    const identities: StoredIdentity[] = []
    for (const role of this.#directories('identity', isRole, itself)) {
      for (const region of this.#directories(`identity/${role.name}`, isRegionName, itself)) {
        const place = `identity/${role.name}/${region.name}`
        for (const { name } of this.#directories(place, isName, itself)) {
          const identity = { role: role.name as Role, region: region.name, name }
          const stored = this.#identity(identity)
          if (stored !== undefined) identities.push(stored)
          await this.#breathe()
        }
      }
    }
    return identities
  }

  #identity(identity: IdentityName): StoredIdentity | undefined {
    const path = identityPath(identity)
    const place = `${this.#root}/${path}`
    this.#checkDirectory(path, path)
    for (let attempt = 0; ; attempt += 1) {
      const before = this.#findings.length
      const entries = this.#files.names(place)
      const generations = generationsAmong(entries)
      const link = entries.includes(names.current) ? this.#link(path) : undefined
      const linked = link !== undefined && generations.includes(link)
      const current = linked ? this.generation(path, link, false) : undefined
      if (current !== undefined && (current.ca ?? current.cert ?? current.key) === undefined) {
        // It went while it was read: whoever removed it had turned the link before.
        if (attempt < 3 && this.#link(path) !== link) {
          this.#findings.length = before
          continue
        }
      }
      if (current !== undefined) this.#checkDirectory(path, `${path}/${current.directory}`)
      if (entries.length > generations.length + (link === undefined ? 0 : 1)) {
        for (const name of entries) {
          if (name !== names.current && parseDirectory(name) === undefined) {
            this.#foreign(path, `${path}/${name}`, name)
          }
        }
      }
      if (generations.length === 0 && link === undefined) return undefined
      return { ...identity, link, current, generations }
    }
  }

  #link(path: string): string | undefined {
    const place = `${path}/${names.current}`
    try {
      return this.#files.readlink(`${this.#root}/${place}`)
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return undefined
      if (errnoOf(error) !== 'EINVAL') throw error
      this.#findings.push(
        finding('error', path, 'link-broken', `${place} is not a link`, {
          file: place,
          remedy: `move it away, then: nomad-pki apply ${path}`,
        }),
      )
      return undefined
    }
  }

  /** The directories of one level whose names are as they should be; everything else is told. */
  #directories(
    path: string,
    isRight: (name: string) => boolean,
    address: string,
  ): readonly DirectoryEntry[] {
    if (path !== 'bundle') this.#checkDirectory(address, path)
    return this.#files
      .list(`${this.#root}/${path}`)
      .filter((entry) => {
        if (isRight(entry.name)) return this.#isDirectory(entry, path)
        this.#foreign(address, `${path}/${entry.name}`, entry.name)
        return false
      })
      .sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  #isDirectory(entry: DirectoryEntry, parent: string): boolean {
    if (entry.isDirectory()) return true
    const path = parent === '' ? entry.name : `${parent}/${entry.name}`
    const what = entry.isSymbolicLink() ? 'a link, and is not followed' : 'a file'
    this.#findings.push(
      finding('warning', itself, 'foreign-file', `${shownPath(path)} is ${what}`, {
        file: path,
        remedy: `put a directory there, or move it out of the store`,
      }),
    )
    return false
  }

  #foreign(address: string, path: string, name: string): void {
    if (isTemporary(name)) {
      if (this.#busy) return
      this.#findings.push(
        finding('note', address, 'left-over', `an interrupted run left ${shownPath(path)}`, {
          file: path,
          remedy: 'the next nomad-pki apply that has work to do takes care of it',
        }),
      )
      return
    }
    this.#findings.push(
      finding('note', address, 'foreign-file', `${shownPath(path)} does not belong there`, {
        file: path,
        remedy: 'move it out of the store',
      }),
    )
  }

  #file(address: string, path: string, mode: number, limit?: number): StoredFile | undefined {
    const reading = readWhole(
      this.#files,
      `${this.#root}/${path}`,
      limit === undefined ? {} : { limit },
    )
    if (reading.state === 'read') {
      // Whether it is open: any bit for others where there should be none, writing elsewhere.
      const open = reading.mode & ((mode & 0o077) === 0 ? 0o077 : 0o022)
      if (open !== 0) this.#open(address, path, reading.mode, open, mode)
      if (reading.uid !== this.#uid) this.#owner(address, path, reading.uid)
      return storedFile(reading)
    }
    if (reading.state === 'absent') return undefined
    const file = path
    if (reading.state === 'odd') {
      this.#findings.push(
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
    // It may be a good one: nothing is to be made anew because of who runs this.
    this.#findings.push(
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
    const whole = `${this.#root}/${path}`
    const verb = (open & 0o044) !== 0 ? ((open & 0o022) !== 0 ? 'read and write' : 'read') : 'write'
    const remedy =
      address === itself
        ? `chmod ${right.toString(8)} ${shellPath(whole)}`
        : `nomad-pki apply ${address}`
    this.#findings.push(
      finding(
        address === itself ? 'warning' : 'error',
        address,
        'mode-open',
        `others than its owner can ${verb} ${shownPath(path === '' ? whole : path)} (mode ${octal(mode)} instead of ${octal(right)})`,
        { file: path, remedy },
      ),
    )
  }

  #owner(address: string, path: string, uid: number): void {
    // One finding for the whole store is enough: files of another user rarely come alone.
    if (this.#findings.some(({ reason }) => reason === 'owner-differs')) return
    const whole = path === '' ? this.#root : `${this.#root}/${path}`
    this.#findings.push(
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

  #checkDirectory(address: string, path: string): void {
    const whole = path === '' ? this.#root : `${this.#root}/${path}`
    const status = path === '' ? this.#files.stat(whole) : this.#files.lstat(whole)
    if (status === undefined) return
    // Below a root that nobody else can enter, only what can be written matters; and not even that.
    const open = status.mode & (path === '' ? 0o077 : 0o022)
    if (open !== 0) this.#open(address, path, status.mode & 0o7777, open, modes.directory)
    if (status.uid !== this.#uid) this.#owner(address, path, status.uid)
  }
}

function isRole(text: string): boolean {
  return (roles as readonly string[]).includes(text)
}

function octal(mode: number): string {
  return `0${mode.toString(8)}`
}

function unreadable(path: string, message: string, cause?: unknown): NomadPkiError {
  return new NomadPkiError('ERR_STORE_UNREADABLE', `can't read ${shownPath(path)}: ${message}`, {
    hint: cause === undefined ? undefined : hintOfFault(cause),
    cause,
  })
}
