/**
 * From the text of `cluster.yaml` to a spec, or to everything that is wrong with it.
 *
 * @module
 */

import type { Diagnostic } from '../diagnostics.js'
import type { RawSpec } from './raw.js'
import { readShape } from './read.js'
import { createReport } from './report.js'
import { resolveSpec } from './resolve.js'
import { specShape } from './shape.js'
import type { ClusterSpec } from './spec.js'
import { readYaml } from './yaml.js'

/** Options of {@link parseSpec}. */
export interface ParseSpecOptions {
  /** The file as the user named it, for the diagnostics; none by default. */
  readonly file?: string | undefined
}

/** What came of a text. */
export interface ParsedSpec {
  /** Absent if any diagnostic is an error. */
  readonly spec?: ClusterSpec
  /** Everything that is wrong or worth knowing, in the order of the text. */
  readonly diagnostics: readonly Diagnostic[]
}

/**
 * Reads the text of `cluster.yaml` and gives the cluster that it describes, or everything that is wrong
 * with it. Nothing is thrown.
 *
 * @param text The whole text, YAML 1.2 or JSON; at most 4 MB.
 * @param options The name of the file, for diagnostics.
 * @returns The spec, absent where a diagnostic is an error; and all diagnostics, in the order of the text.
 * @see docs/spec.md
 * @example
 *
 * ```ts
 * import { desire, parseSpec } from 'nomad-pki'
 *
 * const text = 'version: 1\ncluster: acme\nregions:\n  global:\n    servers: { s1: {} }\n'
 * const { spec, diagnostics } = parseSpec(text, { file: 'cluster.yaml' })
 * for (const { line, column, message } of diagnostics) console.error(`${line}:${column} ${message}`)
 * if (spec !== undefined) console.log(desire(spec).identities.map(({ address }) => address))
 * ```
 */
export function parseSpec(text: string, options: ParseSpecOptions = {}): ParsedSpec {
  const report = createReport(text, options.file)
  const document = readYaml(text, report)
  if (document === undefined) return { diagnostics: report.diagnostics() }
  const { value, sources } = readShape(document.contents!, specShape, report)
  if (value === undefined) return { diagnostics: report.diagnostics() }
  const spec = resolveSpec(value as RawSpec, sources, report)
  const diagnostics = report.diagnostics()
  return report.failed() ? { diagnostics } : { spec, diagnostics }
}
