/**
 * Makes a root with a key at hand: prepared, linted and signed by that key.
 *
 * @module
 */

import { issue, type Issued } from '../authority/issue.js'
import { prepareRoot, type PrepareOptions } from '../authority/prepare.js'
import type { AuthorityRequest } from '../authority/request.js'
import type { PrivateKey } from '../keys/algorithms.js'
import { heldSigner } from './held.js'

/** A root's request: it signs itself, so its key comes with it. */
export type RootRequest = Pick<AuthorityRequest, 'subject' | 'lifetime'> & {
  readonly key: PrivateKey
}

/**
 * Certifies a root.
 *
 * @param request Its subject, its lifetime in milliseconds, its key.
 * @param options `now`, and what has a default.
 * @throws {NomadPkiError} `ERR_NAME_INVALID`, `ERR_KEY_ALGORITHM`, `ERR_BEYOND_ISSUER`, `ERR_LINT`
 */
export function createRoot(
  { subject, lifetime, key }: RootRequest,
  options: PrepareOptions,
): Promise<Issued> {
  return issue(prepareRoot({ subject, lifetime }, heldSigner(subject.commonName, key), options))
}
