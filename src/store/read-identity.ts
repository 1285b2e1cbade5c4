/**
 * Reads one identity of a store, and looks at no other.
 *
 * @module
 */

import type { IdentityName } from '../address.js'
import { describeFault, errnoOf } from '../files/fault.js'
import type { Files } from '../files/files.js'
import type { StoredGeneration, StoredIdentity } from '../inventory/store.js'
import { generationsAmong, identityPath } from './layout.js'
import { Reader, storeExists, unreadable } from './read-store.js'

/**
 * One identity, with its current generation.
 *
 * @throws {NomadPkiError} `ERR_STORE_UNREADABLE`
 */
export function readIdentity(
  files: Files,
  root: string,
  identity: IdentityName,
): StoredIdentity | undefined {
  return lookInto(files, root, identity, (reader, path) =>
    files.lstat(`${root}/${path}`)?.isDirectory() === true ? reader.identity(identity) : undefined,
  )
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
  const found = lookInto(files, root, identity, (reader, path) =>
    generationsAmong(files.names(`${root}/${path}`)).map((directory) =>
      reader.generation(path, directory, true),
    ),
  )
  return found ?? []
}

function lookInto<Value>(
  files: Files,
  root: string,
  identity: IdentityName,
  look: (reader: Reader, path: string) => Value,
): Value | undefined {
  if (!storeExists(files, root)) return undefined
  const path = identityPath(identity)
  try {
    return look(new Reader(files, root, true), path)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    if (errnoOf(error) === undefined) throw error
    throw unreadable(`${root}/${path}`, describeFault(error), error)
  }
}
