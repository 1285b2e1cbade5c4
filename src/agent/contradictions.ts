/**
 * What a configuration says against what is expected of it, and unexpected files in it.
 *
 * @module
 */

import type { AgentRole } from '../address.js'
import type { Diagnostic, Position } from '../diagnostics.js'
import { diagnostic } from './codes.js'
import { type AgentFile, isStrayName } from './directory.js'
import type { AgentConfig, ReadFile } from './read-agent-config.js'

const start: Position = { line: 1, column: 1 }

/** What is expected of an agent. */
export interface Expectations {
  readonly region?: string | undefined
  readonly role?: AgentRole | undefined
}

/**
 * Files that look like backups or temporary ones, and are loaded all the same.
 *
 * @param read As read.
 * @param files The same, as they were found.
 * @param kind What those are that don't say whether a `-config` names them.
 */
export function strayFiles(
  read: readonly ReadFile[],
  files: readonly AgentFile[],
  kind: 'directory' | 'files',
): Diagnostic[] {
  return read.flatMap(({ file, name, hasTls }, index) =>
    isStrayName(name) && !(files[index]?.named ?? kind === 'files')
      ? [
          diagnostic(
            hasTls ? 'error' : 'warning',
            'agent/stray-file',
            start,
            `Nomad loads "${name}"${hasTls ? ', and it has a "tls" block' : ''}`,
            {
              file,
              hint: 'move it elsewhere, or give it a name that does not end in .hcl or .json',
            },
          ),
        ]
      : [],
  )
}

/** A region or a role that is not the one expected. */
export function contradictions(config: AgentConfig, { region, role }: Expectations): Diagnostic[] {
  const diagnostics: Diagnostic[] = []
  const found = config.region
  if (region !== undefined && found.value !== region) {
    const origin = found.origin ?? { ...start, file: config.files[0]?.file ?? 'configuration' }
    const stated = found.origin !== undefined
    const message = stated
      ? `the region is "${found.value}", not "${region}"`
      : `no file says the region, so it is "${found.value}", not "${region}"`
    diagnostics.push(
      diagnostic(stated ? 'error' : 'warning', 'agent/region', origin, message, {
        file: origin.file,
        hint: stated ? undefined : 'write it, or start the agent with -region',
      }),
    )
  }
  if (role !== undefined && config.role !== undefined && config.role !== role) {
    const place =
      config.values.get('server.enabled')?.origin ?? config.values.get('client.enabled')?.origin
    const origin = place ?? { ...start, file: config.files[0]?.file ?? 'configuration' }
    const message = `the agent is a ${config.role} agent, not a ${role} agent`
    diagnostics.push(diagnostic('error', 'agent/role', origin, message, { file: origin.file }))
  }
  return diagnostics
}

/** Codes of the general check of keys and types, which yields to a more telling one. */
const general = new Set<string>([
  'agent/value',
  'agent/unknown-key',
  'agent/repeated-key',
  'agent/removed-key',
])

/** Each thing once: several checks may find the same one, and the first of them tells it best. */
export function distinct(diagnostics: readonly Diagnostic[]): Diagnostic[] {
  const seen = new Set<string>()
  const places = new Set<string>()
  return diagnostics.filter(({ file, line, column, code, severity }) => {
    const place = JSON.stringify([file, line, column])
    const key = place + code
    if (seen.has(key) || (general.has(code) && places.has(place))) return false
    seen.add(key)
    if (severity === 'error') places.add(place)
    return true
  })
}
