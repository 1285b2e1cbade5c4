/**
 * The configuration of an agent as it is named on the command line, by `init --from` and `config`
 * alike.
 *
 * @module
 */

import { dirname } from 'node:path'
import { configFilesOf, type AgentFile } from '../agent/index.js'
import { NomadPkiError } from '../errors.js'
import { directoryConfigs } from '../store/directory-configs.js'
import type { Context } from './context.js'

/** The paths of one agent: several `-config` are one argument, with commas. */
export async function configPathsOf(text: string, context: Context): Promise<readonly string[]> {
  return !text.includes(',') || (await context.exists(text)) ? [text] : text.split(',')
}

/**
 * Reads files and directories in the order given, as Nomad takes several `-config`.
 *
 * @throws {NomadPkiError} `ERR_FILE_UNREADABLE`; `ERR_USAGE` where none is named.
 */
export async function readAgentFiles(
  paths: readonly string[],
  context: Context,
): Promise<{ readonly files: readonly AgentFile[]; readonly folders: readonly string[] }> {
  const configs = directoryConfigs(context.cwd)
  const files: AgentFile[] = []
  const folders: string[] = []
  for (const path of paths) {
    const contents = await configs.read(path)
    folders.push(contents.kind === 'directory' ? contents.location : dirname(contents.location))
    if (contents.kind === 'missing') {
      throw new NomadPkiError('ERR_FILE_UNREADABLE', `${path}: no such file or directory`)
    }
    const found = contents.kind === 'directory' ? configFilesOf(contents.files) : contents.files
    if (found.length === 0) {
      throw new NomadPkiError('ERR_FILE_UNREADABLE', `${path}: no *.hcl or *.json in it`)
    }
    // As the user named it: what is told should be what was typed.
    for (const file of found) {
      const named =
        contents.kind === 'directory' ? `${path.replace(/\/+$/, '')}/${file.name}` : path
      files.push({ ...file, path: named, named: contents.kind === 'file' })
    }
  }
  return { files, folders }
}
