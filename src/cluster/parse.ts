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
 * Reads a spec.
 *
 * @param text The whole text, YAML 1.2 (JSON is such).
 * @param options See {@link ParseSpecOptions}.
 * @returns The spec, and all diagnostics at once; nothing is thrown.
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
