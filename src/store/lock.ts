/**
 * The lock of a store: `.lock`, a small file that names its holder. It is whole from the start: a
 * hard link to a finished file, which fails if the name is taken. One whose process is gone is
 * taken over without a race:
 *
 * ```text
 * .lock              held by L, which is gone
 * .lock-after-L      the process that creates this name, and only one can, succeeds L …
 * .lock              … and renames its own file over L's
 * ```
 *
 * A successor that dies in between is itself succeeded under `.lock-after-` and its own nonce. A
 * slow one, whose `.lock-after-L` comes only after L has been succeeded and tidied away, sees that
 * `.lock` no longer leads to L, and withdraws.
 *
 * @module
 */

import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { formatInstant } from '../duration.js'
import { NomadPkiError } from '../errors.js'
import { createFile } from '../files/create.js'
import { errnoOf, shellPath, shownPath } from '../files/fault.js'
import type { Files } from '../files/files.js'
import { isRunning, thisProcess, type ProcessIdentity } from '../files/running.js'
import { readWhole } from '../files/read.js'
import { modes, names } from './layout.js'

/** What a lock says of its holder. */
export interface Holder extends ProcessIdentity {
  readonly nonce: string
  readonly command: string
}

/** A lock as it was found. */
export interface FoundLock {
  /** `undefined` for one that can't be read: a file that was not written by us. */
  readonly holder: Holder | undefined
  /** Epoch milliseconds, by the file system's clock. */
  readonly since: number
}

/** How long and for whom a lock is taken. */
export interface LockRequest {
  /** Milliseconds. */
  readonly wait: number
  readonly command: string
  readonly signal: AbortSignal | undefined
}

/** How often a waiting process looks again, milliseconds. */
const interval = 100

const followPrefix = '.lock-after-'
const newPrefix = '.lock-new-'

/** Whether a name in the store's root belongs to its lock. */
export function isLockName(name: string): boolean {
  return name === names.lock || name.startsWith('.lock-')
}

/**
 * Takes the lock of a store, or waits for it.
 *
 * @param files The calls to use.
 * @param root The store; it exists.
 * @param request How long to wait, and for whom.
 * @returns The nonce by which the lock is known.
 * @throws {NomadPkiError} `ERR_STORE_LOCKED`, `ERR_INTERRUPTED`
 * @throws Node's `ErrnoException`
 */
export async function takeLock(files: Files, root: string, request: LockRequest): Promise<string> {
  const self = thisProcess()
  const nonce = randomBytes(12).toString('hex')
  const holder: Holder = { ...self, nonce, command: request.command }
  const fresh = `${root}/${newPrefix}${nonce}`
  const content = Buffer.from(`${JSON.stringify(holder)}\n`)
  const deadline = performance.now() + request.wait
  try {
    for (;;) {
      if (request.signal?.aborted === true) throw interrupted()
      if (files.lstat(fresh) === undefined) createFile(files, fresh, content, modes.lock)
      const found = attempt(files, root, { path: fresh, content, nonce }, self)
      if (found === undefined) return nonce
      if (performance.now() >= deadline) throw locked(root, found)
      const left = Math.max(1, Math.min(interval, deadline - performance.now()))
      await sleep(left, undefined, request.signal && { signal: request.signal }).catch(() => {
        throw interrupted()
      })
    }
  } finally {
    try {
      unlinkIfThere(files, fresh)
    } catch {
      // The next holder of the lock removes it; what went wrong before is what matters.
    }
  }
}

/** Whether the lock is still held under a nonce: a person may have removed it by hand. */
export function holdsLock(files: Files, root: string, nonce: string): boolean {
  return readHolder(files, `${root}/${names.lock}`)?.holder?.nonce === nonce
}

/** Gives the lock back; one that is not ours any more is left alone. */
export function releaseLock(files: Files, root: string, nonce: string): void {
  if (holdsLock(files, root, nonce)) unlinkIfThere(files, `${root}/${names.lock}`)
}

/** The holder of the lock, as far as it can be seen; `undefined` where no running process holds it. */
export function lockHolder(files: Files, root: string): FoundLock | undefined {
  const found = endOfChain(files, root)
  return found === undefined || isGone(found, thisProcess()) ? undefined : found
}

/** Removes what others left of their locks; only the holder may. */
export function tidyLocks(files: Files, root: string): void {
  for (const name of files.names(root)) {
    // A waiting process makes a new one when it finds its own gone.
    if (name.startsWith(followPrefix) || name.startsWith(newPrefix)) {
      unlinkIfThere(files, `${root}/${name}`)
    }
  }
}

/** A finished lock that waits for its name. */
interface Candidate {
  readonly path: string
  readonly content: Uint8Array
  readonly nonce: string
}

