/**
 * The configuration of an agent as it is named on the command line, by `init --from`, `adopt` and
 * `config` alike.
 *
 * @module
 */

import { dirname, isAbsolute, parse, relative } from 'node:path'
import type { SurveyedAgent } from '../adoption/survey-agents.js'
import { configFilesOf, readAgentConfig, type AgentFile } from '../agent/index.js'
import { NomadPkiError } from '../errors.js'
import { placesOfTls } from '../plan/files-in-use.js'
import { directoryConfigs } from '../store/directory-configs.js'
import { filesInUseReader } from '../store/files-in-use.js'
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

/** Of several `-config` the file that receives the stanza: the last one with `tls`, else the last. */
function writtenOf(files: readonly AgentFile[]): string {
  const read = readAgentConfig(files).files
  return (read.findLast(({ hasTls }) => hasTls) ?? read.at(-1)!).file
}

/**
 * Reads the configurations of agents with the files that they use.
 *
 * @param named As on the command line, one an agent.
 * @param file The spec, which paths in it are relative to.
 */
export async function readAgents(
  named: readonly string[],
  file: string,
  context: Context,
): Promise<readonly SurveyedAgent[]> {
  const folder = dirname(context.resolve(file))
  const filesInUse = filesInUseReader(context.cwd)
  const agents: SurveyedAgent[] = []
  for (const given of named) {
    const parts = await configPathsOf(given, context)
    const { files } = await readAgentFiles(parts, context)
    const inSpec = (one: string): string =>
      isAbsolute(one) ? one : relative(folder, context.resolve(one)) || '.'
    const last = parts.at(-1)!
    const { base, name } = parse(context.resolve(last))
    const host = files.some((one) => one.path === last) ? name : base
    const several =
      parts.length === 1 ? undefined : { paths: parts.map(inSpec), write: inSpec(writtenOf(files)) }
    const inUse = filesInUse(placesOfTls(files))
    agents.push({ config: inSpec(last), several, host, files, inUse })
  }
  return agents
}
