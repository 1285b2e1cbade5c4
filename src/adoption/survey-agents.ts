/**
 * From the configurations of agents that are there to a first spec: regions, roles, names and
 * addresses as Nomad reads them, and a comment for everything that was guessed.
 *
 * @module
 */

import type { SpecCode } from '../cluster/codes.js'
import type { AdoptionCode } from './codes.js'
import { isName, isRegionName, sharedName } from '../address.js'
import {
  type AgentConfig,
  type AgentFile,
  foreignFilesOf,
  type Origin,
  readAgentConfig,
} from '../agent/index.js'
import { type Diagnostic, hasErrors } from '../diagnostics.js'
import { groupBy } from '../grouping.js'
import { explainNodeKey, explainRegion } from '../cluster/explain.js'
import type { ListedNode, NewSpec } from '../cluster/new-spec.js'
import type { FilesInUse } from '../inventory/inventory.js'
import { authorityText, takeOverPage } from '../authority/take-over.js'
import { fingerprintOf, type Certificate } from '../x509/certificate.js'
import type { Plain } from '../cluster/yaml-write.js'
import { addressesOf } from './addresses.js'
import { type Dropped, type Entries, fitNode, fitStanza, nodeFault } from './fit.js'

/** One agent's configuration. */
export interface SurveyedAgent {
  /** What the spec will call it: the path of its directory or file, relative to the spec's folder. */
  readonly config: string
  /** Where it is started with several `-config`: all of them, and the file that receives the stanza. */
  readonly several?: { readonly paths: readonly string[]; readonly write: string } | undefined
  /** What it is called where its configuration does not say it; default: the end of `config`. */
  readonly host?: string | undefined
  /** In the order in which Nomad reads them; empty where there is nothing to read. */
  readonly files: readonly AgentFile[]
  /** The files that its `tls` names, as far as they were read; default: nobody looked. */
  readonly inUse?: FilesInUse | undefined
}

/** What was found. */
export interface Survey {
  /** Its part of a new spec. */
  readonly spec: Pick<NewSpec, 'listed' | 'stanza' | 'notes'>
  /** With an error among them no spec should be written. */
  readonly diagnostics: readonly Diagnostic[]
  /** The roots that the agents trust today, each once, as far as their files were read. */
  readonly roots: readonly Certificate[]
  /** Each agent with the node that it is in the spec. */
  readonly nodes: readonly SurveyedNode[]
}

/** An agent, and its node. */
export interface SurveyedNode {
  readonly agent: SurveyedAgent
  readonly node: ListedNode
  /** `cert_file` as its configuration has it; `undefined` where it says none. */
  readonly certFile: string | undefined
}

interface Known {
  readonly agent: SurveyedAgent
  readonly config: AgentConfig
  readonly node: ListedNode
}

/**
 * Surveys agents.
 *
 * @param agents Their configurations, read in full.
 * @param options `adopting`: their authority is taken over, so no comment asks for that.
 * @returns Never throws for anything in the files.
 */
export function surveyAgents(
  agents: readonly SurveyedAgent[],
  options: { readonly adopting?: boolean } = {},
): Survey {
  const diagnostics: Diagnostic[] = []
  const known: Known[] = []
  const names = new Map<string, string>()
  for (const agent of agents) {
    const config = readAgentConfig(agent.files)
    diagnostics.push(...config.diagnostics.filter(({ severity }) => severity === 'error'))
    // What could not be read says nothing about the agent.
    if (hasErrors(config.diagnostics)) continue
    const node = nodeOf(agent, config, diagnostics)
    if (node === undefined) continue
    const key = `${node.region}/${node.name}`
    const other = names.get(key)
    if (other !== undefined) {
      diagnostics.push(
        problem('adoption/name', config.name?.origin ?? startOf(agent), {
          message: `${other} is ${node.name} of ${node.region} already`,
          hint: 'set `name` in one of the two: Nomad takes the name of the host where there is none',
        }),
      )
    }
    names.set(key, agent.config)
    known.push({ agent, config, node })
  }
  const { stanza, notes, own } = commonTls(known)
  const listed = known.map(({ node }) =>
    own.has(node) ? { ...node, value: { ...node.value, stanza: { http: false } } } : node,
  )
  const trusted = trustNotes(known)
  const said = options.adopting === true ? notes : [...notes, ...trusted.notes]
  const spec = { listed, ...(stanza && { stanza }), notes: said }
  const nodes = known.map(({ agent, config }, index): SurveyedNode => {
    const certFile = config.tls.cert_file?.value
    return {
      agent,
      node: listed[index]!,
      certFile: typeof certFile === 'string' && certFile !== '' ? certFile : undefined,
    }
  })
  return { spec, diagnostics, roots: trusted.roots, nodes }
}

