/**
 * The steps of the agents' configurations: which `tls` stanza is missing or says something else, and
 * the edit that mends it.
 *
 * @module
 */

import type { Finding } from '../diagnostics.js'
import type { Inventory } from '../inventory/inventory.js'
import type { DesiredConfig } from '../spec/desired.js'
import type { Step } from './plan.js'

/** One edit of a configuration file. */
export interface ConfigEdit {
  /** The file. */
  readonly path: string
  /** Its whole new text. */
  readonly text: string
  /** What it held when it was read; `undefined`: it is new. */
  readonly expected: Uint8Array | undefined
}

/** What is to be done about configurations. */
export interface ConfigPlan {
  readonly steps: readonly Step[]
  readonly findings: readonly Finding[]
  readonly edits: ReadonlyMap<string, ConfigEdit>
}

/** Plans the stanzas. */
export function planConfigs(
  configs: readonly DesiredConfig[],
  _inventory: Inventory,
): ConfigPlan {
  void configs
  return { steps: [], findings: [], edits: new Map() }
}
