/**
 * A key that this process can have something signed with, and does not hold: in an agent, in hardware, behind a
 * command. It becomes a signer, an issuer and an authority's key here; each kind of place only signs bytes.
 *
 * @module
 */

import type {
  Issuer,
  IssuerAnswer,
  SignatureAnswer,
  Signer,
  SignsBytes,
} from '../authority/issuer.js'
import type { AuthorityKey, NewAuthority } from '../authority/issuers.js'
import { NomadPkiError } from '../errors.js'
import { algorithmOf, type AlgorithmEntry, type PublicKey } from '../keys/algorithms.js'
import { samePublicKey } from '../keys/public-key.js'
import type { Certificate } from '../x509/certificate.js'
import { assembleCertificate } from '../x509/encode.js'
import { chainOf, nameOf } from './held.js'

/** A key that is somewhere. */
export interface KeyElsewhere {
  /** What its signatures are checked with. */
  readonly publicKey: PublicKey
  /** How many signatures it can be asked for at once. Default: one. */
  readonly concurrency?: number | undefined
  /**
   * Signs, or says why not. It answers and does not throw, but for an abort before anything was asked.
   *
   * @param bytes What is signed: the message, not its digest.
   * @param algorithm The key's; its `hash` is the digest that the signature is made with.
   * @param options `signal`: ends the waiting; the answer then is `unknown`.
   */
  sign(
    bytes: Uint8Array,
    algorithm: AlgorithmEntry,
    options?: { readonly signal?: AbortSignal | undefined },
  ): Promise<SignatureAnswer>
}

/**
 * A signer of a key that is elsewhere. Each of its signatures is checked.
 *
 * @param name The authority's name, for messages.
 * @param key The key.
 */
function signerElsewhere(name: string, key: KeyElsewhere): Signer {
  const sign: SignsBytes = async (bytes, { signal } = {}) => {
    signal?.throwIfAborted()
    const { algorithm } = key.publicKey
    if (algorithm === undefined) {
      return { outcome: 'refused', reason: `nothing can be signed with ${key.publicKey.name}` }
    }
    return key.sign(bytes, algorithmOf(algorithm), { signal })
  }
  return {
    name,
    publicKey: key.publicKey,
    signatures: 'foreign',
    concurrency: key.concurrency ?? 1,
    sign,
    async issue({ tbs }, options): Promise<IssuerAnswer> {
      const answer = await sign(tbs, options)
      if (answer.outcome !== 'signed') return answer
      // It signed, so its algorithm is known.
      const { signatureIdentifier } = algorithmOf(key.publicKey.algorithm!)
      return {
        outcome: 'issued',
        certificate: assembleCertificate(tbs, signatureIdentifier, answer.signature),
      }
    },
  }
}

/** What an issuer of a key that is elsewhere is made of. */
export interface IssuerElsewhereParts {
  /** For messages. Default: the subject's common name. */
  readonly name?: string | undefined
  /** The authority's own. */
  readonly certificate: Certificate
  /** Every certificate above this one, the root last. Default: none. */
  readonly above?: readonly Certificate[] | undefined
  readonly key: KeyElsewhere
}

/**
 * An issuer whose key is elsewhere.
 *
 * @param parts Certificate, key, and what stands above.
 * @throws {NomadPkiError} `ERR_KEY_MISMATCH` if the key is not the certificate's.
 */
export function issuerElsewhere({
  certificate,
  above = [],
  key,
  name = nameOf(certificate),
}: IssuerElsewhereParts): Issuer {
  if (!samePublicKey(key.publicKey, certificate.publicKey)) {
    throw new NomadPkiError('ERR_KEY_MISMATCH', `the key of ${name} is not its certificate's`, {
      hint: 'let the signer use the key that the certificate was made for',
    })
  }
  const { signatures, concurrency, issue, sign } = signerElsewhere(name, key)
  const chain = chainOf(certificate, above)
  return { name, certificate, above, chain, signatures, concurrency, issue, sign }
}

/**
 * The key of an authority that is being certified, where it is elsewhere: the store keeps the certificate alone.
 *
 * @param authority Whose key it is.
 * @param key The key.
 * @throws {NomadPkiError} `ERR_KEY_MISMATCH` if it is of another algorithm than asked for.
 */
export function authorityKeyElsewhere(
  { name, generation, algorithm }: NewAuthority,
  key: KeyElsewhere,
): AuthorityKey {
  if (key.publicKey.algorithm !== algorithm) {
    throw new NomadPkiError(
      'ERR_KEY_MISMATCH',
      `the key of ${name} is ${key.publicKey.name}, the spec says ${algorithm}`,
      { hint: `correct \`key\` of ${name} in the spec, or let the signer use another key` },
    )
  }
  return {
    ...signerElsewhere(name, key),
    keep(keeper, certificate) {
      keeper.putAuthority(name, generation, { certificate })
    },
    async open([certificate, ...above]) {
      return issuerElsewhere({ name, certificate, above, key })
    },
  }
}
