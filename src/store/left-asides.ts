/**
 * Copies of agents' configurations that a killed run left beside them: they may hold secrets, and no
 * command would look at them before the next configuration is written there.
 *
 * @module
 */

import { dirname } from 'node:path'
import { kindOf } from '../address.js'
import type { Finding } from '../diagnostics.js'
import { leftAsides, unlinkQuietly } from '../files/aside.js'
import { shownPath } from '../files/fault.js'
import { nodeFiles, type Files } from '../files/files.js'
import type { Inventory } from '../inventory/inventory.js'
import type { DesiredConfig } from '../cluster/desired.js'
import { finding } from './reasons.js'

/**
 * Adds to an inventory what killed runs left beside the configurations; each directory is listed once.
 *
 * @param inventory With the configurations.
 * @param configs Whose.
 * @param files The calls to use.
 */
export function findLeftAsides(
  inventory: Inventory,
  configs: readonly DesiredConfig[],
  files: Files = nodeFiles,
): Inventory {
  const looked = new Set<string>()
  const findings: Finding[] = []
  for (const { address, paths, write } of configs) {
    for (const path of write === undefined ? paths : [...paths, write]) {
      const contents = inventory.configs.get(path)
      if (contents === undefined) continue
      const { kind, location, real = location } = contents
      const directory = kind === 'directory' ? real : dirname(real)
      if (looked.has(directory)) continue
      looked.add(directory)
      for (const file of leftAsides(files, directory)) {
        const message = `an interrupted run left a copy of a configuration: ${shownPath(file)}`
        findings.push(
          finding('note', address, 'left-over', message, { remedy: 'nomad-pki apply --yes', file }),
        )
      }
    }
  }
  if (findings.length === 0) return inventory
  return { ...inventory, findings: [...inventory.findings, ...findings] }
}

/**
 * Removes what {@link findLeftAsides} found.
 *
 * @returns What was removed.
 */
export function removeLeftAsides(
  { findings }: Inventory,
  files: Files = nodeFiles,
): readonly Finding[] {
  return findings.flatMap(({ address, reason, file }) => {
    if (reason !== 'left-over' || file === undefined || kindOf(address) !== 'config') return []
    unlinkQuietly(files, file)
    if (files.lstat(file) !== undefined) return []
    return [finding('note', address, 'left-over', `removed ${shownPath(file)}`)]
  })
}
