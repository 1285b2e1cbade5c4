/**
 * With what the HTTP API of the agents can be asked: the operators' certificates of the store, or what
 * `nomad-pki env` has set in this shell.
 *
 * @module
 */

import { latin1Of } from '../bytes.js'
import { isNomadPkiError } from '../errors.js'
import type { Inventory } from '../inventory/inventory.js'
import { isAgent } from '../nomad/roles.js'
import type { Credential } from '../probe/nomad-api.js'
import { encodeCertificate } from '../x509/certificates.js'
import type { Context } from './context.js'
import type { Workspace } from './workspace.js'

/** Certificates, and the roots that servers are to be known by. */
export interface ApiAccess {
  readonly credentials: readonly Credential[]
  /** PEM. */
  readonly roots: string
  readonly token: string | undefined
}

/** So many are tried: they differ only where one of them is of an old root. */
const most = 3

/** Finds them. Nothing is asked yet. */
export async function apiAccess(
  { desired, store }: Workspace,
  inventory: Inventory,
  context: Context,
): Promise<ApiAccess> {
  const { NOMAD_TOKEN: token, NOMAD_CLIENT_CERT, NOMAD_CLIENT_KEY, NOMAD_CACERT } = context.env
  const credentials: Credential[] = []
  const trusted = new Set(desired.bundles.flatMap((bundle) => bundle.trusted))
  const roots = [...trusted].flatMap((address) => {
    const certificate = inventory.authorities.get(address)?.certificate
    return certificate === undefined ? [] : [encodeCertificate(certificate)]
  })
  for (const { address, name, profile } of desired.identities) {
    if (isAgent(profile.role) || credentials.length >= most) continue
    const current = inventory.identities.get(address)?.current
    if (current?.chain[0] === undefined || current.chain[0].notAfter <= context.now()) continue
    const identity = { role: profile.role, region: profile.region, name }
    const generations = await store.readGenerations(identity)
    const { cert, key } = generations.find(({ number }) => number === current.number) ?? {}
    if (cert === undefined || key === undefined) continue
    credentials.push({ name, cert: latin1Of(cert.bytes), key: latin1Of(key.bytes) })
  }
  const file = async (path: string): Promise<string> => latin1Of(await context.readFile(path))
  if (NOMAD_CLIENT_CERT !== undefined && NOMAD_CLIENT_KEY !== undefined) {
    try {
      const [cert, key] = [await file(NOMAD_CLIENT_CERT), await file(NOMAD_CLIENT_KEY)]
      credentials.push({ name: 'NOMAD_CLIENT_CERT', cert, key })
      if (roots.length === 0 && NOMAD_CACERT !== undefined) roots.push(await file(NOMAD_CACERT))
    } catch (error) {
      // A shell may have what is no longer there.
      if (!isNomadPkiError(error, 'ERR_FILE_UNREADABLE')) throw error
    }
  }
  const open = desired.identities.some(({ stanza }) => stanza?.verify_https_client === false)
  if (credentials.length === 0 && open) credentials.push({ name: 'nobody' })
  return { credentials, roots: roots.join(''), token: token === '' ? undefined : token }
}
