/**
 * Reads a store from its directories: about six calls for a directory and four for a file, because
 * a plan of ten thousand nodes reads ten thousand of them. Takes no lock: a generation that goes
 * while it is read is read again through the link that has turned by then.
 *
 * @module
 */

import { isName, isRegionName, roles, type IdentityName, type Role } from '../address.js'
import { latin1Of } from '../bytes.js'
import { NomadPkiError } from '../errors.js'
import { describeFault, errnoOf, hintOfFault, shownPath } from '../files/fault.js'
import { breather, type DirectoryEntry, type Files } from '../files/files.js'
import { readWhole } from '../files/read.js'
import { parseGenerationName } from '../inventory/generation-name.js'
import { keyElsewhereIn } from '../inventory/manifest.js'
import type {
  ReadStoreOptions,
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
  modes,
  names,
  places,
  probedGeneration,
} from './layout.js'
import { ledgerLimit } from './ledger.js'
import { isLockName, lockHolder } from './lock.js'
import { itself, Observer } from './observe.js'
import { finding } from './reasons.js'

/** What a store that does not exist holds. */
const nothing: StoreContents = {
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
    if (files.lstat(root) === undefined) return false
    const status = files.stat(root)
    if (status === undefined) {
      throw unreadable(
        root,
        `it is a link to ${shownPath(files.readlink(root))}, which is not there`,
      )
    }
    if (status.isDirectory()) return true
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
export async function readStore(
  files: Files,
  root: string,
  options: ReadStoreOptions = {},
): Promise<StoreContents> {
  if (!storeExists(files, root)) return nothing
  try {
    return await new Reader(files, root, options.manifests).read()
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
    const path = error instanceof Error && 'path' in error ? String(error.path) : root
    throw unreadable(path, describeFault(error), error)
  }
}

/**
 * Reads one file of a store with its mode and owner.
 *
 * @returns `undefined` where it does not exist.
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

/** Reads parts of a store, and gathers what is wrong with their shape. */
export class Reader {
  readonly #files: Files
  readonly #root: string
  readonly #seen: Observer
  readonly #breathe = breather()
  readonly #manifests: boolean
  /** The `ca.pem` that was read last: most agents have the same. */
  #trust: Uint8Array | undefined

  constructor(files: Files, root: string, manifests = false) {
    this.#manifests = manifests
    this.#files = files
    this.#root = root
    this.#seen = new Observer(files, root)
  }

  async read(): Promise<StoreContents> {
    const entries = this.#files.list(this.#root)
    this.#seen.busy =
      entries.some(({ name }) => isLockName(name)) &&
      lockHolder(this.#files, this.#root) !== undefined
    this.#seen.checkDirectory(itself, '')
    const there = new Set<string>()
    for (const entry of entries) {
      if (places.has(entry.name)) {
        if (this.#seen.isDirectory(entry, '')) there.add(entry.name)
      } else if (
        entry.name !== names.ledger &&
        entry.name !== '.gitignore' &&
        !isLockName(entry.name)
      ) {
        this.#seen.foreign(itself, entry.name, entry.name)
      }
    }
    const authorities = there.has('authority') ? this.#authorities() : []
    const bundles = there.has('bundle') ? this.#bundles() : []
    if (there.has('probe')) this.#probes()
    const identities = there.has('identity') ? await this.#identities() : []
    const ledger = this.#seen.file(itself, names.ledger, modes.ledger, { limit: ledgerLimit })
    if (ledger !== undefined && ledger.bytes.length > 0 && ledger.bytes.at(-1) !== 0x0a) {
      this.#seen.leftOver(itself, names.ledger, 'an interrupted run left the last line torn in')
    }
    return {
      exists: true,
      authorities,
      bundles,
      identities,
      ledger,
      findings: this.#seen.findings,
    }
  }

  generation(path: string, directory: string, manifest: boolean): StoredGeneration {
    const { number, fingerprint } = parseGenerationName(directory)!
    const place = `${path}/${directory}`
    const ca = this.#seen.file(path, `${place}/${names.bundle}`, modes.public, {
      like: this.#trust,
    })
    this.#trust = ca?.bytes
    const generation = {
      directory,
      number,
      fingerprint,
      ca,
      cert: this.#seen.file(path, `${place}/${names.certificate}`, modes.public),
      key: this.#seen.file(path, `${place}/${names.key}`, modes.key),
    }
    // A key that is not there is missing, unless the manifest says that the node holds it.
    if (!manifest && generation.key !== undefined) return generation
    return {
      ...generation,
      manifest: this.#seen.file(path, `${place}/${names.manifest}`, modes.public),
    }
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
    this.#seen.checkDirectory(path, path)
    const crossed = new Map<number, StoredFile>()
    let certificate: StoredFile | undefined
    let key: StoredFile | undefined
    let list: StoredFile | undefined
    for (const entry of this.#files.list(`${this.#root}/${path}`)) {
      const place = `${path}/${entry.name}`
      const by = crossedBy(entry.name)
      if (entry.name === names.bundle) certificate = this.#seen.file(path, place, modes.public)
      else if (entry.name === names.authorityKey)
        key = this.#seen.file(path, place, modes.authorityKey)
      else if (entry.name === names.list) list = this.#seen.file(path, place, modes.public)
      else if (by !== undefined) {
        const file = this.#seen.file(path, place, modes.public)
        if (file !== undefined) crossed.set(by, file)
      } else this.#seen.foreign(path, place, entry.name)
    }
    return { name, generation, certificate, key, crossed, ...(list && { list }) }
  }

  #bundles(): StoredBundle[] {
    const bundles: StoredBundle[] = []
    for (const { name } of this.#directories('bundle', isName, itself)) {
      const path = `bundle/${name}`
      this.#seen.checkDirectory(path, path)
      let file: StoredFile | undefined
      for (const entry of this.#files.list(`${this.#root}/${path}`)) {
        const place = `${path}/${entry.name}`
        if (entry.name === names.bundle) file = this.#seen.file(path, place, modes.public)
        else this.#seen.foreign(path, place, entry.name)
      }
      if (file !== undefined) bundles.push({ name, file })
    }
    return bundles
  }

  /** They are read where they are used; here only their modes are looked at, and what else lies there. */
  #probes(): void {
    for (const { name } of this.#directories('probe', isName, itself)) {
      const path = `probe/${name}`
      for (const entry of this.#files.list(`${this.#root}/${path}`)) {
        const place = `${path}/${entry.name}`
        const generation = probedGeneration(entry.name)
        if (generation === undefined) this.#seen.foreign(itself, place, entry.name)
        else this.#seen.file(`authority/${name}/${generation}`, place, modes.key)
      }
    }
  }

  async #identities(): Promise<StoredIdentity[]> {
    const identities: StoredIdentity[] = []
    for (const role of this.#directories('identity', isRole, itself)) {
      for (const region of this.#directories(`identity/${role.name}`, isRegionName, itself)) {
        const place = `identity/${role.name}/${region.name}`
        for (const { name } of this.#directories(place, isName, itself)) {
          const identity = { role: role.name as Role, region: region.name, name }
          const stored = this.identity(identity)
          if (stored !== undefined) identities.push(stored)
          await this.#breathe()
        }
      }
    }
    return identities
  }

  identity(identity: IdentityName): StoredIdentity | undefined {
    const path = identityPath(identity)
    const place = `${this.#root}/${path}`
    const status = this.#seen.checkDirectory(path, path)
    if (!this.#manifests && status?.nlink === 3) {
      const only = this.#onlyGeneration(identity, path)
      if (only !== undefined) return only
    }
    for (let attempt = 0; ; attempt += 1) {
      const before = this.#seen.findings.length
      const entries = this.#namesOf(place)
      const generations = generationsAmong(entries)
      const link = entries.includes(names.current) ? this.#link(path) : undefined
      const linked = link !== undefined && generations.includes(link)
      // Made and turned to between the two looks.
      if (link !== undefined && !linked && attempt === 0) continue
      const current = linked ? this.generation(path, link, this.#manifests) : undefined
      if (current !== undefined && !hasAll(current) && attempt < 3 && this.#link(path) !== link) {
        // It went while it was read: the link was turned before the removal.
        this.#seen.findings.length = before
        continue
      }
      if (current !== undefined) this.#seen.checkDirectory(path, `${path}/${current.directory}`)
      if (entries.length > generations.length + (link === undefined ? 0 : 1)) {
        for (const name of entries) {
          if (name !== names.current && parseGenerationName(name) === undefined) {
            this.#seen.foreign(path, `${path}/${name}`, name)
          }
        }
      }
      if (generations.length === 0 && link === undefined) return undefined
      return { ...identity, link, current, generations }
    }
  }

  /**
   * The usual case without listing the directory, which costs a plan of ten thousand a third of its
   * reading: by its link count it holds one directory, and the link names a whole generation. File
   * systems that count otherwise (btrfs: always 1; APFS: files too) never get here or have no link.
   * The generation's own mode and what does not belong there are looked at only where manifests are
   * asked for.
   */
  #onlyGeneration(identity: IdentityName, path: string): StoredIdentity | undefined {
    const before = this.#seen.findings.length
    const link = this.#link(path)
    if (link !== undefined && parseGenerationName(link) !== undefined) {
      const current = this.generation(path, link, false)
      if (hasAll(current)) {
        return { ...identity, link, current, generations: [link] }
      }
    }
    this.#seen.findings.length = before
    return undefined
  }

  /** Empty where the identity was removed since its name was read. */
  #namesOf(place: string): readonly string[] {
    try {
      return this.#files.names(place)
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return []
      throw error
    }
  }

  #link(path: string): string | undefined {
    const place = `${path}/${names.current}`
    try {
      return this.#files.readlink(`${this.#root}/${place}`)
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return undefined
      if (errnoOf(error) !== 'EINVAL') throw error
      this.#seen.findings.push(
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
    this.#seen.checkDirectory(address, path)
    return this.#files
      .list(`${this.#root}/${path}`)
      .filter((entry) => {
        if (isRight(entry.name)) return this.#seen.isDirectory(entry, path)
        this.#seen.foreign(address, `${path}/${entry.name}`, entry.name)
        return false
      })
      .sort((a, b) => (a.name < b.name ? -1 : 1))
  }
}

function hasAll({ ca, cert, key, manifest }: StoredGeneration): boolean {
  if (ca === undefined || cert === undefined) return false
  return key !== undefined || keyElsewhereIn(manifest && latin1Of(manifest.bytes)) !== undefined
}

function isRole(text: string): boolean {
  return (roles as readonly string[]).includes(text)
}

/** The error of a place in a store that can't be read. */
export function unreadable(path: string, message: string, cause?: unknown): NomadPkiError {
  return new NomadPkiError('ERR_STORE_UNREADABLE', `can't read ${shownPath(path)}: ${message}`, {
    hint: cause === undefined ? undefined : hintOfFault(cause),
    cause,
  })
}
