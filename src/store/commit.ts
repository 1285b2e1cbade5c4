/**
 * Makes a batch's changes true on directories. A kill between two calls or a loss of power leaves every
 * `current` pointing at a whole generation, the old one or the new:
 *
 * ```text
 * check          nothing is written yet: what can't work is refused here
 * write          keys, certificates, generations beside the running ones; temporary links; the ledger
 * ── barrier ──  all of it is on disk
 * turn           one rename each: authorities into place, bundles, links
 * ── barrier ──  only where a generation is to go that was current until now
 * set aside      one rename each: what is to be removed gets a name that is not read
 * ── barrier ──  what turned is on disk: the batch is done
 * remove         what was set aside; a kill here leaves it to `heal`
 * ```
 *
 * @module
 */

import { parseAddress } from '../address.js'
import { sameBytes } from '../bytes.js'
import { createFile } from '../files/create.js'
import { errnoOf } from '../files/fault.js'
import { breather } from '../files/files.js'
import { readWhole } from '../files/read.js'
import {
  crossesNothing,
  generationExists,
  keyChanged,
  isLedgerAlone,
  keyExists,
  removesCurrent,
  turnsToNothing,
  type AuthorityPut,
  type Changes,
  type GenerationPut,
  type IdentityRemoval,
  type KeyReplacement,
  type Turn,
} from './batch.js'
import { unwritable, type StoreTree } from './tree.js'
import { crossedName, generationFiles, identityPath, modes, names, stagingName } from './layout.js'
import { repairModes } from './repair.js'

/** A rename that waits for the barrier. */
interface Move {
  readonly directory: string
  readonly from: string
  readonly to: string
  readonly kind: 'directory' | 'link' | 'other'
}

/**
 * Writes the changes of a batch.
 *
 * @param tree The store, whose lock is held.
 * @param changes What to change.
 * @throws {NomadPkiError} `ERR_STORE_UNWRITABLE` and what {@link Changes} can't be: nothing has
 * turned then, unless it says so.
 */
export async function commitChanges(tree: StoreTree, changes: Changes): Promise<void> {
  const commit = new Commit(tree, changes)
  try {
    await commit.run()
  } catch (error) {
    await commit.tidy()
    throw unwritable(error, tree.root, commit.doing)
  }
}

class Commit {
  /** What is under way, for the message if it fails. */
  doing: string | undefined
  readonly #tree: StoreTree
  readonly #changes: Changes
  /** Paths of the generations that the batch writes. */
  readonly #puts: ReadonlySet<string>
  readonly #moves: Move[] = []
  readonly #breathe = breather()
  /** A directory that is being written. */
  #torn: string | undefined

