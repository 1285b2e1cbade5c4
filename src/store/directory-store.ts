/**
 * A store on directories: keys and certificates as files that an agent can load, a ledger, a lock.
 *
 * @module
 */

import { accessSync, constants } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { NomadPkiError } from '../errors.js'
import type { BarrierKind } from '../files/barrier.js'
import { describeFault, errnoOf, shownPath } from '../files/fault.js'
import { nodeFiles, type Files } from '../files/files.js'
import { ignoreLine, trackingOf } from '../files/tracked.js'
import type { Store } from '../inventory/store.js'
import { gather } from './batch.js'
import { commitChanges } from './commit.js'
import { StoreTree, unwritable } from './tree.js'
import { healStore } from './heal.js'
import { identityPath, modes, names, places, probePath } from './layout.js'
import { ledgerLimit } from './ledger.js'
import { holdsLock, isLockName, releaseLock, takeLock } from './lock.js'
import { readGenerations, readIdentity } from './read-identity.js'
import { readOne, readStore, storeExists } from './read-store.js'

/** How a store on directories works. */
export interface DirectoryStoreOptions {
  /** Default: the real system calls. */
  readonly files?: Files | undefined
  /** Default: the file system's sync where there is one, else an fsync for each file. */
  readonly barrier?: BarrierKind | undefined
  /** Default: git is asked whether it would track the store, and one that it would is refused. */
  readonly git?: 'ask' | 'ignore' | undefined
}

/** Paths that stand for all the secrets of a store, when git is asked. */
const samples = [
  'authority/a/1/ca-key.pem',
  'identity/server/a/b/1-00000000/key.pem',
  'probe/a/1.pem',
  'ledger.jsonl',
]

/** Milliseconds that a lock is waited for. */
const defaultWait = 10_000

/**
 * Opens a store on directories. Nothing is touched before it is read or locked.
 *
 * @param path The store's directory, absolute or relative to the process; it need not exist.
 * @param options How it works.
 * @returns The port. Its functions throw, and document it.
 * @see docs/store.md
 * @example
 *
 * ```ts
 * import { directoryStore } from 'nomad-pki'
 *
 * const store = directoryStore('pki')
 * const { exists, findings } = await store.read()
 * console.log(exists, findings.length)
 * ```
 */
export function directoryStore(path: string, options: DirectoryStoreOptions = {}): Store {
  const root = resolve(path)
  const files = options.files ?? nodeFiles
  let held: { readonly nonce: string; readonly tree: StoreTree } | undefined

  return {
    location: root,
    pathOf: (identity) => `${root}/${identityPath(identity)}/${names.current}`,
    read: (what) => readStore(files, root, what),
    readIdentity: async (identity) => readIdentity(files, root, identity),
    readGenerations: async (identity) => readGenerations(files, root, identity),
    async readAuthorityKey(name, generation) {
      const place = `${root}/authority/${name}/${generation}/${names.authorityKey}`
      return readOne(files, place)?.bytes
    },
    async readProbe(name, generation) {
      return readOne(files, `${root}/${probePath(name, generation)}`)?.bytes
    },
    async readLedger() {
      if (!storeExists(files, root)) return undefined
      return readOne(files, `${root}/${names.ledger}`, ledgerLimit)
    },
    async lock({ wait = defaultWait, command = 'nomad-pki', signal } = {}) {
      if (options.git !== 'ignore') await refuseTracked(root)
      let nonce: string
      let tree: StoreTree
      try {
        makeRoot(files, root)
        nonce = await takeLock(files, root, { wait, command, signal })
        tree = new StoreTree(files, root, options.barrier ?? 'auto')
        // A store that was just made has to be found again after a power failure.
        tree.touched.add(root)
        tree.touched.add(dirname(root))
      } catch (error) {
        throw unwritable(error, root, undefined)
      }
      held = { nonce, tree }
      return {
        async release() {
          if (held?.nonce === nonce) held = undefined
          try {
            releaseLock(files, root, nonce)
          } catch (error) {
            throw unwritable(error, root, names.lock)
          }
        },
      }
    },
    heal: async () => healStore(work()),
    batch: () => gather(async (changes) => commitChanges(work(), changes)),
  }

  function work(): StoreTree {
    if (held === undefined) {
      throw new NomadPkiError('ERR_INTERNAL', 'the store is written without its lock')
    }
    if (!holdsLock(files, root, held.nonce)) {
      throw new NomadPkiError(
        'ERR_STORE_LOCKED',
        `this process lost the lock of the store ${shownPath(root)}`,
        { hint: 'it was removed by hand: find out what is at work there, then run it again' },
      )
    }
    return held.tree
  }
}

