/**
 * What stops an agent when it starts, as far as its files say it: asked before the agent is started,
 * and before an edit of `tls` that it is to be started with.
 *
 * @module
 */

import type { AgentRole } from '../address.js'
import { count } from '../count.js'
import type { Diagnostic, Position } from '../diagnostics.js'
import { positionsIn } from '../hcl/index.js'
import { runsClient, runsServer } from '../nomad/roles.js'
import { holdsIn } from '../nomad/versions.js'
import { checkAddresses } from './check-addresses.js'
import { checkAdvertise } from './check-advertise.js'
import { faultyMetaKeys } from './check-client.js'
import { checkKeyrings } from './check-keyring.js'
import { checkPairs } from './check-pairs.js'
import { type AgentCode, diagnostic } from './codes.js'
import { isGoDuration } from './duration.js'
import { entriesOf } from './flatten.js'
import type { AgentConfig, Origin } from './read-agent-config.js'
import { datedKeys } from './schema-table.js'
import { anyRole, type Roles } from './value-rules.js'
import { isAbsolute } from './wanted.js'

/** Flags of `nomad agent` that stand in for settings. */
export interface CommandLine {
  readonly server?: boolean | undefined
  readonly client?: boolean | undefined
  readonly dev?: boolean | undefined
  readonly dataDir?: string | undefined
}

/** What is known beside the files. */
export interface Known {
  /** The flags; absent: they are unknown, and a flag may be what the files lack. */
  readonly flags?: CommandLine | undefined
  /** What the agent is meant to be, where no file says it. */
  readonly role?: AgentRole | undefined
}

/** What the agent is; where nothing says it, both may be meant. */
export function rolesOf(config: AgentConfig, known: Known): Roles {
  const roles = surely(config, known)
  return roles.server || roles.client ? roles : anyRole
}

/** What the agent is, as far as anything says it. */
function surely(config: AgentConfig, { flags: { server, client, dev } = {}, role }: Known): Roles {
  const said = config.role ?? role
  return {
    server: server === true || dev === true || runsServer(said),
    client: client === true || dev === true || runsClient(said),
  }
}

const start: Position = { line: 1, column: 1 }

const directories = [
  'data_dir',
  'plugin_dir',
  'client.alloc_dir',
  'client.alloc_mounts_dir',
  'client.host_volumes_dir',
  'client.host_volume_plugin_dir',
  'client.state_dir',
]

const textOf = ({ values }: AgentConfig, path: string): string =>
  String(values.get(path)?.value ?? '')

/**
 * Gives what is wrong with the values that are there, each by itself and together
 * (command/agent/command.go:337-540). It judges no single value that has a rule of its own: see
 * `checkSchema`.
 *
 * @param config As read, every file of it.
 */
export function checkStart(
  config: AgentConfig,
  known: Known & { readonly nomadVersion?: string | undefined },
): Diagnostic[] {
  const diagnostics: Diagnostic[] = []
  const { flags, nomadVersion } = known
  const { server, client } = surely(config, known)
  const roles = rolesOf(config, known)
  const refuse = (
    code: AgentCode,
    at: Origin | undefined,
    message: string,
    hint?: string,
  ): void => {
    const place = at ?? { ...start, file: config.files[0]?.file }
    diagnostics.push(diagnostic('error', code, place, message, { file: place.file, hint }))
  }
  for (const path of directories) {
    const value = textOf(config, path)
    if (value === '' || isAbsolute(value)) continue
    refuse('agent/data-dir', config.values.get(path)?.origin, `"${path}" is not absolute`)
  }
  if (textOf(config, 'log_file') !== '' && !isGoDuration(textOf(config, 'log_rotate_duration'))) {
    const at = config.values.get('log_rotate_duration')?.origin
    refuse('agent/duration', at, '"log_rotate_duration" is not a duration', 'write it as "24h"')
  }
  if (client) checkMeta()
  const { datacenter, gossipKey: key } = config
  if (/[\0*]/.test(datacenter.value)) {
    refuse('agent/datacenter', datacenter.origin, 'the datacenter holds "*" or NUL')
  }
  if (
    key !== undefined &&
    (key.bytes === undefined || (server && ![16, 24, 32].includes(key.bytes)))
  ) {
    const message =
      key.bytes === undefined
        ? 'the gossip key is not base64'
        : `the gossip key has ${count(key.bytes, 'byte')}`
    refuse(
      'agent/gossip-key',
      key.origin,
      message,
      'nomad operator gossip keyring generate makes one of 32 bytes',
    )
  }
  if (flags?.dev !== true) {
    // A flag may bind another address.
    const severity = flags === undefined ? 'warning' : 'error'
    diagnostics.push(...checkAdvertise(config, { server, severity }))
  }
  return [
    ...diagnostics,
    ...checkAddresses(config, roles),
    ...checkPairs(config, roles, nomadVersion),
    ...(roles.server && holdsIn(datedKeys.get('keyring')!, nomadVersion)
      ? checkKeyrings(config)
      : []),
  ]

  function checkMeta(): void {
    for (const { file, document } of config.files) {
      if (document === undefined) continue
      const position = positionsIn(document.text)
      for (const { name, start: at } of faultyMetaKeys(entriesOf(document))) {
        if (diagnostics.length >= 1000) return
        const message = `"${name.slice(0, 40)}" cannot be a key of "meta"`
        refuse(
          'agent/value',
          { file, ...position(at) },
          message,
          'write it without a dot that is first, last or double',
        )
      }
    }
  }
}

/**
 * Gives what is missing in files that are all of an agent's.
 *
 * @param config As read.
 * @param flags What the agent is told on its command line.
 */
export function checkMissing(config: AgentConfig, flags: CommandLine = {}): Diagnostic[] {
  const text = (path: string): string => textOf(config, path)
  const { server, client } = surely(config, { flags })
  const missing = (code: AgentCode, message: string, hint: string): Diagnostic =>
    diagnostic('error', code, start, message, { file: config.files[0]?.file, hint })
  const diagnostics: Diagnostic[] = []
  if (config.files.length === 0) {
    diagnostics.push(diagnostic('warning', 'agent/no-files', start, 'Nomad reads no file here'))
  }
  if (!server && !client) {
    const hint = 'enable one, or start the agent with -server or -client'
    diagnostics.push(missing('agent/no-role', 'neither server nor client is enabled', hint))
  }
  if (flags.dev !== true && text('data_dir') === '' && (flags.dataDir ?? '') === '') {
    const own = ['client.alloc_dir', 'client.alloc_mounts_dir', 'client.state_dir', 'plugin_dir']
    if (server || (client && own.some((path) => text(path) === ''))) {
      const hint = 'write it, or start the agent with -data-dir'
      diagnostics.push(missing('agent/data-dir', '"data_dir" is missing', hint))
    }
  }
  return diagnostics
}
