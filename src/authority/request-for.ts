/**
 * The request (PKCS#10) behind what is prepared: made when an issuer asks for it, and held against the
 * key that is certified.
 *
 * @module
 */

import { NomadPkiError } from '../errors.js'
import type { PublicKey } from '../keys/algorithms.js'
import { samePublicKey } from '../keys/public-key.js'
import { requestedKey } from '../x509/request.js'
import type { RequestContents, RequestMaker } from './request.js'

/**
 * A request that is made once, on the first call.
 *
 * @param publicKey What is certified. The request proves to the issuer that its private half is there; its signature
 *   costs more than the rest of the work and is not checked twice.
 * @param make Makes it.
 * @param asked What it asks for.
 */
export function requestFor(
  publicKey: PublicKey,
  make: RequestMaker,
  asked: RequestContents,
): () => Uint8Array {
  let made: Uint8Array | undefined
  return () => {
    if (made === undefined) {
      const request = make(asked)
      if (!samePublicKey(requestedKey(request), publicKey)) {
        throw new NomadPkiError(
          'ERR_KEY_MISMATCH',
          'the request is for another key than the one to be certified',
        )
      }
      made = request
    }
    return made
  }
}
