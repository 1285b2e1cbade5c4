/**
 * Older generations of an authority in Vault or OpenBao: anyone with a right to their paths could still sign with
 * them. Afterwards they sign their lists, and no certificates. Nothing else of the mount changes: not its default
 * issuer, and no role.
 *
 * @module
 */

import type { DesiredAuthority } from '../cluster/desired.js'
import { issuerNameIn } from '../cluster/vault.js'
import { refusal } from '../engine/key-inside.js'
import { issuersOfKeys } from '../engine/issuers-of-key.js'
import { isMissing } from '../engine/look.js'
import { NomadPkiError } from '../errors.js'
import type { SetUpPorts } from './set-up-engine.js'

const signs = 'issuing-certificates'

/**
 * Takes the right to sign certificates from each older generation that the mount has, and from each other issuer of
 * the mount that has the key of one.
 *
 * @param authority The generation that signs; it is set up.
 * @param ports In a dry run, it looks alone.
 * @throws {NomadPkiError} `ERR_REFUSED` where no generation is older; `ERR_ISSUER_REFUSED`; `ERR_ISSUER_UNKNOWN`.
 */
export async function retireIssuers(
  { address, name, generation, engine }: DesiredAuthority,
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
  const keys = new Set<unknown>()
  const older = Array.from({ length: generation - 1 }, (_, at) => issuerNameIn(engine, at + 1))
  for (const one of older) {
    const path = `${engine.mount}/issuer/${one}`
    const found = await session.call({ method: 'GET', path })
    // Its key was elsewhere, or it was deleted.
    if (isMissing(found)) continue
    if (found.is !== 'done') throw refusal(address, path, found)
    if (typeof found.data.key_id === 'string' && found.data.key_id !== '')
      keys.add(found.data.key_id)
    const usage = typeof found.data.usage === 'string' ? found.data.usage.split(',') : [signs]
    if (!usage.includes(signs)) {
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
    if (!older.includes(one)) await stop(path, usage)
  }

  async function stop(path: string, usage: readonly string[]): Promise<void> {
    const what = `${path} signs no more certificates`
    if (dryRun) {
      tell(`would be done: ${what}`)
      return
    }
    const kept = new Set([...usage, 'read-only', 'crl-signing'])
    kept.delete(signs)
    const changed = await session.call({
      method: 'PATCH',
      path,
      body: { usage: [...kept].filter((one) => one !== '').join(',') },
    })
    if (changed.is !== 'done') throw refusal(address, path, changed)
    tell(`done: ${what}; it still signs its list`)
  }
}
