/**
 * Looks at Consul's and Vault's TLS beside Nomad's, for `status` and for `config check`.
 *
 * @module
 */

import { foreignFilesOf, type AgentConfig, type FoundForeign } from '../agent/index.js'
import type { Inventory } from '../inventory/inventory.js'
import { filesBeside, type SeenBeside } from '../plan/beside.js'
import { copiesOf, onItsHost } from '../plan/files-in-use.js'
import { foreignFileReader, isAbsent } from '../store/foreign-files.js'
import type { Workspace } from './workspace.js'

/** Those of the agents whose configurations the spec names. */
export function lookBeside(
  { desired, base }: Pick<Workspace, 'desired' | 'base'>,
  inventory: Inventory,
): readonly SeenBeside[] {
  const read = foreignFileReader(base)
  return filesBeside(desired.configs, inventory).map((file) => {
    const found = read(file.key, file.places)
    const absent = found === undefined && file.here && isAbsent(file.places.at(-1)!)
    return { ...file, found: absent ? { state: 'missing' } : found }
  })
}

/**
 * Those of a configuration that was named on the command line.
 *
 * @param here Whether this is the agent's machine: what is not there is missing, and not elsewhere.
 */
export function foreignFound(
  config: AgentConfig,
  folders: readonly string[],
  here: boolean,
): ReadonlyMap<string, FoundForeign> {
  const read = foreignFileReader('/')
  const all = new Map<string, FoundForeign>()
  for (const { key, path } of foreignFilesOf(config)) {
    const place = onItsHost(path)
    const found = read(key, [...copiesOf(path, folders), ...(here ? [place] : [])])
    if (found !== undefined) all.set(path, found)
    else if (here && isAbsent(place)) all.set(path, { state: 'missing' })
  }
  return all
}
