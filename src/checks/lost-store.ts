/**
 * What to do where there is no store.
 *
 * @module
 */

import type { Desired } from '../cluster/desired.js'

/**
 * The remedies, the cheapest first.
 *
 * @param authorities Those of the spec: what an engine has is rebuilt from there.
 * @param flag ` --file …` as it was given.
 */
export function lostStoreRemedy({ authorities }: Pick<Desired, 'authorities'>, flag = ''): string {
  const isThere = authorities.some(({ engine }) => engine !== undefined)
  const engine = isThere
    ? ` or, with the ca_file of an agent in FOLDER, rebuild it from the engine: nomad-pki adopt FOLDER --engine${flag};`
    : ''
  return `restore it from the backup;${engine} for a new cluster: nomad-pki init --new-store${flag} (a new store makes a new authority, and every agent must get its root)`
}
