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
  /** The key that is certified, and that signs. */
  readonly key: PrivateKey
}

/**
 * Makes a root certificate: prepares it, checks it with `lint`, and signs it with its own key.
 *
 * @param request Its subject, its lifetime in milliseconds, its key.
 * @param options The time, and what has a default.
 * @returns The certificate. Its chain is the certificate alone.
 * @throws {NomadPkiError} `ERR_NAME_INVALID` for the subject; `ERR_KEY_ALGORITHM` for a key that agents
 * refuse; `ERR_KEY_MALFORMED` for one that cannot sign; `ERR_BEYOND_ISSUER` for a lifetime that no
 * certificate can have; `ERR_LINT`
 *
 * @see RFC 5280 §4.2.1.9
 * @example
 *
 * ```ts
 * import { createRoot, generateKey, heldIssuer, issue, parseDuration, prepare, trustBundle } from 'nomad-pki'
 *
 * const now = Date.now()
 * const key = await generateKey('ecdsa-p256')
 * const subject = { commonName: 'acme agent CA 1' }
 * const root = await createRoot({ subject, lifetime: parseDuration('10y')!, key }, { now })
 * const issuer = heldIssuer({ certificate: root.certificate, key })
 *
 * const { publicKey } = await generateKey('ecdsa-p256')
 * const request = { role: 'server', region: 'global', publicKey, lifetime: parseDuration('90d')! } as const
 * const leaf = await issue(prepare(request, issuer, { now }))
 * console.log(leaf.chain.length, trustBundle([root.certificate]).length)
 * ```
 */
export function createRoot(
  { subject, lifetime, key }: RootRequest,
  options: PrepareOptions,
): Promise<Issued> {
  return issue(prepareRoot({ subject, lifetime }, heldSigner(subject.commonName, key), options))
}
