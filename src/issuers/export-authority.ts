/**
 * An authority's key on its way to another tool: the only place where one leaves the store.
 *
 * @module
 */

import { latin1Of } from '../bytes.js'
import { NomadPkiError } from '../errors.js'
import type { Store } from '../inventory/store.js'
import { encodePrivateKey, parsePrivateKey } from '../keys/private-key.js'
import { samePublicKey } from '../keys/public-key.js'
import type { Certificate } from '../x509/certificate.js'
import { encodeRequest, makeRequest } from '../x509/request.js'
import { heldIssuer } from './held.js'

/** What other tools call an authority's `-key.pem` and `.csr`. */
export interface ExportedAuthority {
  /** PEM: `PRIVATE KEY`. */
  readonly key: Uint8Array
  /** PEM: a request with the authority's subject, signed by its key. */
  readonly request: Uint8Array
}

/**
 * Reads the key of an authority, and signs a request for the authority's name with it.
 *
 * @param store Where the key lies.
 * @param generations Names and numbers that the certificate may be kept under.
 * @param certificate The authority's certificate.
 * @returns `undefined` where the store does not have the key.
 * @throws {NomadPkiError} `ERR_KEY_ENCRYPTED`, `ERR_KEY_MALFORMED`, `ERR_STORE_UNREADABLE`
 */
export async function exportAuthority(
  store: Store,
  generations: readonly { readonly name: string; readonly generation: number }[],
  certificate: Certificate,
): Promise<ExportedAuthority | undefined> {
  for (const { name, generation } of generations) {
    const bytes = await store.readAuthorityKey(name, generation)
    if (bytes === undefined) continue
    const key = parsePrivateKey(latin1Of(bytes))
    if (!samePublicKey(key.publicKey, certificate.publicKey)) continue
    // The public half in the file was not computed: a signature tells.
    heldIssuer({ certificate, key, name })
    const request = makeRequest({ subject: certificate.subject.der, key })
    return {
      key: Buffer.from(encodePrivateKey(key)),
      request: Buffer.from(encodeRequest(request)),
    }
  }
  return undefined
}

/** The error of an export that must have the key. */
export function keyIsElsewhere(file: string): NomadPkiError {
  return new NomadPkiError(
    'ERR_STORE_UNREADABLE',
    `${file}: the store does not have the key of the authority in it`,
    { hint: 'leave --with-authority-key out' },
  )
}
