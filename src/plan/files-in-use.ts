/**
 * Where the files that an agent uses today may be read: those that its present `tls` names, before the
 * stanza names others.
 *
 * @module
 */

import { readAgentConfig, type AgentFile, type TlsValues } from '../agent/index.js'
import type { Inventory } from '../inventory/inventory.js'
import type { DesiredConfig } from '../cluster/desired.js'
import { agentFiles } from './config-files.js'
import { stanzaOf } from './configs.js'

/** The paths to look at for one agent; of each list the first that is there counts. */
export interface FilesToLookAt {
  /** `config/global/s1` */
  readonly address: string
  /** For `ca_file`. */
  readonly ca: readonly string[]
  /** For `cert_file`. */
  readonly cert: readonly string[]
}

/**
 * Lists the files of the agents whose stanza names others than it is to name.
 *
 * @param configs The agents to look at.
 * @param inventory Where their configurations were read into.
 */
export function filesToLookAt(
  configs: readonly DesiredConfig[],
  inventory: Inventory,
): readonly FilesToLookAt[] {
  const all: FilesToLookAt[] = []
  for (const wanted of configs) {
    const found = agentFiles(wanted, inventory)
    if (found === undefined || 'fault' in found) continue
    const stanza: TlsValues = stanzaOf(wanted, inventory.location)
    all.push({ address: wanted.address, ...placesOfTls(found.files, stanza.ca_file) })
  }
  return all
}

/**
 * Where the files may lie that the present `tls` of an agent names.
 *
 * @param files Its configuration.
 * @param except A `ca_file` that is not looked at. Default: none.
 */
export function placesOfTls(
  files: readonly AgentFile[],
  except?: string,
): Omit<FilesToLookAt, 'address'> {
  const { tls } = readAgentConfig(files)
  const [ca, cert] = [tls.ca_file?.value, tls.cert_file?.value]
  if (ca === except) return { ca: [], cert: [] }
  const folders = [...new Set(files.map(({ path = '' }) => folderOf(path)))]
  const paths = (path: unknown): readonly string[] =>
    typeof path === 'string' && path !== '' ? placesOf(path, folders) : []
  return { ca: paths(ca), cert: paths(cert) }
}

/**
 * Where a file that a configuration names may lie on this machine: as a copy below a folder of the
 * configuration, the longest end of the path first, or at the path itself.
 *
 * @param path As the configuration says it.
 * @param folders Where the configuration lies.
 */
function placesOf(path: string, folders: readonly string[]): readonly string[] {
  return [...copiesOf(path, folders), onItsHost(path)]
}

/** Where a copy of a file may lie, below the folders of a configuration. */
export function copiesOf(path: string, folders: readonly string[]): readonly string[] {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.')
  return parts.includes('..')
    ? []
    : folders.flatMap((folder) =>
        parts.map((_, at) => `${folder.replace(/\/+$/, '')}/${parts.slice(at).join('/')}`),
      )
}

/** The unit of the packages has no WorkingDirectory: a relative path begins at /. */
export function onItsHost(path: string): string {
  return path.startsWith('/') ? path : `/${path}`
}

/** The folder that a file lies in. */
export function folderOf(path: string): string {
  const slash = path.lastIndexOf('/')
  return slash === -1 ? '.' : path.slice(0, slash) || '/'
}
