/**
 * The store as its callers need it: read everything at once, write in batches that are whole after
 * any crash. Implemented in `store/`, on directories and in memory; one contract suite runs on both.
 *
 * @module
 */

import type { IdentityName } from '../address.js'
import type { AuthorityKeeper } from '../authority/issuers.js'
import type { Finding } from '../diagnostics.js'
import type { LedgerEvent } from './ledger-events.js'

/** A file's content and its mode. */
export interface StoredFile {
  /** Its whole content. */
  readonly bytes: Uint8Array
  /** Permission bits; `undefined` where the store has none (in memory). */
  readonly mode?: number | undefined
  /** Owner; `undefined` likewise. */
  readonly uid?: number | undefined
}

/** The directory of one generation of an authority. */
export interface StoredAuthority {
  /** The name in its address. */
  readonly name: string
  /** The number in its address. */
  readonly generation: number
  /** `ca.pem` */
  readonly certificate?: StoredFile | undefined
  /** `ca-key.pem` */
  readonly key?: StoredFile | undefined
  /** Cross-certificates by the generation that signed them: `crossed-by-1.pem`. */
  readonly crossed: ReadonlyMap<number, StoredFile>
  /** `crl.pem`: its revocation list. */
  readonly list?: StoredFile | undefined
}

/** A trust bundle. */
export interface StoredBundle {
  /** The name of the root. */
  readonly name: string
  /** `ca.pem` */
  readonly file: StoredFile
}

/** The directory of one generation of an identity, `3-9f2c41ab`. */
export interface StoredGeneration {
  /** `3-9f2c41ab` */
  readonly directory: string
  /** 3 of `3-9f2c41ab`. */
  readonly number: number
  /** The first eight hex digits of the leaf's SHA-256, as the directory's name says. */
  readonly fingerprint: string
  /** `ca.pem` */
  readonly ca?: StoredFile | undefined
  /** `cert.pem` */
  readonly cert?: StoredFile | undefined
  /** `key.pem` */
  readonly key?: StoredFile | undefined
  /** `manifest.json` */
  readonly manifest?: StoredFile | undefined
}

/** The directory of an identity. */
export interface StoredIdentity extends IdentityName {
  /** The text of the `current` link; `undefined` where there is none. */
  readonly link?: string | undefined
  /** What the link points at, where that is a generation of this identity. */
  readonly current?: StoredGeneration | undefined
  /** The names of all generation directories, ascending by number; their content is read by {@link Store.readGenerations}. */
  readonly generations: readonly string[]
}

/** What is read. */
export interface ReadStoreOptions {
  /** Whether the current generations' manifests are read too: a plan needs none. Default: no. */
  readonly manifests?: boolean | undefined
}

/** Everything that is in a store. */
export interface StoreContents {
  /** Whether the store exists at all. */
  readonly exists: boolean
  /** Every generation of every authority. */
  readonly authorities: readonly StoredAuthority[]
  /** Every trust bundle. */
  readonly bundles: readonly StoredBundle[]
  /** Every identity, with its current generation. */
  readonly identities: readonly StoredIdentity[]
  /** The raw ledger; `undefined` where there is none. */
  readonly ledger?: StoredFile | undefined
  /** What is wrong with the store's own shape: foreign files, wrong modes of directories, links that lead outside. */
  readonly findings: readonly Finding[]
}

/** A lock on a store: no other process writes until it is released. */
export interface StoreLock {
  /** Gives the lock back. A second call does nothing. */
  release(): Promise<void>
}

/** The files of a new generation of an identity, as text. The key is written first. */
export interface GenerationFiles {
  /** Absent where the node holds it, and the manifest says so (`held: node`). */
  readonly key?: string | undefined
  /** `cert.pem`: leaf first, then intermediates. */
  readonly cert: string
  /** `ca.pem`: the trusted roots. */
  readonly ca: string
  /** `manifest.json` */
  readonly manifest: string
}

/**
 * Changes that become true together. Nothing an agent could load changes before {@link commit}:
 * it writes every new file, appends the ledger's lines, waits until all of it is on disk, turns the
 * links, and waits again.
 */
