/**
 * Makes a batch's changes true on directories, so that whatever interrupts it (a kill between two
 * calls, the power) leaves every `current` pointing at a whole generation, the old one or the new:
 *
 * ```text
 * check          nothing is written yet: what can't work is refused here
 * write          keys, certificates, generations beside the running ones; temporary links; the ledger
 * ── barrier ──  all of it is on disk
 * turn           one rename each: authorities into place, bundles, links
 * ── barrier ──  only where a generation is to go that was current until now
 * put away       one rename each: what is to be removed gets a name that nobody reads
 * ── barrier ──  what turned is on disk: the batch is done
 * remove         what was put away; a kill here leaves it to `heal`
 * ```
 *
 * @module
 */

import { parseAddress } from '../address.js'
import { createFile } from '../files/create.js'
import { errnoOf } from '../files/fault.js'
import { breather } from '../files/files.js'
import { readWhole } from '../files/read.js'
import {
  crossesNothing,
  generationExists,
  keyExists,
  removesCurrent,
  turnsToNothing,
  type AuthorityPut,
  type Changes,
  type GenerationPut,
  type IdentityRemoval,
  type Turn,
} from './batch.js'
import { unwritable, type Ground } from './ground.js'
import { crossedName, generationFiles, identityPath, modes, names, stagingName } from './layout.js'
import { appendLedger, ledgerEnd, mendLedger, type LedgerEnd } from './ledger.js'
import { repairModes } from './repair.js'

/** A rename that waits for the barrier. */
interface Move {
  readonly directory: string
  readonly from: string
  readonly to: string
  readonly kind: 'directory' | 'link' | 'other'
}

/**
 * Commits.
 *
 * @param ground The store, whose lock is held.
 * @param changes What to change.
 * @throws {NomadPkiError} `ERR_STORE_UNWRITABLE` and what {@link Changes} can't be: nothing has
 * turned then, unless it says so.
 */
export async function commitChanges(ground: Ground, changes: Changes): Promise<void> {
  const commit = new Commit(ground, changes)
  try {
    await commit.run()
  } catch (error) {
    await commit.tidy()
    throw unwritable(error, ground.root, commit.doing)
  }
}

class Commit {
  /** What is under way, for the message if it fails. */
  doing: string | undefined
  readonly #ground: Ground
  readonly #changes: Changes
  /** Paths of the generations that the batch writes. */
  readonly #puts: ReadonlySet<string>
  readonly #moves: Move[] = []
  readonly #breathe = breather()
  /** A directory that is being written. */
  #torn: string | undefined

