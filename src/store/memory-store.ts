/**
 * A store in memory: for a dry run, for tests, for a library that keeps its keys elsewhere. It
 * promises what the one on directories promises, but for what only a disk can keep.
 *
 * @module
 */

import { parseAddress, type IdentityName } from '../address.js'
import { sameBytes } from '../bytes.js'
import { NomadPkiError } from '../errors.js'
import { parseGenerationName } from '../inventory/generation-name.js'
import { chainLine, readLedger } from '../inventory/ledger.js'
import type {
  Store,
  ReadStoreOptions,
  StoreContents,
  StoredAuthority,
  StoredFile,
  StoredGeneration,
  StoredIdentity,
} from '../inventory/store.js'
import {
  crossesNothing,
  gather,
  generationExists,
  keyChanged,
  keyExists,
  removesCurrent,
  turnsToNothing,
  type Changes,
} from './batch.js'
import { generationsAmong, identityPath, names, probePath } from './layout.js'

/** An identity's directory. A generation of which only the name is known has no content. */
interface MemoryIdentity {
  readonly identity: IdentityName
  link: string | undefined
  readonly generations: Map<string, StoredGeneration | undefined>
}

/**
 * Makes a store in memory, for tests and for trying a plan. It keeps the contract of the store on directories.
 *
 * @param seed What it holds at first; of generations that are not current only the names are known.
 * @returns The port. Its functions throw, and document it.
 */
