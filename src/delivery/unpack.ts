/**
 * Unpacks an archive into a new folder that no other user can look into.
 *
 * @module
 */

import { randomBytes } from 'node:crypto'
import { tmpdir } from 'node:os'
import { dirname } from 'node:path'
import { getuid, pid } from 'node:process'
import { NomadPkiError } from '../errors.js'
import { createFile } from '../files/create.js'
import { describeFault, errnoOf } from '../files/fault.js'
import { nodeFiles, type Files } from '../files/files.js'
import { isRunning, thisProcess } from '../files/running.js'
import { archiveFolder } from './archive.js'
import type { Archive } from './read-archive.js'

/**
 * Unpacks an archive, runs a function on it, and removes it again in every case.
 *
 * @param archive What {@link readArchive} accepted: only names that are expected are in it.
 * @param bytes All of it: it lies beside the folder, so that it can be compared.
 * @param use Is given the folder, and the path of the archive.
 * @throws {NomadPkiError} `ERR_INSTALL_FAILED` if it can't be written, and whatever `use` throws.
 */
export async function unpacked<Value>(
  archive: Archive,
  bytes: Uint8Array,
  use: (folder: string, file: string) => Promise<Value>,
  files: Files = nodeFiles,
): Promise<Value> {
  await removeLeft(files)
  const root = `${tmpdir()}/nomad-pki-${pid}-${randomBytes(8).toString('hex')}`
  const folder = `${root}/${archiveFolder}`
  const file = `${root}/archive.tar.gz`
  try {
    try {
      for (const place of [root, folder]) files.mkdir(place, 0o700)
      createFile(files, file, bytes, 0o600)
      const made = new Set([folder])
      for (const { path, bytes: content } of archive.entries) {
        const place = `${folder}/${path}`
        const parent = dirname(place)
        if (!made.has(parent)) files.mkdir(parent, 0o700)
        made.add(parent)
        createFile(files, place, content, 0o600)
      }
    } catch (error) {
      if (errnoOf(error) === undefined) throw error
      throw new NomadPkiError(
        'ERR_INSTALL_FAILED',
        `the archive can't be unpacked in ${root}: ${describeFault(error)}`,
        { cause: error },
      )
    }
    return await use(folder, file)
  } finally {
    await files.removeTree(root)
  }
}

/**
 * Removes what processes that were killed had unpacked: there is a key in it. Only what is this user's, and
 * only where the process that its name holds is gone.
 */
async function removeLeft(files: Files): Promise<void> {
  const self = thisProcess()
  let names: readonly string[]
  try {
    names = files.list(tmpdir()).map(({ name }) => name)
  } catch {
    // Unpacking says why.
    return
  }
  for (const name of names) {
    const [, number] = /^nomad-pki-([0-9]+)-[0-9a-f]{16}$/.exec(name) ?? []
    if (number === undefined) continue
    const root = `${tmpdir()}/${name}`
    const status = files.lstat(root)
    if (status?.isDirectory() !== true || status.uid !== getuid?.()) continue
    if (isRunning({ ...self, pid: Number(number), start: undefined }, self) !== 'gone') continue
    await files.removeTree(root)
  }
}