/** Which authority the agents use today: a new root beside it would cut the cluster in two. */
function trustNotes(known: readonly Known[]): {
  readonly roots: readonly Certificate[]
  readonly notes: readonly string[]
} {
  const uses = new Map<string, { root: Certificate; path: string; agents: number }>()
  for (const { agent } of known) {
    for (const root of agent.inUse?.roots ?? []) {
      const fingerprint = fingerprintOf(root)
      const use = uses.get(fingerprint) ?? { root, path: agent.inUse!.path, agents: 0 }
      use.agents += 1
      uses.set(fingerprint, use)
    }
  }
  const notes = [...uses.values()].map(
    ({ root, path, agents }) =>
      `${agents} of ${known.length} agents trust ${authorityText(root)} today (${path}): to keep it, before the first apply: nomad-pki adopt FOLDER, see ${takeOverPage}`,
  )
  const unread = known.flatMap(({ agent, config: { tls } }) =>
    (agent.inUse?.roots ?? []).length === 0 &&
    typeof tls.ca_file?.value === 'string' &&
    tls.ca_file.value !== ''
      ? [tls.ca_file.value]
      : [],
  )
  if (unread.length > 0) {
    notes.push(
      `${unread.length} of ${known.length} agents trust ${unread[0]!} today, which cannot be read here: if another authority made it, see ${takeOverPage} before the first apply`,
    )
  }
  return { roots: [...uses.values()].map(({ root }) => root), notes }
}

function nodeOf(
  agent: SurveyedAgent,
  config: AgentConfig,
  diagnostics: Diagnostic[],
): ListedNode | undefined {
  const before = diagnostics.length
  const refuse = (
    code: AdoptionCode | SpecCode,
    origin: Origin,
    told: Omit<Told, 'code'>,
  ): void => {
    diagnostics.push(problem(code, origin, told))
  }
  const notes: string[] = []
  const { role, region } = config
  // Set to nothing is not set: Nomad takes the host's then, too.
  const told = config.name?.value === '' ? undefined : config.name
  const name = told?.value ?? agent.host ?? nameOf(agent.config)
  if (told === undefined) {
    notes.push('its name is guessed: without `name`, Nomad takes that of the host')
  }
  if (region.origin === undefined) {
    notes.push('its region is guessed: no file says it, and Nomad takes global')
  }
  if (role === undefined) {
    refuse('adoption/role', startOf(agent), {
      message: 'neither server nor client is enabled in it',
      hint: 'set `server { enabled = true }` or `client { enabled = true }`, or leave the agent out and add it by hand',
    })
  }
  // A range is not a name of one node.
  const fault =
    name === sharedName
      ? { message: 'is reserved', hint: 'it stands for one identity for all' }
      : isName(name)
        ? undefined
        : (explainNodeKey(name.replace(/[[\]]/g, ' ')) ?? { message: 'is not a name' })
  if (fault !== undefined) {
    refuse('adoption/name', told?.origin ?? startOf(agent), {
      message: `the name ${JSON.stringify(name)} ${fault.message}`,
      hint: fault.hint,
    })
  }
  if (!isRegionName(region.value)) {
    const explained = explainRegion(region.value)
    refuse('adoption/region', region.origin ?? startOf(agent), {
      message: `the region ${JSON.stringify(region.value)} ${explained?.message ?? 'is not a name'}`,
      hint: explained?.hint,
    })
  }
  if (diagnostics.length > before || role === undefined) return undefined
  const place = { kind: role, region: region.value, name }
  const refused = nodeFault(place)
  if (refused !== undefined) {
    const origin = refused.code === 'spec/region-name' ? region.origin : told?.origin
    const { code, message, hint } = refused
    refuse(code as SpecCode, origin ?? startOf(agent), { message, hint })
    return undefined
  }
  const found = addressesOf(config)
  const { value, dropped } = fitNode({ ...place, value: { ...found.value, ...pathOf(agent) } })
  notes.push(...found.notes, ...dropped.map(leftOut))
  if (pathOf(agent)['config'] === undefined) {
    notes.push('config is left out: the spec reads braces in it as a placeholder')
  }
  return { ...place, value, notes }
}

function pathOf({ config, several }: SurveyedAgent): Entries {
  // `{node}` in it would be another directory, and there is no way to write a brace.
  if (/[{}]/.test([config, ...(several?.paths ?? [])].join(' '))) return {}
  return { config: several === undefined ? config : { ...several } }
}

function leftOut({ key, value, message }: Dropped): string {
  const text = JSON.stringify(value)
  // The parser's own place is one of a text that nobody sees.
  const told = message.replace(/^(node|regions)\.[^ ]+: /, '')
  return `${key} is left out: ${told.includes(text) ? '' : `${text}: `}${told}`
}