export function memoryStore(seed?: StoreContents): Store {
  const state = new State(seed)
  let holder: { readonly command: string } | undefined
  return {
    location: 'memory',
    pathOf: (identity) => `memory/${identityPath(identity)}/${names.current}`,
    read: async (options) => state.contents(options),
    readIdentity: async (identity) => state.identity(identity),
    readGenerations: async (identity) => state.generationsOf(identity),
    readAuthorityKey: async (name, generation) =>
      state.authorities.get(`authority/${name}/${generation}`)?.key?.bytes,
    readProbe: async (name, generation) => state.probes.get(probePath(name, generation))?.bytes,
    readLedger: async () => state.ledger,
    async lock({ wait = 10_000, command = 'nomad-pki', signal } = {}) {
      const deadline = performance.now() + wait
      while (holder !== undefined) {
        if (signal?.aborted === true) {
          throw new NomadPkiError('ERR_INTERRUPTED', 'interrupted while waiting for the lock')
        }
        if (performance.now() >= deadline) {
          throw new NomadPkiError(
            'ERR_STORE_LOCKED',
            `the store in memory is held by ${JSON.stringify(holder.command)} of this process`,
          )
        }
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
      const mine = { command }
      holder = mine
      state.exists = true
      return {
        async release() {
          if (holder === mine) holder = undefined
        },
      }
    },
    async heal() {
      work()
      return []
    },
    batch: () =>
      gather(async (changes) => {
        work().apply(changes)
      }),
  }

  function work(): State {
    if (holder === undefined) {
      throw new NomadPkiError('ERR_INTERNAL', 'the store is written without its lock')
    }
    return state
  }
}

class State {
  exists: boolean
  ledger: StoredFile | undefined
  readonly authorities: Map<string, StoredAuthority>
  readonly #bundles: Map<string, StoredFile>
  /** By path. */
  readonly probes: Map<string, StoredFile> = new Map()
  readonly #identities: Map<string, MemoryIdentity>
  readonly #findings: StoreContents['findings']
  /** Whose modes were set right since. */
  readonly #repaired = new Set<string>()

  constructor(seed?: StoreContents) {
    this.exists = seed?.exists ?? false
    this.ledger = seed?.ledger
    this.#findings = seed?.findings ?? []
    this.authorities = new Map(
      seed?.authorities.map((one) => [`authority/${one.name}/${one.generation}`, one]),
    )
    this.#bundles = new Map(seed?.bundles.map(({ name, file }) => [name, file]))
    this.#identities = new Map(
      seed?.identities.map(({ role, region, name, link, current, generations }) => [
        identityPath({ role, region, name }),
        {
          identity: { role, region, name },
          link,
          generations: new Map(
            generations.map((directory) => [
              directory,
              directory === current?.directory ? current : undefined,
            ]),
          ),
        },
      ]),
    )
  }

  contents({ manifests = false }: ReadStoreOptions = {}): StoreContents {
    return {
      exists: this.exists,
      authorities: [...this.authorities.values()].sort((a, b) =>
        a.name === b.name ? a.generation - b.generation : a.name < b.name ? -1 : 1,
      ),
      bundles: [...this.#bundles]
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([name, file]) => ({ name, file })),
      identities: [...this.#identities]
        .sort(([a], [b]) => comparePaths(a, b))
        .map(([, stored]) => stored)
        .filter(isThere)
        .map((identity) => storedIdentity(identity, manifests)),
      ledger: this.ledger,
      findings: this.#findings.filter(({ address }) => !this.#repaired.has(address)),
    }
  }

  identity(identity: IdentityName): StoredIdentity | undefined {
    const found = this.#identities.get(identityPath(identity))
    return found !== undefined && isThere(found) ? storedIdentity(found, true) : undefined
  }

  generationsOf(identity: IdentityName): readonly StoredGeneration[] {
    const found = this.#identities.get(identityPath(identity))
    return generationsAmong([...(found?.generations.keys() ?? [])]).map(
      (directory) => found?.generations.get(directory) ?? nameOnly(directory),
    )
  }

  apply(changes: Changes): void {
    this.#check(changes)
    for (const { name, generation, key, certificate, crossed, list } of changes.authorities) {
      const address = `authority/${name}/${generation}`
      const there = this.authorities.get(address)
      this.authorities.set(address, {
        name,
        generation,
        certificate: certificate === undefined ? there?.certificate : fileOf(certificate),
        key: key === undefined ? there?.key : fileOf(key),
        crossed: new Map([
          ...(there?.crossed ?? []),
          ...[...crossed].map(([by, pem]) => [by, fileOf(pem)] as const),
        ]),
        ...(list !== undefined
          ? { list: fileOf(list) }
          : there?.list !== undefined && { list: there.list }),
      })
    }
    for (const { name, generation, key } of changes.keys) {
      const address = `authority/${name}/${generation}`
      this.authorities.set(address, { ...this.authorities.get(address)!, key: fileOf(key) })
    }
    for (const [name, pem] of changes.bundles) this.#bundles.set(name, fileOf(pem))
    for (const [path, pem] of changes.probes) {
      if (pem === undefined) this.probes.delete(path)
      else this.probes.set(path, fileOf(pem))
    }
    for (const { identity, directory, files } of changes.generations) {
      this.#directory(identity).generations.set(directory, {
        ...nameOnly(directory),
        ca: fileOf(files.ca),
        cert: fileOf(files.cert),
        key: files.key === undefined ? undefined : fileOf(files.key),
        manifest: fileOf(files.manifest),
      })
    }
    this.#record(changes)
    for (const { identity, directory } of changes.turns.values()) {
      this.#directory(identity).link = directory
    }
    for (const address of changes.repairs) this.#repair(address)
    for (const { identity, directories } of changes.removals) {
      const path = identityPath(identity)
      if (directories === undefined) this.#identities.delete(path)
      for (const directory of directories ?? []) {
        this.#identities.get(path)?.generations.delete(directory)
      }
    }
    for (const { name, generation } of changes.removedAuthorities) {
      this.authorities.delete(`authority/${name}/${generation}`)
    }
    for (const name of changes.removedBundles) this.#bundles.delete(name)
  }

  /** Everything that can be refused is refused before anything changes. */
  #check(changes: Changes): void {
    for (const { name, generation, expected } of changes.keys) {
      const there = this.authorities.get(`authority/${name}/${generation}`)?.key
      if (there === undefined || !sameBytes(there.bytes, expected)) {
        throw keyChanged(name, generation)
      }
    }
    for (const { name, generation, key, certificate } of changes.authorities) {
      const there = this.authorities.get(`authority/${name}/${generation}`)?.key
      if (there !== undefined && key !== undefined && !sameText(there, key)) {
        throw keyExists(name, generation)
      }
      if (
        certificate === undefined &&
        key === undefined &&
        !this.authorities.has(`authority/${name}/${generation}`)
      ) {
        throw crossesNothing(name, generation)
      }
    }
    for (const { identity, directory, files } of changes.generations) {
      const there = this.#identities.get(identityPath(identity))?.generations
      if (there?.has(directory) !== true) continue
      const old = there.get(directory)
      const same =
        (files.key === undefined ? old?.key === undefined : sameText(old?.key, files.key)) &&
        sameText(old?.cert, files.cert) &&
        sameText(old?.ca, files.ca) &&
        sameText(old?.manifest, files.manifest)
      if (!same) throw generationExists(identity, directory)
    }
    const puts = new Set(
      changes.generations.map(
        ({ identity, directory }) => `${identityPath(identity)}/${directory}`,
      ),
    )
    for (const [path, { identity, directory }] of changes.turns) {
      const put = puts.has(`${path}/${directory}`)
      if (!put && this.#identities.get(path)?.generations.has(directory) !== true) {
        throw turnsToNothing(identity, directory)
      }
    }
    for (const { identity, directories } of changes.removals) {
      const path = identityPath(identity)
      const after = changes.turns.get(path)?.directory ?? this.#identities.get(path)?.link
      if (after !== undefined && directories?.includes(after) === true) {
        throw removesCurrent(identity, after)
      }
    }
  }

  #record({ events }: Changes): void {
    if (events.length === 0) return
    const known = readLedger(this.ledger?.bytes)
    let end = { head: known.head, seq: known.lines.length }
    const lines = events.map((event) => {
      const line = chainLine(event, end)
      end = line
      return `${line.text}\n`
    })
    this.ledger = {
      bytes: Buffer.concat([this.ledger?.bytes ?? Buffer.alloc(0), Buffer.from(lines.join(''))]),
    }
  }

  #repair(address: string): void {
    const parsed = parseAddress(address)
    const path = parsed.kind === 'identity' ? identityPath(parsed) : address
    this.#repaired.add(path)
  }

  #directory(identity: IdentityName): MemoryIdentity {
    const path = identityPath(identity)
    let found = this.#identities.get(path)
    if (found === undefined) {
      const { role, region, name } = identity
      found = { identity: { role, region, name }, link: undefined, generations: new Map() }
      this.#identities.set(path, found)
    }
    return found
  }
}

