/**
 * Everything that can be said about an agent's configuration before the agent is started: an error
 * where it will not start or refuses its peers, a warning where it starts but not as meant.
 *
 * @module
 */

import type { Diagnostic, Position } from '../diagnostics.js'
import { positionsIn } from '../hcl/index.js'
import { faultyMetaKeys } from './check-foreign.js'
import { checkAdvertise } from './check-advertise.js'
import { checkAddresses, checkTemplates } from './check-addresses.js'
import { checkPairs } from './check-pairs.js'
import { checkSchema, overriddenPaths } from './check-schema.js'
import { checkTls, type CheckTlsOptions } from './check-tls.js'
import { diagnostic } from './codes.js'
import { contradictions, distinct, strayFiles } from './contradictions.js'
import { type AgentFile, configFilesOf } from './directory.js'
import { isGoDuration } from './duration.js'
import { entriesOf } from './flatten.js'
import { checkKeysFetched, checkOwnFiles, checkSameFiles } from './foreign-files.js'
import { type AgentConfig, type Origin, readAgentConfig } from './read-agent-config.js'
import { anyRole, type Roles } from './value-rules.js'
import { isAbsolute } from './wanted.js'

/** What is known beside the files. */
export interface CheckAgentConfigOptions extends CheckTlsOptions {
  /** As for `planTlsEdit`; default: `directory`. */
  readonly kind?: 'directory' | 'files' | undefined
  /** What the agent is told on its command line beside `-config`. */
  readonly flags?: CommandLine | undefined
  /** The region that is expected; default: any. */
  readonly region?: string | undefined
  /** The role that is expected; default: any. */
  readonly role?: 'server' | 'client' | 'combined' | undefined
}

/** Flags of `nomad agent` that stand in for settings. */
export interface CommandLine {
  readonly server?: boolean | undefined
  readonly client?: boolean | undefined
  readonly dev?: boolean | undefined
  readonly dataDir?: string | undefined
}

const start: Position = { line: 1, column: 1 }

/**
 * Checks the files of one agent. It looks at no disk: what is known of the files that the
 * configuration names is handed in as `named`.
 *
 * @param files What was found.
 * @returns In the order of the files and the places in them; never throws for anything in them.
 */
export function checkAgentConfig(
  files: readonly AgentFile[],
  options: CheckAgentConfigOptions = {},
): Diagnostic[] {
  const kind = options.kind ?? 'directory'
  const ordered = kind === 'directory' ? configFilesOf(files) : files
  const config = readAgentConfig(ordered)
  const readable = config.files.every(({ document }) => document !== undefined)
  const { nomadVersion } = options
  const roles = rolesOf(config, options.flags)
  const overridden = overriddenPaths(
    config.files.map(({ document }) => document),
    nomadVersion,
  )
  const found = [
    ...config.diagnostics,
    ...config.files.flatMap(({ file, document }, index) =>
      document === undefined
        ? []
        : [
            ...checkSchema(document, { file, nomadVersion, roles, overridden: overridden[index] }),
            ...checkTemplates(document, file, roles),
          ],
    ),
    ...strayFiles(config.files, ordered, kind).map((item) => ({
      ...item,
      severity: 'warning' as const,
    })),
    ...contradictions(config, options),
    // What a file that cannot be read would have said is unknown: no conclusions from its absence.
    ...(readable
      ? [
          ...checkTls(config, options),
          ...withoutEffect(config),
          ...starting(config, options),
          ...checkAddresses(config, roles),
          ...checkPairs(config, roles, nomadVersion),
        ]
      : []),
    ...checkSameFiles(config),
    ...checkOwnFiles(config),
    ...checkKeysFetched(config),
  ]
  const order = new Map(config.files.map(({ file }, at) => [file, at]))
  const place = (item: Diagnostic): number => order.get(item.file ?? '') ?? -1
  return distinct(found).sort(
    (a, b) => place(a) - place(b) || a.line - b.line || a.column - b.column,
  )
}

/** Settings that stand in a file and change nothing, because of another file. */
function withoutEffect({ values }: AgentConfig): Diagnostic[] {
  const diagnostics: Diagnostic[] = []
  for (const [path, { value, origin, overrode }] of values) {
    for (const other of overrode) {
      if (other.value === value || origin === undefined) continue
      const where = `${origin.file}:${origin.line}`
      if (other.value === false) {
        const message = `"${path}" is true in ${where}, and this false cannot undo it`
        diagnostics.push(
          diagnostic('warning', 'agent/sticky-true', other.origin, message, {
            file: other.origin.file,
          }),
        )
      } else if (path.startsWith('tls.') || path === 'region') {
        const message = `"${path}" is set again in ${where}, which counts`
        diagnostics.push(
          diagnostic('note', 'agent/overridden', other.origin, message, {
            file: other.origin.file,
          }),
        )
      }
    }
  }
  return diagnostics
}

