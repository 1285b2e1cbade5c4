/**
 * Everything that can be said about an agent's configuration before the agent is started: an error
 * where it will not start or refuses its peers, a warning where it starts but not as meant.
 *
 * @module
 */

import type { AgentRole } from '../address.js'
import type { Diagnostic } from '../diagnostics.js'
import { checkFiles } from './check-files.js'
import { checkMissing, checkStart, type CommandLine, rolesOf } from './check-start.js'
import { checkTls, type CheckTlsOptions } from './check-tls.js'
import { diagnostic } from './codes.js'
import { contradictions, distinct, strayFiles } from './contradictions.js'
import { type AgentFile, configFilesOf } from './directory.js'
import {
  checkForeignFiles,
  checkKeysFetched,
  checkOwnFiles,
  checkSameFiles,
  type FoundForeign,
} from './foreign-files.js'
import { type AgentConfig, readAgentConfig } from './read-agent-config.js'

/** What is known beside the files. */
export interface CheckAgentConfigOptions extends CheckTlsOptions {
  /** As for `planTlsEdit`; default: `directory`. */
  readonly kind?: 'directory' | 'files' | undefined
  /** What the agent is told on its command line beside `-config`. */
  readonly flags?: CommandLine | undefined
  /** The region that is expected; default: any. */
  readonly region?: string | undefined
  /** The role that is expected; default: any. */
  readonly role?: AgentRole | undefined
  /** The files that `consul` and `vault` blocks name, by path, and when it was looked; default: they are not judged. */
  readonly foreign?:
    | {
        /** What lies at each path; one that is not in it is not judged. */
        readonly found: ReadonlyMap<string, FoundForeign>
        /** Epoch milliseconds. */
        readonly at: number
      }
    | undefined
}

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
  const { nomadVersion, flags = {} } = options
  const roles = rolesOf(config, { flags })
  const found = [
    ...config.diagnostics,
    ...checkFiles(config, { nomadVersion, roles }),
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
          ...checkMissing(config, flags),
          ...checkStart(config, { flags, nomadVersion }),
        ]
      : []),
    ...checkSameFiles(config),
    ...checkOwnFiles(config),
    ...checkKeysFetched(config),
    ...(options.foreign === undefined
      ? []
      : checkForeignFiles(config, options.foreign.found, options.foreign.at)),
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
