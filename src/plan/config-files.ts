/**
 * The files that an agent is started with, as Nomad takes several `-config`, and the one among them
 * that receives the stanza.
 *
 * @module
 */

import {
  type AgentFile,
  configFilesOf,
  isConfigFileName,
  type PlanTlsEditOptions,
} from '../agent/index.js'
import type { ConfigContents, ConfigFile } from '../inventory/configs.js'
import type { Inventory } from '../inventory/inventory.js'
import type { DesiredConfig } from '../cluster/desired.js'

/** What `planTlsEdit` takes. */
export interface AgentFiles {
  readonly files: readonly (AgentFile & ConfigFile)[]
  readonly kind: NonNullable<PlanTlsEditOptions['kind']>
  /** Where a new file goes. */
  readonly location: string
  readonly write?: string | undefined
  /** What of the spec's paths is not there and would be begun. */
  readonly missing?: string | undefined
  /** What {@link location} is behind all links. */
  readonly real: string
  /** Folders beside the files that are called like one. */
  readonly folders?: readonly string[] | undefined
}

/** Why there is nothing to edit. */
export interface AgentFilesFault {
  readonly fault: string
  readonly remedy: string
}

/** What a file holds that is not there yet. */
export const nothing: Uint8Array = new Uint8Array()

/**
 * Lists the paths that have to be read for some configurations, each once: what `readInventory` takes as
 * `configs`.
 *
 * @param configs `desire(spec).configs`, or a part of it.
 * @returns Paths as the spec has them, in its order.
 */
export function configPaths(configs: readonly DesiredConfig[]): ReadonlySet<string> {
  const paths = new Set<string>()
  for (const config of configs) {
    for (const path of config.paths) paths.add(path)
    if (config.write !== undefined) paths.add(config.write)
  }
  return paths
}

/**
 * Gathers the files that Nomad reads as one agent's configuration, in the order in which it merges them.
 *
 * @param wanted The agent.
 * @param inventory Where its paths were read into.
 * @returns `undefined` where they were not read.
 */
export function agentFiles(
  wanted: DesiredConfig,
  inventory: Inventory,
): AgentFiles | AgentFilesFault | undefined {
  const all: ConfigContents[] = []
  for (const path of wanted.paths) {
    const contents = inventory.configs.get(path)
    if (contents === undefined) return undefined
    all.push(contents)
  }
  const target = wanted.write === undefined ? undefined : inventory.configs.get(wanted.write)
  for (const { fault } of target === undefined ? all : [...all, target]) {
    if (fault === undefined) continue
    const { message, remedy = 'make it a file that can be read here, or correct `config`' } = fault
    return { fault: message, remedy }
  }
  if (wanted.write !== undefined) {
    return target === undefined ? undefined : gather(all, target)
  }
  const contents = all[0]!
  const { path, location, real = location } = contents
  if (wanted.host !== undefined && contents.kind === 'missing') {
    return {
      fault: `${path}, the copy of ${wanted.host}, is not there yet`,
      remedy: `nomad-pki config pull ${wanted.address}`,
    }
  }
  const kind = isNamedFile(contents) ? 'files' : 'directory'
  const missing = contents.kind === 'missing' ? path : undefined
  const files = missing !== undefined && kind === 'files' ? [begun(contents)] : contents.files
  return { files, kind, location, missing, real, folders: contents.folders }
}

function gather(
  all: readonly ConfigContents[],
  target: ConfigContents,
): AgentFiles | AgentFilesFault {
  const { location: write, real = write } = target
  if (target.kind === 'directory') {
    return {
      fault: `${target.path} is a directory`,
      remedy: 'name a file in it: `write` receives the stanza',
    }
  }
  const slash = write.lastIndexOf('/')
  const directory = slash === -1 ? '' : write.slice(0, slash) || '/'
  const name = write.slice(slash + 1)
  // A file that is read twice counts as it is read last: there its values win once more.
  const files = new Map<string, AgentFile & ConfigFile>()
  let missing: string | undefined
  for (const contents of all) {
    const { path, kind, location } = contents
    const file = isNamedFile(contents)
    const inside = !file && location === directory && isConfigFileName(name)
    if (kind === 'missing') {
      if (file ? location !== write : !inside) {
        return {
          fault: `${path} is not there, and Nomad does not start without it`,
          remedy: 'make it, or correct `paths`',
        }
      }
      missing = path
    }
    const found = [...contents.files]
    if (target.kind === 'missing' && (inside || location === write)) found.push(begun(target))
    for (const one of file ? found : configFilesOf(found)) {
      files.delete(one.path)
      files.set(one.path, { ...one, named: file })
    }
  }
  if (!files.has(write)) {
    return {
      fault: `${target.path} is not one of the files that the agent reads`,
      remedy:
        'let `write` be a file of `paths`, or a name that ends in .hcl or .json in one of its directories',
    }
  }
  return { files: [...files.values()], kind: 'files', location: directory, write, missing, real }
}

/** What is on disk says it; where nothing is, the name does. */
function isNamedFile({ kind, path }: ConfigContents): boolean {
  return kind === 'file' || (kind === 'missing' && /\.(hcl|json)$/.test(path))
}

/** Where nothing is yet, the edit begins with an empty file. */
function begun({ location }: ConfigContents): ConfigFile {
  return {
    name: location.slice(location.lastIndexOf('/') + 1),
    path: location,
    bytes: nothing,
  }
}
