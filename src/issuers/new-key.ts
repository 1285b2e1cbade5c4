/**
 * The key of an authority that is being certified, held in this process until it is kept.
 *
 * @module
 */

import type { AuthorityKey, NewAuthority } from '../authority/issuers.js'
import type { PrivateKey } from '../keys/algorithms.js'
import { encodePrivateKey } from '../keys/private-key.js'
import { makeRequest } from '../x509/request.js'
import { heldIssuer, heldSigner } from './held.js'

/**
 * The key behind the port.
 *
 * @param authority Whose key it is.
 * @param key Made now, or by a run that was interrupted.
 */
export function newAuthorityKey({ name, generation }: NewAuthority, key: PrivateKey): AuthorityKey {
  return {
    ...heldSigner(name, key),
    request: (asked) => makeRequest({ ...asked, key }),
    keep(keeper, certificate) {
      keeper.putAuthority(name, generation, { key: encodePrivateKey(key), certificate })
    },
    async open([certificate, ...above]) {
      return heldIssuer({ name, certificate, above, key })
    },
  }
}
