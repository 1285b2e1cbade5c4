/**
 * An agent's configuration as Nomad will read it, as text and as a document.
 *
 * @module
 */

import type { AgentConfig, Effective, Origin } from '../agent/index.js'
import type { Diagnostic } from '../diagnostics.js'
import type { Document } from './json.js'
import { printable, type Style } from './style.js'
import { table } from './table.js'

type Value = boolean | string | number

/** Rows of path, value and origin. */
export function configText(config: AgentConfig, style: Style): string {
  const rows = [...config.values].map(([path, effective]) => [
    path,
    printable(JSON.stringify(effective.value)),
    style.faint(
      effective.origin === undefined
        ? 'default'
        : placeOf(effective.origin) +
            effective.overrode
              .map(({ value, origin }) => `; not ${JSON.stringify(value)} of ${placeOf(origin)}`)
              .map(printable)
              .join(''),
    ),
  ])
  const role = config.role ?? 'neither server nor client'
  return `${style.strong(`${role} in ${printable(config.region.value)}`)}\n${table(rows, { indent: 2 })}`
}

/** The same as a document. */
export function configDocument(config: AgentConfig, paths: readonly string[]): Document {
  return {
    format: 'nomad-pki/config',
    version: 1,
    paths,
    role: config.role,
    region: config.region.value,
    gossipKey: config.gossipKey !== undefined,
    values: Object.fromEntries(
      [...config.values].map(([path, effective]) => [path, valueOf(effective)]),
    ),
    diagnostics: config.diagnostics,
  }
}

/**
 * Several agents as one document.
 *
 * @param agents The document of each.
 * @param diagnostics What is told of them together.
 */
export function configsDocument(
  agents: readonly Document[],
  diagnostics: readonly Diagnostic[],
): Document {
  return { format: 'nomad-pki/configs', version: 1, agents, diagnostics }
}

function valueOf({ value, origin, overrode }: Effective<Value>): object {
  return { value, origin, overrode }
}

function placeOf({ file, line, column }: Origin): string {
  return `${printable(file)}:${line}:${column}`
}
