/**
 * Agents that need a restart after each renewal: a `consul` or `vault` block of theirs names a file of
 * `tls`, and is read once, at the start (hashicorp/nomad#4593, #17297).
 *
 * @module
 */

import { checkSameFiles, readAgentConfig } from '../agent/index.js'
import type { DesiredConfig } from '../cluster/desired.js'
import type { Inventory } from '../inventory/inventory.js'
import { agentFiles } from './config-files.js'
import type { ConfigEdit } from './configs.js'

/**
 * Finds those configurations, as they are or as a planned edit makes them.
 *
 * @param configs Which ones.
 * @param inventory With their files.
 * @param edits What is planned, by address.
 * @returns Addresses of configurations.
 */
export function notReloaded(
  configs: readonly DesiredConfig[],
  inventory: Inventory,
  edits: ReadonlyMap<string, ConfigEdit>,
): ReadonlySet<string> {
  return new Set(
    configs.flatMap((wanted) => {
      const found = agentFiles(wanted, inventory)
      if (found === undefined || 'fault' in found) return []
      const edit = edits.get(wanted.address)
      const before = readAgentConfig(found.files)
      const after =
        edit === undefined
          ? before
          : readAgentConfig(
              found.files.map((file) =>
                file.path === edit.path ? { ...file, bytes: Buffer.from(edit.text) } : file,
              ),
            )
      return checkSameFiles(before).length + checkSameFiles(before, after).length > 0
        ? [wanted.address]
        : []
    }),
  )
}
