/**
 * Each file of an agent held against what Nomad reads, with what is known of the files after it.
 *
 * @module
 */

import type { Diagnostic } from '../diagnostics.js'
import { checkTemplates } from './check-addresses.js'
import { checkSchema, overriddenPaths } from './check-schema.js'
import type { AgentConfig } from './read-agent-config.js'
import type { Roles } from './value-rules.js'

/** What is known beside the files. */
export interface CheckFilesOptions {
  /** The version of Nomad, `1.11.3`; absent: any that is supported. */
  readonly nomadVersion: string | undefined
  /** What the agent is. */
  readonly roles: Roles
  /** The file whose `tls` is about to be edited; absent: none is. */
  readonly edited?: string | undefined
}

/**
 * Gives what Nomad refuses or ignores in the files, one by one.
 *
 * @param config As read; files that cannot be read are left out.
 */
export function checkFiles(
  { files }: AgentConfig,
  { nomadVersion, roles, edited }: CheckFilesOptions,
): Diagnostic[] {
  const overridden = overriddenPaths(
    files.map(({ document }) => document),
    nomadVersion,
  )
  const forEdit = edited !== undefined
  return files.flatMap(({ file, document }, index) => {
    if (document === undefined) return []
    const templates = checkTemplates(document, file, roles)
    return [
      ...checkSchema(document, {
        file,
        nomadVersion,
        roles,
        forEdit,
        // Of that block the edit says it, knowing what it replaces.
        exceptTls: file === edited,
        overridden: overridden[index],
      }),
      // An edit of `tls` has nothing to do with what only looks wrong elsewhere.
      ...(forEdit ? templates.filter(({ severity }) => severity === 'error') : templates),
    ]
  })
}
