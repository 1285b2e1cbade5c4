/**
 * Issuers of a mount that sign by a certain key: by the path of each, leaves are made that agents trust.
 *
 * @module
 */

import { inParallel } from '../in-parallel.js'
import type { PublicKey } from '../keys/algorithms.js'
import { samePublicKey } from '../keys/public-key.js'
import { callsInFlight, type EngineSession } from './session.js'
import { certificateIn, type EngineVerdict } from './verdict.js'

/** An issuer of a mount. */
export interface IssuerOfKey {
  /** `pki/nomad/issuer/ID` */
  readonly path: string
  readonly name: string
  readonly usage: readonly string[]
}

/** The usage of an issuer that signs certificates. */
export const issues = 'issuing-certificates'

/**
 * Finds the issuers that sign certificates by one of these keys. Each certificate is read: a key that was deleted and
 * came back has another `key_id`.
 *
 * @param keys The public key of each.
 * @param own The name of the issuer that may.
 * @returns A verdict where the engine does not tell.
 */
export async function issuersOfKeys(
  session: EngineSession,
  mount: string,
  keys: readonly PublicKey[],
  own: string,
): Promise<readonly IssuerOfKey[] | Exclude<EngineVerdict, { readonly is: 'done' }>> {
  const list = await session.call({ method: 'LIST', path: `${mount}/issuers` })
  // A list of nothing is answered with 404.
  if (list.is === 'refused' && list.status === 404) return []
  if (list.is !== 'done') return list
  const ids: readonly unknown[] = Array.isArray(list.data.keys) ? list.data.keys : []
  const paths = ids.flatMap((id) =>
    typeof id === 'string' && /^[\w.-]+$/.test(id) ? [`${mount}/issuer/${id}`] : [],
  )
  const answers = await inParallel(paths, callsInFlight, async (path) => ({
    path,
    read: await session.call({ method: 'GET', path }),
  }))
  const found: (IssuerOfKey & { readonly keyId: unknown; readonly isOfKey: boolean })[] = []
  for (const { path, read } of answers) {
    if (read.is !== 'done') return read
    const { certificate, key_id: keyId, issuer_name: name, usage } = read.data
    const its = certificateIn(certificate)?.publicKey
    found.push({
      ...{ path, keyId, name: typeof name === 'string' ? name : '' },
      usage: usesOf(usage),
      isOfKey: its !== undefined && keys.some((key) => samePublicKey(key, its)),
    })
  }
  // A certificate that cannot be read here is known by its key.
  const keyIds = new Set(found.flatMap(({ isOfKey, keyId }) => (isOfKey ? [keyId] : [])))
  return found
    .filter(({ isOfKey, keyId }) => keyId !== '' && (isOfKey || keyIds.has(keyId)))
    .filter(({ name, usage }) => name !== own && usage.includes(issues))
    .map(({ path, name, usage }) => ({ path, name: name.slice(0, 100), usage }))
}

/** What an issuer may do, by the `usage` that is read of it. */
export function usesOf(usage: unknown): readonly string[] {
  return typeof usage === 'string' ? usage.split(',').filter((one) => one !== '') : [issues]
}

/**
 * The `usage` of an issuer that signs no certificates any more, for a change of it. What is not there is not added:
 * the engine refuses `crl-signing` where the certificate is not for lists.
 */
export function withoutIssuing(usage: readonly string[]): string {
  return [...new Set([...usage, 'read-only'])].filter((one) => one !== issues).join(',')
}
