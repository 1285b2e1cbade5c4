/** Files of an agent from texts, and diagnostics as short lines. */

import type { AgentFile } from '../../src/agent/index.js'
import type { Diagnostic } from '../../src/diagnostics.js'

/** Files from name and text. */
export function agentFiles(
  texts: Readonly<Record<string, string>>,
  directory?: string,
): AgentFile[] {
  return Object.entries(texts).map(([name, text]) => ({
    name,
    path: directory === undefined ? undefined : `${directory}/${name}`,
    bytes: new TextEncoder().encode(text),
  }))
}

/** `error agent/role a.hcl:1:2` */
export function lines(diagnostics: readonly Diagnostic[]): string[] {
  return diagnostics.map(
    ({ severity, code, file, line, column }) =>
      `${severity} ${code} ${file ?? ''}:${line}:${column}`,
  )
}
