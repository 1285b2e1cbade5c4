/**
 * Older generations of an authority in Vault or OpenBao: anyone with a right to their paths could still sign with
 * them. Afterwards they sign their lists, and no certificates. Nothing else of the mount changes: not its default
 * issuer, and no role.
 *
 * @module
 */

import { authorityAddress } from '../address.js'
import type { DesiredAuthority } from '../cluster/desired.js'
import { issuerNameIn } from '../cluster/vault.js'
import { refusal } from '../engine/key-inside.js'
import { issues, issuersOfKeys, usesOf, withoutIssuing } from '../engine/issuers-of-key.js'
import { isMissing } from '../engine/look.js'
import { certificateIn } from '../engine/verdict.js'
import { NomadPkiError } from '../errors.js'
import type { Inventory } from '../inventory/inventory.js'
import type { PublicKey } from '../keys/algorithms.js'
import type { SetUpPorts } from './set-up-engine.js'

/**
 * Takes the right to sign certificates from each older generation that the mount has, and from each other issuer of
 * the mount that has the key of one.
 *
 * @param authority The generation that signs; it is set up.
 * @param inventory What the store has: the mount may have lost an issuer, and have its key.
 * @param ports In a dry run, it looks alone.
 * @throws {NomadPkiError} `ERR_REFUSED` where no generation is older; `ERR_ISSUER_REFUSED`; `ERR_ISSUER_UNKNOWN`.
 */
export async function retireIssuers(
  { address, name, generation, engine }: DesiredAuthority,
  inventory: Pick<Inventory, 'authorities'>,
  { session, tell, dryRun }: Pick<SetUpPorts, 'session' | 'tell' | 'dryRun'>,
): Promise<void> {
  if (engine === undefined)
    throw new NomadPkiError('ERR_INTERNAL', `${address} is not in an engine`)
  if (generation === 1) {
    throw new NomadPkiError(
      'ERR_REFUSED',
      `generation 1 of ${name} signs: there is no older generation to stop`,
      {
        address,
        hint: `first the next generation: nomad-pki rotate authority ${name} --compromised --next`,
      },
    )
  }
  const keys: PublicKey[] = []
  const older = Array.from({ length: generation - 1 }, (_, at) => ({
    issuer: issuerNameIn(engine, at + 1),
    stored: inventory.authorities.get(authorityAddress(name, at + 1))?.certificate,
  }))
  for (const { issuer, stored } of older) {
    if (stored !== undefined) keys.push(stored.publicKey)
    const path = `${engine.mount}/issuer/${issuer}`
    const found = await session.call({ method: 'GET', path })
    // Its key was elsewhere, or it was deleted.
    if (isMissing(found)) continue
    if (found.is !== 'done') throw refusal(address, path, found)
    const theirs = certificateIn(found.data.certificate)
    if (theirs !== undefined) keys.push(theirs.publicKey)
    const usage = usesOf(found.data.usage)
    if (!usage.includes(issues)) {
      tell(`is right: ${path} signs no certificates`)
      continue
    }
    await stop(path, usage)
  }
  // Another issuer of such a key signs what agents trust, too.
  const others = await issuersOfKeys(session, engine.mount, keys, issuerNameIn(engine, generation))
  if ('is' in others) throw refusal(address, `${engine.mount}/issuers`, others)
  for (const { path, name: one, usage } of others) {
    // In a dry run these are as they were.
    if (!older.some(({ issuer }) => issuer === one)) await stop(path, usage)
  }

  async function stop(path: string, usage: readonly string[]): Promise<void> {
    const what = `${path} signs no more certificates`
    if (dryRun) {
      tell(`would be done: ${what}`)
      return
    }
    const kept = withoutIssuing(usage)
    const changed = await session.call({ method: 'PATCH', path, body: { usage: kept } })
    if (changed.is !== 'done') throw refusal(address, path, changed)
    tell(`done: ${what}${kept.includes('crl-signing') ? '; it still signs its list' : ''}`)
  }
}