/** What the `tls` of all agents says alike; where they differ, the safer value and a comment. */
function commonTls(known: readonly Known[]): {
  readonly stanza: Entries | undefined
  readonly notes: readonly string[]
  /** Nodes whose `http` is off, among others of their role where it is on. */
  readonly own: ReadonlySet<ListedNode>
} {
  const encrypted = known.filter(
    ({ config: { tls } }) => tls.http?.value === true || tls.rpc?.value === true,
  )
  const { stanza: http, notes, own } = httpOff(encrypted)
  const stanza: Record<string, Plain> = { ...http }
  const plain = known.length - encrypted.length
  if (plain > 0) {
    notes.push(
      `${plain} of ${known.length} agents have no TLS today: apply turns http and rpc on, which needs a restart of each; if they run together already, write transport: plaintext into this file first`,
    )
  }
  const withoutRpc = encrypted.filter(({ config: { tls } }) => tls.rpc?.value !== true).length
  if (withoutRpc > 0) {
    notes.push(`rpc is off at ${withoutRpc} of ${known.length} agents today; apply turns it on`)
  }
  const upgrading = known.filter(({ config: { tls } }) => tls.rpc_upgrade_mode?.value === true)
  if (upgrading.length > 0) {
    notes.push(
      `rpc_upgrade_mode is on at ${upgrading.length} of ${known.length} agents today, and apply turns it off: while agents without TLS are left, write transport: upgrading into this file before the first apply`,
    )
  }
  for (const key of ['verify_server_hostname', 'verify_https_client'] as const) {
    const on = encrypted.filter(({ config: { tls } }) => tls[key]?.value === true).length
    if (encrypted.length === 0 || on === encrypted.length) continue
    if (on === 0 && key === 'verify_https_client') {
      stanza[key] = false
      notes.push(`${key} is off on all agents today, and stays so; on is safer`)
    } else {
      notes.push(
        `${key} is on at ${on} of ${encrypted.length} agents today; apply turns it on at all, unless stanza: { ${key}: false } is said here`,
      )
    }
  }
  for (const key of ['tls_min_version', 'tls_cipher_suites'] as const) {
    const said = new Set(encrypted.map(({ config: { tls } }) => tls[key]?.value ?? ''))
    const [only] = said
    if (said.size === 1 && typeof only === 'string' && only !== '') stanza[key] = only
    else if (said.size > 1) notes.push(`${key} differs between the agents, and is left alone`)
  }
  const sharing = encrypted.flatMap(({ agent, config }) => {
    const { ca_file: ca, cert_file: cert, key_file: key } = config.tls
    const named = new Set<unknown>([ca?.value, cert?.value, key?.value])
    return foreignFilesOf(config)
      .filter(({ path }) => named.has(path))
      .map(({ block }) => `${block} of ${agent.config}`)
  })
  if (sharing.length > 0) {
    const [first, ...others] = new Set(sharing)
    notes.push(
      `${first!}${others.length > 0 ? ` and ${others.length} more` : ''} names the files of tls too: apply moves tls alone, and that block stays with the old certificate`,
    )
  }
  const today = encrypted.flatMap(({ config: { tls } }) =>
    typeof tls.cert_file?.value === 'string' ? [directoryOf(tls.cert_file.value)] : [],
  )
  const [directory] = today
  if (directory !== undefined) {
    const more = new Set(today).size > 1 ? ' and elsewhere' : ''
    notes.push(`agents read their certificates from ${directory}${more} today`)
  }
  const { value, dropped } = fitStanza(stanza)
  notes.push(...dropped.map(leftOut))
  return { stanza: Object.keys(value).length > 0 ? value : undefined, notes, own }
}

/** What is off on purpose stays off: for all, for a role, or for single nodes. */
function httpOff(encrypted: readonly Known[]): {
  readonly stanza: Entries
  readonly notes: string[]
  readonly own: ReadonlySet<ListedNode>
} {
  const isOff = ({ config: { tls } }: Known): boolean => tls.http?.value !== true
  const off = encrypted.filter(isOff)
  const own = new Set<ListedNode>()
  if (off.length === 0) return { stanza: {}, notes: [], own }
  const note = `http is off at ${off.length} of ${encrypted.length} agents with TLS today, and stays so`
  if (off.length === encrypted.length) return { stanza: { http: false }, notes: [note], own }
  const stanza: Record<string, Plain> = {}
  for (const [role, members] of groupBy(encrypted, ({ node }) => node.kind)) {
    if (members.every(isOff)) stanza[role] = { http: false }
    else for (const one of members.filter(isOff)) own.add(one.node)
  }
  return { stanza, notes: [note], own }
}

interface Told {
  readonly message: string
  readonly hint?: string | undefined
}

function problem(
  code: AdoptionCode | SpecCode,
  { file, line, column }: Origin,
  told: Told,
): Diagnostic {
  return { severity: 'error', code, file, line, column, ...told }
}

function startOf({ config, files }: SurveyedAgent): Origin {
  return { file: files[0]?.path ?? config, line: 1, column: 1 }
}

function nameOf(path: string): string {
  const last = path.replace(/\/+$/, '').split('/').at(-1) ?? ''
  return last.replace(/\.(hcl|json)$/, '')
}

function directoryOf(path: string): string {
  const at = path.lastIndexOf('/')
  return at === -1 ? 'their working directory' : path.slice(0, at) || '/'
}
