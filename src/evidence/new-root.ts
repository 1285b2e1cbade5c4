/**
 * Whether an installer will refuse the newest archive of an agent that lags, and what overrides that:
 * an agent that came back from an old image trusts nothing that vouches for the present root.
 *
 * @module
 */

import { generationOf } from '../address.js'
import { fingerprintText } from '../x509/certificate.js'
import type { Inventory } from '../inventory/inventory.js'
import { rootAbove, rootsAbove, twinsOf, type MadeGeneration } from './generations.js'

/**
 * Gives the override that the installer needs for a new root.
 *
 * @param known What the agent has.
 * @param newest What it is to have.
 * @returns `--override new-root=SHA256:…`; `undefined` where the one vouches for the other.
 */
export function newRootOverride(
  known: MadeGeneration | undefined,
  newest: MadeGeneration,
  inventory: Inventory,
): string | undefined {
  const root = newRootOf(known, newest, inventory)
  return root === undefined ? undefined : `--override new-root=${root}`
}

/** The fingerprint of a root that nothing an agent has vouches for; `undefined` where something does. */
export function newRootOf(
  known: MadeGeneration | undefined,
  newest: MadeGeneration,
  { authorities }: Inventory,
): string | undefined {
  if (known?.trusted === undefined || newest.trusted === undefined) return undefined
  const root = rootAbove(newest.issuer, authorities)
  const found = root === undefined ? undefined : authorities.get(root)
  if (root === undefined || found?.certificate === undefined) return undefined
  const trusts = twinsOf(root, authorities).some((one) => known.trusted!.includes(one))
  const certified = known.trusted.some((old) => found.crossed.has(generationOf(old)))
  const above = rootsAbove(known.issuer, authorities)
  const trusted = (above.length > 0 ? above : [known.issuer]).some((one) =>
    newest.trusted!.includes(one),
  )
  if (trusts || certified || trusted) return undefined
  return fingerprintText(found.certificate)
}