/** @returns Who holds it, if it can't be had now. */
function attempt(
  files: Files,
  root: string,
  fresh: Candidate,
  self: ProcessIdentity,
): FoundLock | undefined {
  const lock = `${root}/${names.lock}`
  for (;;) {
    if (claim(files, fresh, lock)) return undefined
    const found = endOfChain(files, root)
    if (found === undefined) continue
    const { holder } = found
    if (holder === undefined || !isGone(found, self)) return found
    const succession = `${root}/${followPrefix}${holder.nonce}`
    if (!claim(files, fresh, succession)) continue
    if (endOfChain(files, root)?.holder?.nonce !== fresh.nonce) {
      unlinkIfThere(files, succession)
      continue
    }
    files.rename(fresh.path, lock)
    tidyLocks(files, root)
    return undefined
  }
}

/** Gives a finished file a name that must be free. */
function claim(files: Files, fresh: Candidate, name: string): boolean {
  for (;;) {
    try {
      files.link(fresh.path, name)
      return true
    } catch (error) {
      const code = errnoOf(error)
      if (code === 'EEXIST') return false
      if (code !== undefined && linkless.has(code)) break
      if (code !== 'ENOENT' || files.lstat(fresh.path) !== undefined) throw error
      // The process that took the lock just now has removed ours with the others'.
      createFile(files, fresh.path, fresh.content, modes.lock)
    }
  }
  // Without hard links the name comes before the content: a kill in between leaves a lock that
  // can't be read, and that is then for a person to remove.
  try {
    createFile(files, name, fresh.content, modes.lock)
    return true
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return false
    throw error
  }
}

/** What file systems without hard links answer (exFAT, some network and container ones). */
const linkless: ReadonlySet<string> = new Set([
  'EPERM',
  'ENOTSUP',
  'EOPNOTSUPP',
  'ENOSYS',
  'EMLINK',
])

/** The last one in the line of succession that begins at `.lock`. */
function endOfChain(files: Files, root: string): FoundLock | undefined {
  let found = readHolder(files, `${root}/${names.lock}`)
  const seen = new Set<string>()
  while (found?.holder !== undefined && !seen.has(found.holder.nonce)) {
    seen.add(found.holder.nonce)
    const next = readHolder(files, `${root}/${followPrefix}${found.holder.nonce}`)
    if (next === undefined) break
    found = next
  }
  return found
}

function readHolder(files: Files, path: string): FoundLock | undefined {
  const reading = readWhole(files, path, { limit: 65_536 })
  if (reading.state === 'absent') return undefined
  const since = reading.state === 'read' ? reading.status.mtimeMs : 0
  if (reading.state !== 'read') return { holder: undefined, since }
  let value: unknown
  try {
    value = JSON.parse(Buffer.from(reading.bytes).toString('utf8'))
  } catch {
    return { holder: undefined, since }
  }
  return { holder: isHolder(value) ? value : undefined, since }
}

function isHolder(value: unknown): value is Holder {
  if (typeof value !== 'object' || value === null) return false
  const { pid, host, user, command, nonce } = value as Partial<Record<keyof Holder, unknown>>
  return (
    typeof pid === 'number' &&
    typeof host === 'string' &&
    typeof user === 'string' &&
    typeof command === 'string' &&
    typeof nonce === 'string' &&
    /^[0-9a-f]{24}$/.test(nonce)
  )
}

function isGone({ holder }: FoundLock, self: ProcessIdentity): boolean {
  return holder !== undefined && isRunning(holder, self) === 'gone'
}

function unlinkIfThere(files: Files, path: string): void {
  try {
    files.unlink(path)
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error
  }
}

function interrupted(): NomadPkiError {
  return new NomadPkiError('ERR_INTERRUPTED', 'interrupted while waiting for the lock of the store')
}

function locked(root: string, { holder, since }: FoundLock): NomadPkiError {
  const remove = `rm ${shellPath(`${root}/${names.lock}`)}`
  if (holder === undefined) {
    return new NomadPkiError(
      'ERR_STORE_LOCKED',
      `the store ${shownPath(root)} has a lock that can't be read`,
      { hint: `if no process is at work there: ${remove}` },
    )
  }
  const { pid, host, user, command } = holder
  const elsewhere = isRunning(holder) === 'unknown'
  return new NomadPkiError(
    'ERR_STORE_LOCKED',
    `the store ${shownPath(root)} is held by ${JSON.stringify(command)}, process ${pid} of ${user} on ${host}, since ${formatInstant(since)}`,
    {
      hint: elsewhere
        ? `wait for it; only if it is certain that it no longer runs (that machine or container is gone): ${remove}`
        : `wait for it, or stop it; if process ${pid} is something else now: ${remove}`,
    },
  )
}
