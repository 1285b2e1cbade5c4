/**
 * A root that lives as long as its object: for what has to be signed by somebody whom nobody trusts.
 *
 * @module
 */

import type { Issuer } from '../authority/issuer.js'
import type { PrepareOptions } from '../authority/prepare.js'
import type { AuthorityRequest } from '../authority/request.js'
import { generateKey } from '../keys/generate.js'
import { createRoot } from './create-root.js'
import { heldIssuer } from './held.js'

/**
 * Makes a root whose key is kept nowhere.
 *
 * @param request Its subject and lifetime.
 * @param options `now`, and what has a default.
 */
export async function throwawayIssuer(
  request: Pick<AuthorityRequest, 'subject' | 'lifetime'>,
  options: PrepareOptions,
): Promise<Issuer> {
  const key = await generateKey('ecdsa-p256')
  const { certificate } = await createRoot({ ...request, key }, options)
  return heldIssuer({ certificate, key })
}
