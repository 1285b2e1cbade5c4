/**
 * Revokes in Vault or OpenBao what was revoked of the authorities that are there. The ledger has it first: a second
 * run asks again for what the engine did not take.
 *
 * @module
 */

import { placeInEngine } from '../checks/key-place.js'
import { certificatePath } from '../engine/certificates.js'
import { revokeAllInEngine } from '../engine/revoke.js'
import type { EngineSession } from '../engine/session.js'
import { isNomadPkiError } from '../errors.js'
import { presentedLeaves } from '../evidence/presented.js'
import type { Inventory } from '../inventory/inventory.js'
import type { Revocation } from '../inventory/revoked.js'
import type { RevokedThere } from '../report/revoked-in-engine.js'
import { fingerprintOf, type Certificate } from '../x509/certificate.js'
import type { Context } from './context.js'
import { openEngine } from './engine.js'
import type { Workspace } from './workspace.js'

/**
 * Revokes in the engine.
 *
 * @param revoked What the ledger has as revoked; what no engine signed is left out.
 * @param options `rehearse`: the engine is not asked.
 * @returns One for each certificate that an engine signed, in their order. It does not throw where an engine is not
 *   there: then each says why.
 */
export async function revokeThere(
  revoked: readonly Pick<Revocation, 'address' | 'issuer' | 'serial' | 'fingerprint'>[],
  workspace: Workspace,
  inventory: Inventory,
  context: Context,
  { rehearse }: { readonly rehearse: boolean },
): Promise<readonly RevokedThere[]> {
  const { desired } = workspace
  const wanted = revoked.flatMap((one) => {
    const engine = placeInEngine(one.issuer, desired, inventory)
    if (engine === undefined) return []
    const { mount } = engine
    return [{ ...one, mount, place: certificatePath(mount, one.serial) }]
  })
  if (wanted.length === 0) return []
  if (rehearse) return wanted.map(({ address, place }) => ({ address, place, is: 'would be' }))
  let session: EngineSession
  try {
    session = await openEngine(workspace, context)
  } catch (error) {
    if (!isNomadPkiError(error) || error.code === 'ERR_INTERRUPTED') throw error
    const reason = error.hint === undefined ? error.message : `${error.message}; ${error.hint}`
    return wanted.map(({ address, place }) => ({ address, place, is: 'refused', reason }))
  }
  const certificateOf = certificatesIn(inventory)
  try {
    const said = await revokeAllInEngine(
      session,
      wanted.map((one) => ({ ...one, certificate: certificateOf(one.fingerprint) })),
    )
    return wanted.map(({ address, place }, at) => ({ address, place, ...said[at]! }))
  } finally {
    session.close()
  }
}

/** The issuers of an engine that make the lists of what was revoked, each once. */
export function enginePaths(
  revoked: readonly Pick<Revocation, 'issuer'>[],
  { desired }: Pick<Workspace, 'desired'>,
  inventory: Inventory,
): readonly string[] {
  return [
    ...new Set(
      revoked.flatMap(({ issuer }) => placeInEngine(issuer, desired, inventory)?.issuer ?? []),
    ),
  ]
}

/** The certificates that are at hand, by fingerprint. */
function certificatesIn({
  identities,
  ledger,
}: Inventory): (fingerprint: string | undefined) => Certificate | undefined {
  const current = new Map<string, Certificate>()
  for (const { current: own } of identities.values()) {
    const leaf = own?.chain[0]
    if (leaf !== undefined) current.set(fingerprintOf(leaf), leaf)
  }
  const presented = presentedLeaves(ledger)
  return (fingerprint) =>
    fingerprint === undefined ? undefined : (current.get(fingerprint) ?? presented(fingerprint))
}