  constructor(ground: Ground, changes: Changes) {
    this.#ground = ground
    this.#changes = changes
    this.#puts = new Set(
      changes.generations.map(
        ({ identity, directory }) => `${identityPath(identity)}/${directory}`,
      ),
    )
  }

  async run(): Promise<void> {
    const { files, root } = this.#ground
    const { authorities, bundles, generations, turns, repairs, events } = this.#changes
    const ledger = `${root}/${names.ledger}`
    const end = events.length > 0 ? ledgerEnd(files, ledger) : undefined
    for (const turn of turns.values()) this.#checkTurn(turn)
    const wasCurrent = this.#changes.removals.some((removal) => this.#checkRemoval(removal))

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
      repairModes(this.#ground, parseAddress(address))
      await this.#breathe()
    }
    if (end !== undefined) this.#appendLedger(ledger, end)
    this.doing = undefined
    await this.#ground.barrier()

    await this.#makeMoves()
    const away = [...this.#goingAway()]
    if (wasCurrent) await this.#ground.barrier()
    for (const [directory, name] of away) {
      await this.#putAway(directory, name)
      await this.#breathe()
    }
    this.doing = undefined
    await this.#ground.barrier()
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
        this.#ground.listing(parent).has(own) &&
        this.#ground.listing(directory).size === 0
      ) {
        files.rmdir(directory)
        this.#ground.forget(directory)
        this.#ground.note(parent, own, undefined)
      }
    }
  }

  /** After a failure: what was only begun is taken away again; a whole generation stays, for the next run to finish. */
  async tidy(): Promise<void> {
    const { files } = this.#ground
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
    const { files, root, touched } = this.#ground
    const place = `${root}/${path}/${directory}`
    if (files.lstat(place)?.isDirectory() !== true) throw turnsToNothing(identity, directory)
    // Whoever made it may have been killed before its barrier.
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
      return this.#ground.files.readlink(`${this.#ground.root}/${path}/${names.current}`)
    } catch {
      return undefined
    }
  }

  #writeAuthority({ name, generation, key, certificate, crossed }: AuthorityPut): void {
    const { files } = this.#ground
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
    const parent = this.#ground.directory(`authority/${name}`)
    if (!this.#ground.listing(parent).has(final)) {
      if (certificate === undefined) {
        throw crossesNothing(name, generation)
      }
      const staging = this.#stage(parent, final, wanted)
      this.#ground.note(parent, staging, 'directory')
      this.#touch(`${parent}/${staging}`, wanted)
      this.#moves.push({ directory: parent, from: staging, to: final, kind: 'directory' })
      return
    }
    const place = this.#ground.directory(`authority/${name}/${final}`)
    for (const [file, bytes, mode] of wanted) {
      if (file === names.authorityKey) {
        const there = readWhole(files, `${place}/${file}`)
        if (there.state === 'read' && Buffer.compare(there.bytes, bytes) === 0) continue
        if (there.state !== 'absent') throw keyExists(name, generation)
      }
      this.#aside(place, file, bytes, mode)
    }
  }

  #writeBundle(name: string, pem: string): void {
    this.doing = `bundle/${name}`
    const place = this.#ground.directory(this.doing)
    this.#aside(place, names.bundle, Buffer.from(pem), modes.public)
  }

  #writeProbe(path: string, pem: string): void {
    this.doing = path
    const [directory, file] = [parentOf(path), path.slice(path.lastIndexOf('/') + 1)]
    this.#aside(this.#ground.directory(directory), file, Buffer.from(pem), modes.key)
  }

  #writeGeneration({ identity, directory, files }: GenerationPut): void {
    this.doing = identityPath(identity)
    const parent = this.#ground.directory(this.doing)
    const wanted = generationFiles.map(
      ([part, file, mode]) => [file, Buffer.from(files[part]), mode] as const,
    )
    if (this.#ground.listing(parent).has(directory)) {
      const same = wanted.every(([file, bytes]) => {
        const there = readWhole(this.#ground.files, `${parent}/${directory}/${file}`)
        return there.state === 'read' && Buffer.compare(there.bytes, bytes) === 0
      })
      if (!same) throw generationExists(identity, directory)
      this.#touch(`${parent}/${directory}`, wanted)
      return
    }
    const staging = this.#stage(parent, directory, wanted)
    // Into place before the barrier: nothing points there yet, and afterwards one rename per
    // identity, that of the link, is all that is left to do.
    this.#ground.files.rename(`${parent}/${staging}`, `${parent}/${directory}`)
    this.#ground.note(parent, directory, 'directory')
    this.#touch(`${parent}/${directory}`, wanted)
  }

  #touch(place: string, wanted: readonly (readonly [name: string, ...unknown[]])[]): void {
    this.#ground.touched.add(place)
    for (const [name] of wanted) this.#ground.touched.add(`${place}/${name}`)
  }

  /** Writes a directory under a name that tells a whole one from a torn one. */
  #stage(
    parent: string,
    final: string,
    wanted: readonly (readonly [name: string, bytes: Uint8Array, mode: number])[],
  ): string {
    const { files, keepsModes } = this.#ground
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
    createFile(this.#ground.files, `${place}/${from}`, bytes, mode, this.#ground.keepsModes)
    this.#ground.touched.add(`${place}/${from}`)
    this.#ground.note(place, from, 'other')
  }

  #prepareLink({ identity, directory }: Turn): void {
    this.doing = identityPath(identity)
    const place = this.#ground.directory(this.doing)
    const from = `.turn-${names.current}`
    this.#discard(place, from)
    this.#moves.push({ directory: place, from, to: names.current, kind: 'link' })
    this.#ground.files.symlink(directory, `${place}/${from}`)
    this.#ground.note(place, from, 'link')
  }

  /** Takes away what an interrupted run left under a temporary name. */
  #discard(place: string, name: string): void {
    if (!this.#ground.listing(place).has(name)) return
    this.#ground.files.unlink(`${place}/${name}`)
    this.#ground.note(place, name, undefined)
  }

  #appendLedger(path: string, end: LedgerEnd): void {
    this.doing = names.ledger
    const { files, root, touched } = this.#ground
    const whole = mendLedger(files, path, end)
    appendLedger(files, path, whole, this.#changes.events)
    touched.add(path)
    if (!end.exists) touched.add(root)
  }

  async #makeMoves(): Promise<void> {
    for (const { directory, from, to, kind } of this.#moves) {
      this.doing = directory.slice(this.#ground.root.length + 1)
      this.#ground.files.rename(`${directory}/${from}`, `${directory}/${to}`)
      this.#ground.touched.drop(`${directory}/${from}`)
      this.#ground.note(directory, from, undefined)
      this.#ground.note(directory, to, kind)
      await this.#breathe()
    }
  }

  *#goingAway(): Generator<readonly [directory: string, name: string]> {
    const { root } = this.#ground
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

  async #putAway(directory: string, name: string): Promise<void> {
    const { files, root } = this.#ground
    this.doing = `${directory}/${name}`.slice(root.length + 1)
    const listing = this.#ground.listing(directory)
    if (!listing.has(name)) return
    const gone = `.gone-${name}`
    if (listing.has(gone)) await files.removeTree(`${directory}/${gone}`)
    try {
      files.rename(`${directory}/${name}`, `${directory}/${gone}`)
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw error
    }
    this.#ground.forget(`${directory}/${name}`)
    this.#ground.note(directory, name, undefined)
  }
}

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/'))
}