/** What the agent is; where nothing says it, either may be meant. */
function rolesOf({ role }: AgentConfig, { server, client, dev }: CommandLine = {}): Roles {
  const roles = {
    server: server === true || dev === true || role === 'server' || role === 'combined',
    client: client === true || dev === true || role === 'client' || role === 'combined',
  }
  return roles.server || roles.client ? roles : anyRole
}

const directories = [
  'data_dir',
  'plugin_dir',
  'client.alloc_dir',
  'client.alloc_mounts_dir',
  'client.host_volumes_dir',
  'client.host_volume_plugin_dir',
  'client.state_dir',
]

/** What Nomad looks at before it starts (command/agent/command.go:337-540). */
function starting(config: AgentConfig, { flags = {} }: CheckAgentConfigOptions): Diagnostic[] {
  const diagnostics: Diagnostic[] = []
  const nowhere: Origin = { ...start, file: config.files[0]?.file ?? '' }
  const refuse = (
    code: Parameters<typeof diagnostic>[1],
    at: Origin,
    message: string,
    hint?: string,
  ): void => {
    const file = at.file === '' ? undefined : at.file
    diagnostics.push(diagnostic('error', code, at, message, { file, hint }))
  }
  const text = (path: string): string => String(config.values.get(path)?.value ?? '')
  const dev = flags.dev === true
  const server =
    flags.server === true || config.role === 'server' || config.role === 'combined' || dev
  const client =
    flags.client === true || config.role === 'client' || config.role === 'combined' || dev
  if (config.files.length === 0) {
    diagnostics.push(diagnostic('warning', 'agent/no-files', start, 'Nomad reads no file here'))
  }
  if (!server && !client) {
    const hint = 'unless the agent is started with -server or -client'
    refuse('agent/no-role', nowhere, 'neither server nor client is enabled', hint)
  }
  for (const path of directories) {
    const value = text(path)
    if (value !== '' && !isAbsolute(value)) {
      refuse(
        'agent/data-dir',
        config.values.get(path)?.origin ?? nowhere,
        `"${path}" is not absolute`,
      )
    }
  }
  if (!dev && text('data_dir') === '' && (flags.dataDir ?? '') === '') {
    const own = ['client.alloc_dir', 'client.alloc_mounts_dir', 'client.state_dir', 'plugin_dir']
    if (server || (client && own.some((path) => text(path) === ''))) {
      refuse(
        'agent/data-dir',
        nowhere,
        '"data_dir" is missing',
        'unless it is given with -data-dir',
      )
    }
  }
  if (text('log_file') !== '' && !isGoDuration(text('log_rotate_duration'))) {
    const at = config.values.get('log_rotate_duration')?.origin ?? nowhere
    refuse('agent/duration', at, '"log_rotate_duration" is not a duration', 'such as "24h"')
  }
  if (client) checkMeta()
  const datacenter = config.datacenter
  if (/[\0*]/.test(datacenter.value)) {
    refuse('agent/datacenter', datacenter.origin ?? nowhere, 'the datacenter holds "*" or NUL')
  }
  const key = config.gossipKey
  if (
    key !== undefined &&
    (key.bytes === undefined || (server && ![16, 24, 32].includes(key.bytes)))
  ) {
    const message =
      key.bytes === undefined
        ? 'the gossip key is not base64'
        : `the gossip key has ${key.bytes} bytes`
    refuse('agent/gossip-key', key.origin, message, 'base64 of 16, 24 or 32 bytes')
  }
  if (!dev) diagnostics.push(...checkAdvertise(config, { server, severity: 'error' }))
  return diagnostics

  function checkMeta(): void {
    for (const { file, document } of config.files) {
      if (document === undefined) continue
      const position = positionsIn(document.text)
      for (const { name, start: at } of faultyMetaKeys(entriesOf(document))) {
        if (diagnostics.length >= 1000) return
        const message = `"${name.slice(0, 40)}" cannot be a key of "meta"`
        refuse('agent/value', { file, ...position(at) }, message, 'no dot first, last or twice')
      }
    }
  }
}