  constructor(tree: StoreTree, changes: Changes) {
    this.#tree = tree
    this.#changes = changes
    this.#puts = new Set(
      changes.generations.map(
        ({ identity, directory }) => `${identityPath(identity)}/${directory}`,
      ),
    )
  }

  async run(): Promise<void> {
    const { files, root } = this.#tree
    const { authorities, bundles, generations, turns, repairs, events } = this.#changes
    const end = events.length > 0 ? this.#tree.ledgerEnd() : undefined
    for (const turn of turns.values()) this.#checkTurn(turn)
    const wasCurrent = this.#changes.removals.some((removal) => this.#checkRemoval(removal))

    for (const key of this.#changes.keys) this.#replaceKey(key)
    for (const authority of authorities) this.#writeAuthority(authority)
    for (const [name, pem] of bundles) this.#writeBundle(name, pem)
    for (const [path, pem] of this.#changes.probes)
      if (pem !== undefined) this.#writeProbe(path, pem)
    for (const generation of generations) {
      this.#writeGeneration(generation)
      await this.#breathe()
    }
    for (const turn of turns.values()) {
      this.#prepareLink(turn)
      await this.#breathe()
    }
    for (const address of repairs) {
      this.doing = address
      repairModes(this.#tree, parseAddress(address))
      await this.#breathe()
    }
    if (end !== undefined) {
      this.doing = names.ledger
      this.#tree.appendLedger(end, events)
    }
    this.doing = undefined
    if (isLedgerAlone(this.#changes)) {
      // Each call of a foreign issuer waits for it.
      await this.#tree.barrier('fsync')
      return
    }
    await this.#tree.barrier()

    await this.#makeMoves()
    const away = [...this.#goingAway()]
    if (wasCurrent) await this.#tree.barrier()
    for (const [directory, name] of away) {
      await this.#renameToGone(directory, name)
      await this.#breathe()
    }
    this.doing = undefined
    await this.#tree.barrier()
    for (const [directory, name] of away) {
      this.doing = `${directory}/${name}`.slice(root.length + 1)
      await files.removeTree(`${directory}/.gone-${name}`)
    }
    // An authority's last generation takes its directory along; several can go together.
    for (const directory of new Set(away.map(([place]) => place))) {
      const parent = directory.slice(0, directory.lastIndexOf('/'))
      const own = directory.slice(parent.length + 1)
      if (
        parent === `${root}/authority` &&
        this.#tree.listing(parent).has(own) &&
        this.#tree.listing(directory).size === 0
      ) {
        files.rmdir(directory)
        this.#tree.forget(directory)
        this.#tree.note(parent, own, undefined)
      }
    }
  }

  /** After a failure: what was only begun is taken away again; a whole generation stays, for the next run to finish. */
  async tidy(): Promise<void> {
    const { files } = this.#tree
    const begun = this.#moves.filter(({ kind }) => kind !== 'directory')
    for (const { directory, from } of begun) {
      try {
        files.unlink(`${directory}/${from}`)
      } catch {
        // It has turned already, or it stays for `heal`.
      }
    }
    try {
      if (this.#torn !== undefined) await files.removeTree(this.#torn)
    } catch {
      // It stays for `heal`.
    }
  }

  #checkTurn({ identity, directory }: Turn): void {
    const path = identityPath(identity)
    this.doing = path
    if (this.#puts.has(`${path}/${directory}`)) return
    const { files, root, touched } = this.#tree
    const place = `${root}/${path}/${directory}`
    if (files.lstat(place)?.isDirectory() !== true) throw turnsToNothing(identity, directory)
    // The run that made it may have been killed before its barrier.
    for (const name of files.names(place)) touched.add(`${place}/${name}`)
    touched.add(place)
    touched.add(`${root}/${path}`)
  }

  /** @returns Whether it takes away what is current until this batch turns. */
  #checkRemoval({ identity, directories }: IdentityRemoval): boolean {
    const path = identityPath(identity)
    if (directories === undefined) return false
    this.doing = path
    const before = this.#linkOf(path)
    const after = this.#changes.turns.get(path)?.directory ?? before
    if (after !== undefined && directories.includes(after)) throw removesCurrent(identity, after)
    return before !== undefined && directories.includes(before)
  }

  #linkOf(path: string): string | undefined {
    try {
      return this.#tree.files.readlink(`${this.#tree.root}/${path}/${names.current}`)
    } catch {
      return undefined
    }
  }

  #writeAuthority({ name, generation, key, certificate, crossed, list }: AuthorityPut): void {
    const { files } = this.#tree
    const final = String(generation)
    this.doing = `authority/${name}/${final}`
    const wanted: [name: string, bytes: Uint8Array, mode: number][] = []
    if (key !== undefined) wanted.push([names.authorityKey, Buffer.from(key), modes.authorityKey])
    if (certificate !== undefined) {
      wanted.push([names.bundle, Buffer.from(certificate), modes.public])
    }
    for (const [by, pem] of crossed) {
      wanted.push([crossedName(by), Buffer.from(pem), modes.public])
    }
    if (list !== undefined) wanted.push([names.list, Buffer.from(list), modes.public])
    const parent = this.#tree.directory(`authority/${name}`)
    if (!this.#tree.listing(parent).has(final)) {
      if (certificate === undefined && key === undefined) {
        throw crossesNothing(name, generation)
      }
      const staging = this.#stage(parent, final, wanted)
      this.#tree.note(parent, staging, 'directory')
      this.#touch(`${parent}/${staging}`, wanted)
      this.#moves.push({ directory: parent, from: staging, to: final, kind: 'directory' })
      return
    }
    const place = this.#tree.directory(`authority/${name}/${final}`)
    for (const [file, bytes, mode] of wanted) {
      if (file === names.authorityKey) {
        const there = readWhole(files, `${place}/${file}`)
        if (there.state === 'read' && sameBytes(there.bytes, bytes)) continue
        if (there.state !== 'absent') throw keyExists(name, generation)
      }
      this.#aside(place, file, bytes, mode)
    }
  }

  #replaceKey({ name, generation, key, expected }: KeyReplacement): void {
    this.doing = `authority/${name}/${generation}`
    const place = `${this.#tree.root}/${this.doing}`
    const there = readWhole(this.#tree.files, `${place}/${names.authorityKey}`)
    if (there.state !== 'read' || !sameBytes(there.bytes, expected)) {
      throw keyChanged(name, generation)
    }
    this.#aside(place, names.authorityKey, Buffer.from(key), modes.authorityKey)
  }

  #writeBundle(name: string, pem: string): void {
    this.doing = `bundle/${name}`
    const place = this.#tree.directory(this.doing)
    this.#aside(place, names.bundle, Buffer.from(pem), modes.public)
  }

  #writeProbe(path: string, pem: string): void {
    this.doing = path
    const [directory, file] = [parentOf(path), path.slice(path.lastIndexOf('/') + 1)]
    this.#aside(this.#tree.directory(directory), file, Buffer.from(pem), modes.key)
  }

  #writeGeneration({ identity, directory, files }: GenerationPut): void {
    this.doing = identityPath(identity)
    const parent = this.#tree.directory(this.doing)
    const wanted = generationFiles.flatMap(([part, file, mode]) => {
      const text = files[part]
      // The node holds the key: there is no file for it.
      return text === undefined ? [] : [[file, Buffer.from(text), mode] as const]
    })
    if (this.#tree.listing(parent).has(directory)) {
      const same = generationFiles.every(([, file]) => {
        const there = readWhole(this.#tree.files, `${parent}/${directory}/${file}`)
        const bytes = wanted.find(([name]) => name === file)?.[1]
        return bytes === undefined
          ? there.state === 'absent'
          : there.state === 'read' && sameBytes(there.bytes, bytes)
      })
      if (!same) throw generationExists(identity, directory)
      this.#touch(`${parent}/${directory}`, wanted)
      return
    }
    const staging = this.#stage(parent, directory, wanted)
    // Into place before the barrier: nothing points there yet, and afterwards one rename per
    // identity, that of the link, is all that is left to do.
    this.#tree.files.rename(`${parent}/${staging}`, `${parent}/${directory}`)
    this.#tree.note(parent, directory, 'directory')
    this.#touch(`${parent}/${directory}`, wanted)
  }

  #touch(place: string, wanted: readonly (readonly [name: string, ...unknown[]])[]): void {
    this.#tree.touched.add(place)
    for (const [name] of wanted) this.#tree.touched.add(`${place}/${name}`)
  }

  /** Writes a directory under a name that tells a whole one from a torn one. */
  #stage(
    parent: string,
    final: string,
    wanted: readonly (readonly [name: string, bytes: Uint8Array, mode: number])[],
  ): string {
    const { files, keepsModes } = this.#tree
    const staging = stagingName(
      final,
      wanted.map(([name, bytes]) => [name, bytes] as const),
    )
    const place = `${parent}/${staging}`
    files.mkdir(place, modes.directory)
    this.#torn = place
    if (!keepsModes) files.chmod(place, modes.directory)
    for (const [name, bytes, mode] of wanted) {
      createFile(files, `${place}/${name}`, bytes, mode, keepsModes)
    }
    this.#torn = undefined
    return staging
  }

  /** Writes a file beside the one that it will replace. */
  #aside(place: string, file: string, bytes: Uint8Array, mode: number): void {
    const from = `.new-${file}`
    this.#discard(place, from)
    this.#moves.push({ directory: place, from, to: file, kind: 'other' })
    createFile(this.#tree.files, `${place}/${from}`, bytes, mode, this.#tree.keepsModes)
    this.#tree.touched.add(`${place}/${from}`)
    this.#tree.note(place, from, 'other')
  }

  #prepareLink({ identity, directory }: Turn): void {
    this.doing = identityPath(identity)
    const place = this.#tree.directory(this.doing)
    const from = `.turn-${names.current}`
    this.#discard(place, from)
    this.#moves.push({ directory: place, from, to: names.current, kind: 'link' })
    this.#tree.files.symlink(directory, `${place}/${from}`)
    this.#tree.note(place, from, 'link')
  }

  /** Takes away what an interrupted run left under a temporary name. */
  #discard(place: string, name: string): void {
    if (!this.#tree.listing(place).has(name)) return
    this.#tree.files.unlink(`${place}/${name}`)
    this.#tree.note(place, name, undefined)
  }

  async #makeMoves(): Promise<void> {
    for (const { directory, from, to, kind } of this.#moves) {
      this.doing = directory.slice(this.#tree.root.length + 1)
      this.#tree.files.rename(`${directory}/${from}`, `${directory}/${to}`)
      this.#tree.note(directory, from, undefined)
      this.#tree.note(directory, to, kind)
      await this.#breathe()
    }
  }

  *#goingAway(): Generator<readonly [directory: string, name: string]> {
    const { root } = this.#tree
    for (const { identity, directories } of this.#changes.removals) {
      const path = identityPath(identity)
      if (directories === undefined) yield [parentOf(`${root}/${path}`), identity.name]
      for (const name of directories ?? []) yield [`${root}/${path}`, name]
    }
    for (const { name, generation } of this.#changes.removedAuthorities) {
      yield [`${root}/authority/${name}`, String(generation)]
    }
    for (const name of this.#changes.removedBundles) yield [`${root}/bundle`, name]
    for (const [path, pem] of this.#changes.probes) {
      if (pem === undefined)
        yield [`${root}/${parentOf(path)}`, path.slice(path.lastIndexOf('/') + 1)]
    }
  }

  async #renameToGone(directory: string, name: string): Promise<void> {
    const { files, root } = this.#tree
    this.doing = `${directory}/${name}`.slice(root.length + 1)
    const listing = this.#tree.listing(directory)
    if (!listing.has(name)) return
    const gone = `.gone-${name}`
    if (listing.has(gone)) await files.removeTree(`${directory}/${gone}`)
    try {
      files.rename(`${directory}/${name}`, `${directory}/${gone}`)
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw error
    }
    this.#tree.forget(`${directory}/${name}`)
    this.#tree.note(directory, name, undefined)
  }
}

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/'))
}
