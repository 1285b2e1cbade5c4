/**
 * The steps of the agents' configurations: which `tls` stanza is missing or says something else, and
 * the edit that mends it.
 *
 * @module
 */

import {
  type AgentCode,
  type AgentFile,
  planTlsEdit,
  readAgentConfig,
  type TlsChange,
  type TlsValues,
} from '../agent/index.js'
import type { Reason } from '../checks/reasons.js'
import type { Finding, Severity } from '../diagnostics.js'
import type { Inventory } from '../inventory/inventory.js'
import type { Override } from '../overrides.js'
import type { Desired, DesiredConfig } from '../cluster/desired.js'
import { tlsValuesOf } from '../cluster/stanza.js'
import { agentFiles, nothing } from './config-files.js'
import { foreignAuthorities } from './foreign-authority.js'
import type { Step } from './plan.js'

/** One edit of a configuration file. */
export interface ConfigEdit {
  /** The file. */
  readonly path: string
  /** The same as the spec says it: another checkout of the spec has it elsewhere. */
  readonly named: string
  /** What becomes of each key: `http: false becomes true`. */
  readonly changes: readonly string[]
  /** Its whole new text. */
  readonly text: string
  /** What it held when it was read; `undefined`: it is new. */
  readonly expected: Uint8Array | undefined
  /** Keys of `tls` whose change the agent takes up by a restart only. */
  readonly restart: readonly string[]
}

/** What is to be done about configurations. */
export interface ConfigPlan {
  readonly steps: readonly Step[]
  readonly findings: readonly Finding[]
  readonly edits: ReadonlyMap<string, ConfigEdit>
}

/**
 * Plans the edits of agents' `tls` stanzas, and says what hinders them.
 *
 * @param configs Which agents' configurations.
 * @param inventory Where they were read into.
 * @param around The whole spec: with it the authorities that the agents use today are compared.
 */
export function planConfigs(
  configs: readonly DesiredConfig[],
  inventory: Inventory,
  around?: { readonly desired: Desired; readonly overrides?: readonly Override[] | undefined },
): ConfigPlan {
  const steps: Step[] = []
  const findings: Finding[] =
    around === undefined
      ? []
      : [...foreignAuthorities(around.desired, configs, inventory, around.overrides)]
  const edits = new Map<string, ConfigEdit>()
  /** The agent that writes each file. */
  const written = new Map<string, string>()
  for (const wanted of configs) {
    const { address } = wanted
    const found = agentFiles(wanted, inventory)
    if (found === undefined) continue
    if ('fault' in found) {
      const { fault: message, remedy } = found
      findings.push({ severity: 'error', address, reason: 'stanza-differs', message, remedy })
      continue
    }
    const { files, kind, location, write } = found
    const { region, role, nomadVersion } = wanted
    const options = { kind, location, write, region, role, nomadVersion }
    // Before TLS is turned on its stanza stays away; what else the configuration says is judged as ever.
    const plaintext = wanted.stanza.rpc === false
    const stanza = plaintext ? {} : stanzaOf(wanted, inventory.location)
    const edit = planTlsEdit(files, stanza, options)
    if (plaintext) findings.push(...encryptedAlready(wanted, files, edit.file))
    if (found.folders?.includes(edit.name) === true) {
      findings.push({
        severity: 'error',
        address,
        reason: 'stanza-differs',
        message: `${edit.file} is a directory, and the stanza cannot be written there`,
        remedy: 'move the directory, or name another file: config: { paths: [ … ], write: … }',
        file: edit.file,
      })
      continue
    }
    // Links can make one file of two names, or one directory.
    const link = files.find(({ path }) => path === edit.file)?.real
    const target = link ?? (kind === 'files' ? found.real : `${found.real}/${edit.name}`)
    const other = written.get(target)
    if (other !== undefined) {
      findings.push({
        severity: 'error',
        address,
        reason: 'stanza-differs',
        message: `${edit.file} is written for ${other} already`,
        remedy: 'give each agent a file of its own in `config`',
        file: edit.file,
      })
      continue
    }
    written.set(target, address)
    for (const {
      severity,
      code,
      file,
      line,
      column,
      message,
      hint,
      expected,
    } of edit.diagnostics) {
      findings.push({
        severity,
        address,
        reason: reasonOf(code, severity),
        message: `${file ?? edit.file}:${line}:${column}: ${message}`,
        remedy: hint ?? (expected === undefined ? undefined : `write ${expected}`),
        file: file ?? edit.file,
      })
    }
    if (!edit.changed) continue
    const before = files.find(({ path }) => path === edit.file)?.bytes
    const expected = before === nothing ? undefined : before
    edits.set(address, {
      path: edit.file,
      named: asNamed(edit.file, wanted, inventory),
      text: edit.after,
      expected,
      changes: edit.changes.map(
        ({ key, before: was, after }) =>
          `${key}: ${JSON.stringify(was)} becomes ${JSON.stringify(after)}`,
      ),
      restart: edit.restart,
    })
    if (found.missing !== undefined) {
      findings.push({
        severity: 'warning',
        address,
        reason: 'stanza-differs',
        message: `${found.missing} does not exist yet; ${edit.file} will be made`,
        remedy: 'start the agent with it, or correct `config`',
        file: edit.file,
      })
    }
    const made = expected === undefined ? ' will be made' : ''
    const load = edit.restart.length > 0 ? 'a restart' : 'a reload'
    // Where agents read the store, they read this very file.
    const follows =
      wanted.tlsDirectory === undefined
        ? `; the agent needs ${load}`
        : `; the node needs the new file, then the agent ${load}`
    const message = `${edit.file}${made}: apply ${changesText(edit.changes)}${follows}`
    steps.push({ address, action: 'write', reasons: [{ reason: 'stanza-differs', message }] })
  }
  return { steps, findings, edits }
}