export interface StoreBatch extends AuthorityKeeper {
  /**
   * Writes another form of an authority's key, encrypted or not, over the one that is there (0400): one rename.
   *
   * @param files `key`: PEM; `expected`: the file as it was read.
   */
  replaceAuthorityKey(
    name: string,
    generation: number,
    files: {
      /** PEM. */
      readonly key: string
      /** The file as it was read; a different one is not written over. */
      readonly expected: Uint8Array
    },
  ): void
  /** Writes `crossed-by-N.pem` beside an authority that is there, or that this batch puts; over another one too. */
  putCross(name: string, generation: number, by: number, pem: string): void
  /** Writes `crl.pem` beside an authority that is there, over another one too. */
  putList(name: string, generation: number, pem: string): void
  /** Writes `bundle/NAME/ca.pem`, over another one too. */
  putBundle(name: string, pem: string): void
  /** Writes `identity/…/DIRECTORY` whole and turns `current` to it at {@link commit}. */
  putGeneration(identity: IdentityName, directory: string, files: GenerationFiles): void
  /** Only turns `current` to a generation that exists already. */
  turn(identity: IdentityName, directory: string): void
  /** Removes generations that are not current, or, without `directories`, the whole identity; after the barrier. */
  removeIdentity(identity: IdentityName, directories?: readonly string[]): void
  /** Removes one generation of an authority, with its key. */
  removeAuthority(name: string, generation: number): void
  /** Removes a trust bundle. */
  removeBundle(name: string): void
  /** Writes `probe/NAME/GENERATION.pem` (0600): a leaf that asks agents whether they trust the authority, its key first. */
  putProbe(name: string, generation: number, pem: string): void
  /** Removes a probe leaf; nothing happens where there is none. */
  removeProbe(name: string, generation: number): void
  /** Sets the modes of an identity's or authority's files to what they should be. */
  repairModes(address: string): void
  /** Appends an event to the ledger. The store chains the line to the one before. */
  record(event: LedgerEvent): void
  /**
   * Makes all of the batch durable, and then visible; a batch is committed once.
   *
   * @throws {NomadPkiError} Links have not turned then: `ERR_STORE_UNWRITABLE` (read-only, full disk, wrong
   * owner); `ERR_FILE_EXISTS` where another key or generation is in the place; `ERR_STORE_UNREADABLE` where
   * the batch needs an authority or a generation that is not there.
   */
  commit(): Promise<void>
}

/** Keys, certificates, trust bundles and the ledger. */
export interface Store {
  /** Where it is, for messages: an absolute path, or `memory`. */
  readonly location: string
  /** The path under which an agent on this machine finds an identity's files, `…/identity/server/global/s1/current`. */
  pathOf(identity: IdentityName): string
  /**
   * Everything, with the current generation of each identity.
   *
   * @param options What may be left out.
   * @throws {NomadPkiError} `ERR_STORE_UNREADABLE` if a directory can't be listed; single unreadable files are findings.
   */
  read(options?: ReadStoreOptions): Promise<StoreContents>
  /**
   * One identity, with its current generation and manifest, without looking at any other.
   *
   * @returns `undefined` where there is none.
   * @throws {NomadPkiError} `ERR_STORE_UNREADABLE`
   */
  readIdentity(identity: IdentityName): Promise<StoredIdentity | undefined>
  /**
   * Every generation of one identity, with its files.
   *
   * @throws {NomadPkiError} `ERR_STORE_UNREADABLE`
   */
  readGenerations(identity: IdentityName): Promise<readonly StoredGeneration[]>
  /**
   * The PEM of an authority's private key.
   *
   * @returns `undefined` where it is kept elsewhere.
   * @throws {NomadPkiError} `ERR_STORE_UNREADABLE`
   */
  readAuthorityKey(name: string, generation: number): Promise<Uint8Array | undefined>
  /**
   * The key and the chain of the probe leaf under an authority, PEM.
   *
   * @returns `undefined` where there is none.
   * @throws {NomadPkiError} `ERR_STORE_UNREADABLE`
   */
  readProbe(name: string, generation: number): Promise<Uint8Array | undefined>
  /**
   * The ledger alone: cheap, to see whether another process wrote in between.
   *
   * @returns `undefined` where there is none.
   * @throws {NomadPkiError} `ERR_STORE_UNREADABLE`
   */
  readLedger(): Promise<StoredFile | undefined>
  /**
   * Takes the lock: only its holder writes. Creates the store where it is missing, and refuses one that git
   * would track.
   *
   * @param options What may be said about the wait.
   * @throws {NomadPkiError} `ERR_STORE_LOCKED` after `wait` milliseconds (10,000), naming the holder;
   * `ERR_STORE_TRACKED`; `ERR_STORE_UNWRITABLE`; `ERR_INTERRUPTED` by the signal.
   */
  lock(options?: {
    /** Milliseconds. Default: 10,000. */
    wait?: number
    /** What other processes read that the lock is held for. Default: the name of this program. */
    command?: string
    /** Ends the wait. Default: it is not ended. */
    signal?: AbortSignal
  }): Promise<StoreLock>
  /**
   * Mends what a killed run left: torn staging directories, a torn last line of the ledger. Only the holder
   * of the lock calls it.
   *
   * @returns What it did.
   * @throws {NomadPkiError} `ERR_STORE_UNWRITABLE`; `ERR_LEDGER_BROKEN` where the last line is damaged.
   */
  heal(): Promise<readonly Finding[]>
  /** Begins a batch. Only the holder of the lock commits it. */
  batch(): StoreBatch
}
