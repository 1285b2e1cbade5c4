/**
 * Issuers of a mount that sign by a certain key: by the path of each, leaves are made that agents trust.
 *
 * @module
 */

import type { EngineSession } from './session.js'
import type { EngineVerdict } from './verdict.js'

/** An issuer of a mount. */
export interface IssuerOfKey {
  /** `pki/nomad/issuer/ID` */
  readonly path: string
  readonly name: string
  readonly usage: readonly string[]
}

/**
 * Finds the issuers that sign certificates by one of these keys.
 *
 * @param keys The `key_id` of each key.
 * @param own The name of the issuer that may.
 * @returns A verdict where the engine does not tell.
 */
export async function issuersOfKeys(
  session: EngineSession,
  mount: string,
  keys: ReadonlySet<unknown>,
  own: string,
): Promise<readonly IssuerOfKey[] | Exclude<EngineVerdict, { readonly is: 'done' }>> {
  const list = await session.call({ method: 'LIST', path: `${mount}/issuers` })
  // A list of nothing is answered with 404.
  if (list.is === 'refused' && list.status === 404) return []
  if (list.is !== 'done') return list
  const ids: readonly unknown[] = Array.isArray(list.data.keys) ? list.data.keys : []
  const known = list.data.key_info as Readonly<Record<string, { key_id?: unknown }>> | undefined
  const found: IssuerOfKey[] = []
  for (const id of ids) {
    if (typeof id !== 'string' || !/^[\w.-]+$/.test(id)) continue
    const key = known?.[id]?.key_id
    if (key !== undefined && !keys.has(key)) continue
    const path = `${mount}/issuer/${id}`
    const read = await session.call({ method: 'GET', path })
    if (read.is !== 'done') return read
    const { key_id: its, issuer_name: name, usage } = read.data
    if (its === '' || !keys.has(its) || name === own) continue
    const uses = typeof usage === 'string' ? usage.split(',') : ['issuing-certificates']
    if (!uses.includes('issuing-certificates')) continue
    found.push({ path, name: typeof name === 'string' ? name.slice(0, 100) : '', usage: uses })
  }
  return found
}