function isThere({ link, generations }: MemoryIdentity): boolean {
  return link !== undefined || generations.size > 0
}

function storedIdentity(
  { identity, link, generations }: MemoryIdentity,
  manifests: boolean,
): StoredIdentity {
  const current =
    link === undefined || !generations.has(link)
      ? undefined
      : (generations.get(link) ?? nameOnly(link))
  if (current === undefined) {
    return { ...identity, link, current, generations: generationsAmong([...generations.keys()]) }
  }
  // As the one on directories does: a manifest is read when it is asked for, or must say who has the key.
  const { directory, number, fingerprint, ca, cert, key, manifest } = current
  return {
    ...identity,
    link,
    current: {
      ...{ directory, number, fingerprint, ca, cert, key },
      ...((manifests || key === undefined) && { manifest }),
    },
    generations: generationsAmong([...generations.keys()]),
  }
}

function nameOnly(directory: string): StoredGeneration {
  const parsed = parseGenerationName(directory)
  return { directory, number: parsed?.number ?? 0, fingerprint: parsed?.fingerprint ?? '' }
}

function fileOf(text: string): StoredFile {
  return { bytes: Buffer.from(text) }
}

function sameText(file: StoredFile | undefined, text: string): boolean {
  return file !== undefined && sameBytes(file.bytes, Buffer.from(text))
}

function comparePaths(a: string, b: string): number {
  const [left, right] = [a.split('/'), b.split('/')]
  for (let at = 0; at < left.length; at += 1) {
    if (left[at] !== right[at]) return left[at]! < right[at]! ? -1 : 1
  }
  return 0
}
