/**
 * The files of Consul's and Vault's TLS that agents' configurations name beside Nomad's own: nomad-pki does not
 * make them, and an agent reads them at its start alone.
 *
 * @module
 */

import {
  foreignFault,
  foreignFilesOf,
  readAgentConfig,
  tlsFilesOf,
  type ForeignFile,
  type FoundForeign,
} from '../agent/index.js'
import type { Reason } from '../checks/reasons.js'
import type { DesiredConfig } from '../cluster/desired.js'
import type { Finding } from '../diagnostics.js'
import type { Inventory } from '../inventory/inventory.js'
import { agentFiles } from './config-files.js'
import { copiesOf, folderOf, onItsHost } from './files-in-use.js'

/** One of them, and where it may be looked at. */
export interface BesideFile extends ForeignFile {
  /** `config/global/s1` */
  readonly address: string
  readonly region: string
  /** Whether `tls` names it too: a renewal then needs a restart. */
  readonly shared: boolean
  /** Where it may lie on this machine; the first that is there counts. */
  readonly places: readonly string[]
  /** Whether it would lie at the last of them: the spec names the agent's configuration on this machine. */
  readonly here: boolean
}

/** The same, after it was looked at. */
export interface SeenBeside extends BesideFile {
  /** `undefined`: it is on another machine. */
  readonly found: FoundForeign | undefined
}

/** How it is. `invalid`: it holds no certificate. `unseen`: it is on another machine. */
export type BesideState = 'present' | 'missing' | 'invalid' | 'ended' | 'unseen'

/** Tells from what lies there whether the agent will have the file at its next start, at `now` in epoch milliseconds. */
export function besideState({ found }: Pick<SeenBeside, 'found'>, now: number): BesideState {
  if (found === undefined) return 'unseen'
  if (found.state !== 'present') return found.state
  return found.notAfter !== undefined && found.notAfter <= now ? 'ended' : 'present'
}

/** The three that hold keys and certificates: others hold tokens. */
const keys: ReadonlySet<string> = new Set(['ca_file', 'cert_file', 'key_file'])

/**
 * Lists the files that `consul` and `vault` blocks name, without looking at any.
 *
 * @param configs The agents to look at.
 * @param inventory Where their configurations were read into.
 */
export function filesBeside(
  configs: readonly DesiredConfig[],
  inventory: Inventory,
): readonly BesideFile[] {
  return configs.flatMap((wanted): readonly BesideFile[] => {
    const found = agentFiles(wanted, inventory)
    if (found === undefined || 'fault' in found) return []
    // Most have no such block, and to parse them a second time costs as much as to plan them.
    if (!found.files.some(({ bytes }) => mayName(bytes))) return []
    const config = readAgentConfig(found.files)
    const own = tlsFilesOf(config)
    const folders = [...new Set(found.files.map(({ path }) => folderOf(path)))]
    const here = wanted.host === undefined && wanted.paths.every((path) => path.startsWith('/'))
    return foreignFilesOf(config)
      .filter(({ key }) => keys.has(key))
      .map((file) => ({
        ...file,
        ...{ address: wanted.address, region: wanted.region, shared: own.has(file.path), here },
        places: [...copiesOf(file.path, folders), ...(here ? [onItsHost(file.path)] : [])],
      }))
  })
}

/** Whether a text may have such a block. Nomad ignores the case of their names. */
function mayName(bytes: Uint8Array): boolean {
  return /consul|vault|\\u/i.test(Buffer.from(bytes).toString('latin1'))
}

/**
 * Says what is wrong with them. That two blocks share files is told by the plan of the configuration.
 *
 * @param now Epoch milliseconds.
 */
export function besideFindings(seen: readonly SeenBeside[], now: number): readonly Finding[] {
  return seen.flatMap(({ address, origin, found, ...file }): readonly Finding[] => {
    const fault = found && foreignFault({ ...file }, found, now)
    if (fault === undefined) return []
    const { message, hint } = fault
    const reason: Reason = 'foreign-file'
    const place = `${origin.file}:${origin.line}:${origin.column}`
    return [
      {
        ...{ severity: 'warning', address, reason, file: origin.file },
        ...{ message: `${place}: ${message}`, remedy: hint },
      },
    ]
  })
}
