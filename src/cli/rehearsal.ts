/**
 * The agents' configurations of a dry run: real to read, and written nowhere.
 *
 * @module
 */

import { sameBytes } from '../bytes.js'
import { NomadPkiError } from '../errors.js'
import type { Configs } from '../inventory/configs.js'
import type { Inventory } from '../inventory/inventory.js'

/**
 * Configurations that compare what they are to write over with what is there, and then write nothing.
 *
 * @param configs The real ones.
 * @param inventory What was read of them.
 */
export function rehearsalConfigs(configs: Configs, inventory: Inventory): Configs {
  const files = new Map(
    [...inventory.configs.values()].flatMap((contents) =>
      contents.files.map(({ path, bytes }) => [path, bytes] as const),
    ),
  )
  return {
    read: (path) => configs.read(path),
    async write(writes) {
      for (const { path, expected } of writes) {
        const there = files.get(path)
        if (
          there === undefined
            ? expected !== undefined
            : expected === undefined || !sameBytes(there, expected)
        ) {
          throw new NomadPkiError('ERR_CONFIG_CHANGED', `${path} is not what was read`)
        }
      }
    },
  }
}
