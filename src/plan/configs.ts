/**
 * The steps of the agents' configurations: which `tls` stanza is missing or says something else, and
 * the edit that mends it.
 *
 * @module
 */

import { planTlsEdit, type TlsValues } from '../agent/index.js'
import type { Finding } from '../diagnostics.js'
import type { ConfigContents } from '../inventory/configs.js'
import type { Inventory } from '../inventory/inventory.js'
import type { DesiredConfig } from '../spec/desired.js'
import type { Step } from './plan.js'

/** One edit of a configuration file. */
export interface ConfigEdit {
  /** The file. */
  readonly path: string
  /** Its whole new text. */
  readonly text: string
  /** What it held when it was read; `undefined`: it is new. */
  readonly expected: Uint8Array | undefined
}

/** What is to be done about configurations. */
export interface ConfigPlan {
  readonly steps: readonly Step[]
  readonly findings: readonly Finding[]
  readonly edits: ReadonlyMap<string, ConfigEdit>
}

/**
 * Plans the stanzas.
 *
 * @param configs Which agents' configurations.
 * @param inventory Where they were read into.
 */
export function planConfigs(configs: readonly DesiredConfig[], inventory: Inventory): ConfigPlan {
  const steps: Step[] = []
  const findings: Finding[] = []
  const edits = new Map<string, ConfigEdit>()
  for (const wanted of configs) {
    const { address, path } = wanted
    const contents = inventory.configs.get(path)
    if (contents === undefined) continue
    const named = isNamedFile(contents)
    // Where nothing is yet, the edit begins with an empty file.
    const files =
      named && contents.files.length === 0
        ? [{ name: nameOf(path), path: contents.location, bytes: new Uint8Array() }]
        : contents.files
    const edit = planTlsEdit(files, stanzaOf(wanted, inventory.location), {
      kind: named ? 'files' : 'directory',
      location: contents.location,
      region: wanted.region,
      role: wanted.role,
    })
    for (const { severity, file, line, column, message, hint } of edit.diagnostics) {
      findings.push({
        severity,
        address,
        reason: 'stanza-differs',
        message: `${file ?? edit.file}:${line}:${column}: ${message}`,
        remedy: hint,
        file: file ?? edit.file,
      })
    }
    if (!edit.changed) continue
    const expected = contents.files.find(({ name }) => name === edit.name)?.bytes
    edits.set(address, { path: edit.file, text: edit.after, expected })
    if (contents.kind === 'missing') {
      findings.push({
        severity: 'warning',
        address,
        reason: 'stanza-differs',
        message: `nothing is at ${path} yet, so ${edit.file} will stand alone`,
        remedy: 'see that the agent is started with it, or correct `config`',
        file: edit.file,
      })
    }
    const what = expected === undefined ? 'will be made' : 'says something else'
    const restart = edit.restart.length > 0 ? '; the agent must be restarted' : ''
    const message = `${edit.file} ${what}${restart}`
    steps.push({ address, action: 'write', reasons: [{ reason: 'stanza-differs', message }] })
  }
  return { steps, findings, edits }
}

/** What is on disk says it; where nothing is, the name does. */
function isNamedFile({ kind, path }: ConfigContents): boolean {
  return kind === 'file' || (kind === 'missing' && /\.(hcl|json)$/.test(path))
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}

/**
 * What an agent's `tls` stanza has to say.
 *
 * @param config The agent.
 * @param location Where the store is, for agents that read it in place.
 */
export function stanzaOf(config: DesiredConfig, location: string): TlsValues {
  const directory = config.tlsDirectory ?? `${location}/${config.identity}`
  return {
    http: true,
    rpc: true,
    ca_file: `${directory}/current/ca.pem`,
    cert_file: `${directory}/current/cert.pem`,
    key_file: `${directory}/current/key.pem`,
    ...config.stanza,
  }
}
