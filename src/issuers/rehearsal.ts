/**
 * An issuer for a dry run: it signs in an authority's name with a key that nobody keeps, so that
 * everything is gone through and nothing is worth stealing.
 *
 * @module
 */

import type { Issuer } from '../authority/issuer.js'
import { algorithmOf, type PrivateKey } from '../keys/algorithms.js'
import { generateKey } from '../keys/generate.js'
import { signBytes } from '../keys/sign.js'
import type { Certificate } from '../x509/certificate.js'
import { assembleCertificate } from '../x509/encode.js'
import { chainOf, nameOf } from './held.js'

/** Whose name a rehearsal signs in. */
export interface RehearsalParts {
  readonly certificate: Certificate
  /** Every certificate above it, the root last. Default: none. */
  readonly above?: readonly Certificate[] | undefined
  /** For messages. Default: the subject's common name. */
  readonly name?: string | undefined
}

/** Opens a rehearsal issuer. Its signatures are of the right kind, and none is valid. */
export function rehearsalIssuer({ certificate, above = [], name }: RehearsalParts): Issuer {
  let throwaway: Promise<PrivateKey> | undefined
  return {
    name: name ?? nameOf(certificate),
    certificate,
    above,
    chain: chainOf(certificate, above),
    signatures: 'rehearsed',
    async issue({ tbs }, { signal } = {}) {
      signal?.throwIfAborted()
      const { algorithm } = certificate.publicKey
      if (algorithm === undefined) {
        return { outcome: 'refused', reason: `no key of ${certificate.publicKey.name} can be made` }
      }
      throwaway ??= generateKey(algorithm)
      const signature = signBytes(await throwaway, tbs)
      const { signatureIdentifier } = algorithmOf(algorithm)
      return {
        outcome: 'issued',
        certificate: assembleCertificate(tbs, signatureIdentifier, signature),
      }
    },
  }
}
