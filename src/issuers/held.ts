/**
 * An issuer whose key we hold.
 *
 * @module
 */

import type { Issuer, Signer } from '../authority/issuer.js'
import { sameBytes } from '../bytes.js'
import { NomadPkiError } from '../errors.js'
import { algorithmOf, type PrivateKey } from '../keys/algorithms.js'
import { samePublicKey } from '../keys/public-key.js'
import { signBytes, verifyBytes } from '../keys/sign.js'
import type { Certificate } from '../x509/certificate.js'
import { assembleCertificate } from '../x509/encode.js'
import { commonNames, formatName } from '../x509/name.js'

/** What a held issuer is made of. */
export interface HeldIssuerParts {
  /** The authority's own. */
  readonly certificate: Certificate
  /** Its private key. */
  readonly key: PrivateKey
  /** Every certificate above this one, the root last. Default: none, as for a root. */
  readonly above?: readonly Certificate[] | undefined
  /** For messages. Default: the subject's common name. */
  readonly name?: string | undefined
}

/**
 * Opens an issuer with a key in this process, and tries the key once.
 *
 * @param parts Certificate, key, and what stands above.
 * @returns An issuer for `prepare` and `issue`.
 * @throws {NomadPkiError} `ERR_KEY_MISMATCH` if the key doesn't belong to the certificate, also where
 * it only says so; `ERR_KEY_MALFORMED`
 */
export function heldIssuer({ certificate, key, above = [], name }: HeldIssuerParts): Issuer {
  const called = name ?? nameOf(certificate)
  const { hash } = algorithmOf(key.algorithm)
  const probe = certificate.tbs
  if (
    !samePublicKey(key.publicKey, certificate.publicKey) ||
    !verifyBytes(certificate.publicKey, hash, probe, signBytes(key, probe))
  ) {
    throw new NomadPkiError(
      'ERR_KEY_MISMATCH',
      `the key of ${called} does not belong to its certificate`,
      { hint: 'restore both from the same backup' },
    )
  }
  const { issue, sign } = heldSigner(called, key)
  return {
    name: called,
    certificate,
    above,
    chain: chainOf(certificate, above),
    signatures: 'own',
    issue,
    sign,
  }
}

/**
 * A key that signs before there is a certificate for it.
 *
 * @param name For messages.
 * @param key What it signs with.
 */
export function heldSigner(name: string, key: PrivateKey): Signer {
  const { signatureIdentifier } = algorithmOf(key.algorithm)
  return {
    name,
    publicKey: key.publicKey,
    signatures: 'own',
    async sign(bytes, { signal } = {}) {
      signal?.throwIfAborted()
      return { outcome: 'signed', signature: signBytes(key, bytes) }
    },
    async issue({ tbs }, { signal } = {}) {
      signal?.throwIfAborted()
      const signature = signBytes(key, tbs)
      return {
        outcome: 'issued',
        certificate: assembleCertificate(tbs, signatureIdentifier, signature),
      }
    },
  }
}

/** An authority's name as its certificate says it. */
export function nameOf({ subject }: Certificate): string {
  return commonNames(subject).at(-1) ?? formatName(subject)
}

/** What goes behind a leaf: all that is no root. A root is in `ca_file` and nowhere else. */
export function chainOf(
  certificate: Certificate,
  above: readonly Certificate[],
): readonly Certificate[] {
  return [certificate, ...above].filter(
    ({ issuer, subject }) => !sameBytes(issuer.der, subject.der),
  )
}