/** Codes of what stops an agent with the stanza and without it. */
const stopping: ReadonlySet<string> = new Set<AgentCode>([
  'agent/cipher-suites',
  'agent/data-dir',
  'agent/datacenter',
  'agent/duration',
  'agent/gossip-key',
  'agent/min-version',
  'agent/template',
  'agent/value',
])

function reasonOf(code: string, severity: Severity): Reason {
  return code === 'agent/advertise' || (severity === 'error' && stopping.has(code))
    ? 'will-not-start'
    : 'stanza-differs'
}

/** A file as the paths of the spec have it. */
function asNamed(file: string, { paths, write }: DesiredConfig, { configs }: Inventory): string {
  for (const name of write === undefined ? paths : [write, ...paths]) {
    const location = configs.get(name)?.location
    if (location === undefined) continue
    if (file === location) return name
    if (file.startsWith(`${location}/`)) return `${name}${file.slice(location.length)}`
  }
  return file
}

/** What an edit turns on and off, and what else it changes: `turns on rpc; sets ca_file`. */
function changesText(changes: readonly TlsChange[]): string {
  const keys = (wanted: (change: TlsChange) => boolean): string =>
    changes
      .filter(wanted)
      .map(({ key }) => key)
      .join(', ')
  const parts = [
    ['turns on', keys(({ after }) => after === true)],
    ['turns off', keys(({ after }) => after === false)],
    ['sets', keys(({ after }) => typeof after === 'string')],
  ].flatMap(([verb = '', text = '']) => (text === '' ? [] : [`${verb} ${text}`]))
  // A value that is written where nothing said it, and is Nomad's own already.
  return parts.length === 0 ? 'states the defaults' : parts.join('; ')
}

/**
 * What an agent's `tls` stanza has to say.
 *
 * @param config The agent.
 * @param location Where the store is, for agents that read it in place.
 */
export function stanzaOf(config: DesiredConfig, location: string): TlsValues {
  const stanza = { rpc_upgrade_mode: false, ...config.stanza }
  return tlsValuesOf(stanza, config.tlsDirectory ?? `${location}/${config.identity}`)
}

/** A configuration that turns TLS on while the spec says that no agent has it. */
function encryptedAlready(
  { address }: DesiredConfig,
  files: readonly AgentFile[],
  file: string,
): readonly Finding[] {
  const { tls } = readAgentConfig(files)
  const on = (['http', 'rpc'] as const).filter((key) => tls[key]?.value === true)
  if (on.length === 0) return []
  return [
    {
      severity: 'warning',
      address,
      reason: 'stanza-differs',
      message: `${file} turns on ${on.join(' and ')}, and transport is plaintext`,
      remedy: 'take it back; or write transport: upgrading into the spec',
      file,
    },
  ]
}
