/**
 * The agents' configurations on directories.
 *
 * @module
 */

import { basename, dirname, resolve } from 'node:path'
import { isConfigFileName } from '../agent/index.js'
import { NomadPkiError } from '../errors.js'
import { replaceFiles, textLimit } from '../files/aside.js'
import type { BarrierKind } from '../files/barrier.js'
import { describeFault, errnoOf, hintOfFault, shownPath } from '../files/fault.js'
import { followFlags, nodeFiles, type Files } from '../files/files.js'
import { readWhole } from '../files/read.js'
import type { ConfigContents, ConfigFile, Configs } from '../inventory/configs.js'

/** How configurations are read and written. */
export interface DirectoryConfigsOptions {
  /** Default: the real system calls. */
  readonly files?: Files | undefined
  /** Default: the file system's sync where there is one, else an fsync for each file. */
  readonly barrier?: BarrierKind | undefined
}

/**
 * Reads and writes agents' configurations on this machine's disk.
 *
 * @param base What relative paths begin at: the folder of the spec.
 * @param options How they are read and written.
 * @returns The port. Its functions throw, and document it.
 */
export function directoryConfigs(base: string, options: DirectoryConfigsOptions = {}): Configs {
  const files = options.files ?? nodeFiles
  return {
    async read(path) {
      const location = resolve(base, path)
      try {
        const status = files.stat(location)
        if (status === undefined) {
          const parent = dirname(location)
          const real =
            files.stat(parent) === undefined
              ? location
              : resolve(files.realpath(parent), basename(location))
          return { path, location, real, kind: 'missing', files: [] }
        }
        const real = files.realpath(location)
        if (status.isDirectory()) {
          const found = readDirectory(files, location)
          return { path, location, real, kind: 'directory', ...found }
        }
        const file = readConfig(files, location, basename(location), true)
        return { path, location, real, kind: 'file', files: file === undefined ? [] : [file] }
      } catch (error) {
        if (error instanceof NomadPkiError) throw error
        throw unreadable(location, describeFault(error), error)
      }
    },
    async write(writes) {
      await replaceFiles(
        files,
        writes.map(({ path, text, expected }) => ({
          path: resolve(base, path),
          bytes: Buffer.from(text),
          expected,
        })),
        options.barrier ?? 'auto',
      )
    },
  }
}

function readDirectory(
  files: Files,
  directory: string,
): Required<Pick<ConfigContents, 'files' | 'folders'>> {
  // Byte order is Nomad's own (Go's os.ReadDir sorts names as strings of bytes).
  const entries = files
    .list(directory)
    .map((entry) => ({ name: entry.name, entry, bytes: Buffer.from(entry.name) }))
    .sort((a, b) => Buffer.compare(a.bytes, b.bytes))
  const found: ConfigFile[] = []
  const folders: string[] = []
  for (const { name, entry } of entries) {
    const path = `${directory}/${name}`
    // Nomad passes over a directory, and stops at a link to one (command/agent/config.go:3299).
    if (
      isConfigFileName(name) &&
      entry.isSymbolicLink() &&
      files.stat(path)?.isDirectory() === true
    ) {
      throw unreadable(path, 'it is a link to a directory, and Nomad stops at it')
    }
    if (entry.isDirectory() && isConfigFileName(name)) folders.push(name)
    const file = readConfig(files, path, name, /\.(hcl|json)$/.test(name))
    if (file === undefined) continue
    found.push(entry.isSymbolicLink() ? { ...file, real: files.realpath(path) } : file)
  }
  return { files: found, folders }
}

/** @returns `undefined` for what is not a file; what matters must be readable. */
function readConfig(
  files: Files,
  path: string,
  name: string,
  matters: boolean,
): ConfigFile | undefined {
  const reading = readWhole(files, path, { flags: followFlags, limit: textLimit })
  switch (reading.state) {
    case 'read':
      return { path, name, bytes: reading.bytes }
    case 'absent':
      if (!matters) return undefined
      throw unreadable(
        path,
        name.includes('\ufffd')
          ? 'its name is not UTF-8 (Nomad reads it all the same): rename it'
          : 'it is a link to something that is not there',
      )
    case 'odd':
      // Nomad ignores a directory among the files, whatever its name is.
      if (!matters || files.stat(path)?.isDirectory() === true) return undefined
      throw unreadable(path, reading.message)
    case 'unreadable':
      if (!matters) return undefined
      throw unreadable(path, reading.message, reading.cause)
  }
}

function unreadable(path: string, message: string, cause?: unknown): NomadPkiError {
  return new NomadPkiError('ERR_FILE_UNREADABLE', `can't read ${shownPath(path)}: ${message}`, {
    hint: errnoOf(cause) === undefined ? undefined : hintOfFault(cause),
    cause,
  })
}
