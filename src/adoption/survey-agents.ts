/**
 * From the configurations of agents that are there to a first spec: regions, roles, names and
 * addresses as Nomad reads them, and a comment for everything that was guessed.
 *
 * @module
 */

import { isIP } from 'node:net'
import { isName, isRegionName, sharedName } from '../address.js'
import {
  type AgentConfig,
  type AgentFile,
  type Effective,
  type Origin,
  readAgentConfig,
} from '../agent/index.js'
import type { Diagnostic } from '../diagnostics.js'
import { classifyName } from '../nomad/names.js'
import { explainNodeKey, explainRegion } from '../spec/explain.js'
import type { ListedNode, NewSpec } from '../spec/new-spec.js'
import { parseHostPort } from './host-port.js'

/** One agent's configuration. */
export interface SurveyedAgent {
  /** What the spec will call it: the path of its directory or file, relative to the spec's folder. */
  readonly config: string
  /** In the order in which Nomad reads them; empty where there is nothing to read. */
  readonly files: readonly AgentFile[]
}

/** What was found. */
export interface Survey {
  /** Its part of a new spec. */
  readonly spec: Pick<NewSpec, 'listed' | 'stanza' | 'notes'>
  /** With an error among them no spec should be written. */
  readonly diagnostics: readonly Diagnostic[]
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
 * @returns Never throws for anything in the files.
 */
export function surveyAgents(agents: readonly SurveyedAgent[]): Survey {
  const diagnostics: Diagnostic[] = []
  const known: Known[] = []
  const names = new Map<string, string>()
  for (const agent of agents) {
    const config = readAgentConfig(agent.files)
    diagnostics.push(...config.diagnostics.filter(({ severity }) => severity === 'error'))
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
  const { stanza, notes } = commonTls(known)
  const listed = known.map(({ node }) => node)
  return { spec: { listed, ...(stanza && { stanza }), notes }, diagnostics }
}

function nodeOf(
  agent: SurveyedAgent,
  config: AgentConfig,
  diagnostics: Diagnostic[],
): ListedNode | undefined {
  const before = diagnostics.length
  const refuse = (code: string, origin: Origin, told: Omit<Told, 'code'>): void => {
    diagnostics.push(problem(code, origin, told))
  }
  const notes: string[] = []
  const { role, region } = config
  const name = config.name?.value ?? nameOf(agent.config)
  if (config.name === undefined) {
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
  // A range is no name of one node.
  const fault =
    name === sharedName
      ? { message: 'is reserved', hint: 'it stands for one identity for all' }
      : isName(name)
        ? undefined
        : (explainNodeKey(name.replace(/[[\]]/g, ' ')) ?? { message: 'is no name' })
  if (fault !== undefined) {
    refuse('adoption/name', config.name?.origin ?? startOf(agent), {
      message: `the name ${JSON.stringify(name)} ${fault.message}`,
      hint: fault.hint,
    })
  }
  if (!isRegionName(region.value)) {
    const told = explainRegion(region.value)
    refuse('adoption/region', region.origin ?? startOf(agent), {
      message: `the region ${JSON.stringify(region.value)} ${told?.message ?? 'is no name'}`,
      hint: told?.hint,
    })
  }
  const places = addressesOf(config, notes)
  if (diagnostics.length > before || role === undefined) return undefined
  return {
    kind: role,
    region: region.value,
    name,
    value: { ...places, config: agent.config },
    notes,
  }
}

const places = ['http', 'rpc', 'serf'] as const

/** Where others reach it: `advertise` first, as Nomad does, then what it binds to. */
function addressesOf(
  { values, ports, role }: AgentConfig,
  notes: string[],
): Record<string, string | readonly string[]> {
  const ips = new Set<string>()
  const names = new Set<string>()
  const hosts: Partial<Record<(typeof places)[number], string>> = {}
  const said: Partial<Record<(typeof places)[number], number>> = {}
  const templates: Effective<unknown>[] = []
  for (const place of places) {
    const text =
      textAt(values, `advertise.${place}`) ??
      textAt(values, `addresses.${place}`) ??
      textAt(values, 'bind_addr')
    if (text === undefined) continue
    const { effective, value } = text
    if (value.includes('{{')) {
      if (!templates.some(({ origin }) => origin === effective.origin)) templates.push(effective)
      continue
    }
    const parsed = parseHostPort(value)
    if (parsed === undefined || /^(0\.0\.0\.0|::|)$/.test(parsed.host)) continue
    hosts[place] = parsed.host
    if (parsed.port !== undefined) said[place] = parsed.port
    const host = parsed.host.toLowerCase()
    if (isIP(host) !== 0) {
      if (!isLoopback(host)) ips.add(host)
    } else if (isHostName(host) && classifyName(host).kind === 'plain' && host !== 'localhost') {
      names.add(host)
    }
  }
  for (const { origin } of templates) {
    if (origin === undefined) continue
    notes.push(
      `its address is a template, which only its host can fill in (${origin.file}:${origin.line}:${origin.column}): add it to ips`,
    )
  }
  const first = [...ips][0] ?? [...names][0]
  const probes: Record<string, string> = {}
  // A client agent does not listen for RPC (client/client.go has no such listener).
  for (const place of role === 'client' ? (['http'] as const) : (['http', 'rpc'] as const)) {
    const usual = place === 'http' ? 4646 : 4647
    const port = said[place] ?? ports[place]
    const host = hosts[place] ?? first
    if (host === undefined || (port === usual && host === first)) continue
    probes[place] = `${isIP(host) === 6 ? `[${host}]` : host}:${port}`
  }
  if (ips.size + names.size === 0 && templates.length === 0 && Object.keys(probes).length === 0) {
    notes.push('its address is not in its configuration: add ips or names')
  }
  return {
    ...(ips.size > 0 && { ips: [...ips] }),
    ...(names.size > 0 && { names: [...names] }),
    ...probes,
  }
}

function textAt(
  values: AgentConfig['values'],
  path: string,
): { readonly effective: Effective<unknown>; readonly value: string } | undefined {
  const effective = values.get(path)
  if (effective?.origin === undefined || typeof effective.value !== 'string') return undefined
  const value = effective.value.trim()
  return value === '' ? undefined : { effective, value }
}

/** What the `tls` of all agents says alike; where they differ, the safer value and a comment. */
function commonTls(known: readonly Known[]): {
  readonly stanza: { readonly [key: string]: string | boolean } | undefined
  readonly notes: readonly string[]
} {
  const encrypted = known.filter(
    ({ config: { tls } }) => tls.http?.value === true || tls.rpc?.value === true,
  )
  const notes: string[] = []
  const stanza: Record<string, string | boolean> = {}
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
  const today = encrypted.flatMap(({ config: { tls } }) =>
    typeof tls.cert_file?.value === 'string' ? [directoryOf(tls.cert_file.value)] : [],
  )
  const [directory] = today
  if (directory !== undefined) {
    const more = new Set(today).size > 1 ? ' and elsewhere' : ''
    notes.push(`agents read their certificates from ${directory}${more} today`)
  }
  return { stanza: Object.keys(stanza).length > 0 ? stanza : undefined, notes }
}

interface Told {
  readonly message: string
  readonly hint?: string | undefined
}

function problem(code: string, { file, line, column }: Origin, told: Told): Diagnostic {
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
  return path.slice(0, path.lastIndexOf('/')) || '/'
}

function isLoopback(ip: string): boolean {
  return ip.startsWith('127.') || ip === '::1'
}

function isHostName(text: string): boolean {
  return (
    text.length <= 253 &&
    /^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/.test(text)
  )
}