/**
 * Finds out whether a store could be written at a place, and changes nothing: for a command that has
 * something else to write first, or nothing at all.
 *
 * @param path The store's directory; it need not exist.
 * @param options `willBeIgnored`: the command is about to tell git to leave it alone.
 * @throws {NomadPkiError} `ERR_STORE_TRACKED`, `ERR_STORE_UNWRITABLE`
 */
export async function checkStorePlace(
  path: string,
  { willBeIgnored }: { readonly willBeIgnored: boolean },
): Promise<void> {
  const root = resolve(path)
  await refuseTracked(root, willBeIgnored)
  try {
    canBeRoot(nodeFiles, root)
    let at = root
    while (nodeFiles.stat(at) === undefined && dirname(at) !== at) at = dirname(at)
    accessSync(at, constants.W_OK | constants.X_OK)
  } catch (error) {
    throw unwritable(error, root, undefined)
  }
}

/** Whether there is a store already; refuses a folder of something else. */
function canBeRoot(files: Files, root: string): boolean {
  let exists: boolean
  try {
    exists = storeExists(files, root)
  } catch (error) {
    if (!(error instanceof NomadPkiError)) throw error
    throw new NomadPkiError('ERR_STORE_UNWRITABLE', error.message, {
      hint: error.hint ?? 'move it away, or name another folder as `store` in the spec',
      cause: error,
    })
  }
  if (exists) refuseForeign(files, root)
  return exists
}

function makeRoot(files: Files, root: string): void {
  if (canBeRoot(files, root)) return
  makeParents(files, dirname(root))
  files.mkdir(root, modes.directory)
  files.chmod(root, modes.directory)
}

/** What any folder may hold: our `.gitignore`, and what a file system puts into its root. */
const harmless: ReadonlySet<string> = new Set(['.gitignore', 'lost+found'])

/** A store goes into an empty folder, or into one of ours: `store: /etc` would give that folder our modes. */
function refuseForeign(files: Files, root: string): void {
  const entries = files.list(root)
  const ours = entries.some(
    (entry) => entry.name === names.ledger || (entry.name === 'authority' && entry.isDirectory()),
  )
  if (ours) return
  const foreign = entries.find(
    ({ name }) => !harmless.has(name) && !places.has(name) && !isLockName(name),
  )
  if (foreign === undefined) return
  throw new NomadPkiError(
    'ERR_STORE_UNWRITABLE',
    `${shownPath(root)} is not a store: it holds ${JSON.stringify(foreign.name)}`,
    { hint: 'name an empty folder, or one that is not there, as `store` in the spec' },
  )
}

function makeParents(files: Files, directory: string): void {
  if (files.stat(directory) !== undefined) return
  if (dirname(directory) !== directory) makeParents(files, dirname(directory))
  try {
    files.mkdir(directory, 0o755)
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error
  }
}

async function refuseTracked(root: string, willBeIgnored = false): Promise<void> {
  let tracking: Awaited<ReturnType<typeof trackingOf>>
  try {
    tracking = await trackingOf(root, samples)
  } catch (error) {
    throw new NomadPkiError('ERR_INTERNAL', describeFault(error), { cause: error })
  }
  if (tracking === undefined || tracking.state === 'ignored') return
  const { repository, path, state } = tracking
  if (state === 'unignored' && path !== '' && willBeIgnored) return
  const where = shownPath(`${repository}/.gitignore`)
  if (path === '') {
    throw new NomadPkiError(
      'ERR_STORE_TRACKED',
      `the store ${shownPath(root)} is a git repository itself, and private keys would be committed to it`,
      { hint: `make the store a folder below it, or put a line with * into ${where}` },
    )
  }
  throw new NomadPkiError(
    'ERR_STORE_TRACKED',
    state === 'tracked'
      ? `the store ${shownPath(root)} has files that git tracks, and private keys would be committed with them`
      : `git would track the store ${shownPath(root)}, and private keys would be committed`,
    {
      hint:
        state === 'tracked'
          ? `git rm -r --cached, then add the line ${ignoreLine(path)} to ${where}; keys that were pushed must be replaced`
          : `add the line ${ignoreLine(path)} to ${where}`,
    },
  )
}
