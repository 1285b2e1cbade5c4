/**
 * The port to whoever signs: a key that we hold, a rehearsal, later a server.
 *
 * @module
 */

import type { Role } from '../address.js'
import type { PublicKey } from '../keys/algorithms.js'
import type { Certificate } from '../x509/certificate.js'

/** What an issuer is asked to sign. */
export interface IssuerInput {
  /** The bytes to be signed by an issuer that holds a key, DER. */
  readonly tbs: Uint8Array
  /**
   * The same as a value, without a signature: what an issuer that writes the bytes itself is to match.
   * Such an issuer chooses the serial number, and its clock the dates' minutes; all else is compared.
   */
  readonly expected: Certificate
  /**
   * Makes a request (PKCS#10, DER) by the key that is certified, for an issuer that writes the bytes
   * itself. It asks for the subject and the names of {@link expected}; a second call gives the same
   * bytes. `undefined` where the key cannot sign here.
   *
   * @throws {NomadPkiError} `ERR_KEY_MISMATCH` if the request is for another key;
   * `ERR_CERTIFICATE_MALFORMED` if it is not a request.
   */
  readonly request?: (() => Uint8Array) | undefined
  /**
   * The request (PKCS#10, DER) by which a node brought the key: it proves that the private half is there. An issuer
   * that writes the bytes itself takes the key from it, and the names from {@link expected}.
   */
  readonly brought?: Uint8Array | undefined
  /**
   * The role and region of an agent, a person or a machine: a machine's certificate does not say its region. Absent for
   * an authority, and for a probe.
   */
  readonly holder?:
    | {
        /** What it is for. */
        readonly role: Role
        /** The region of its role name, or of the machine. */
        readonly region: string
      }
    | undefined
  /** The moment for which it was prepared, epoch milliseconds. */
  readonly now: number
}

/**
 * What an issuer answers.
 *
 * - `issued`: it signed, here is the certificate (DER).
 * - `refused`: it did not sign and will not: nothing exists.
 * - `unknown`: the answer was lost, a certificate may exist.
 */
export type IssuerAnswer =
  | {
      readonly outcome: 'issued'
      /** DER. */
      readonly certificate: Uint8Array
    }
  | {
      readonly outcome: 'refused'
      /** Why it did not sign: lower case, no full stop. */
      readonly reason: string
      /** What to do: lower case, no full stop. */
      readonly hint?: string | undefined
    }
  | {
      readonly outcome: 'unknown'
      /** How the answer was lost: lower case, no full stop. */
      readonly reason: string
      /**
       * Whether the cause passes, and asking once more does no more harm than a second certificate for the same key and
       * names. Default: no.
       */
      readonly again?: boolean | undefined
    }

/**
 * What comes of asking a key for a signature.
 *
 * - `signed`: here it is, in the form of certificates (DER for ECDSA, RFC 3279 §2.2.3).
 * - `refused`: nothing was signed.
 * - `unknown`: the answer was lost, a signature may exist.
 */
export type SignatureAnswer =
  | {
      readonly outcome: 'signed'
      /** As it stands in a certificate. */
      readonly signature: Uint8Array
    }
  | {
      readonly outcome: 'refused'
      /** Why it did not sign: lower case, no full stop. */
      readonly reason: string
    }
  | {
      readonly outcome: 'unknown'
      /** How the answer was lost: lower case, no full stop. */
      readonly reason: string
    }

/**
 * Signs bytes with an authority's key: a revocation list. It answers and does not throw, but for an abort
 * before anything was asked. What comes back is not trusted: its caller checks it with the public key.
 */
export type SignsBytes = (
  bytes: Uint8Array,
  options?: {
    /** Aborts the call. Default: it is not aborted. */
    readonly signal?: AbortSignal | undefined
  },
) => Promise<SignatureAnswer>

/**
 * Whose signatures an issuer gives: `own`, made in this process with a key that was tried when the
 * issuer was opened, so that the first and then only authorities' are checked; `foreign`, each is
 * checked; `rehearsed`, none is valid and none is checked.
 */
export type Signatures = 'own' | 'foreign' | 'rehearsed'

/**
 * Who signs. Contract of failure: {@link Issuer.issue} answers and does not throw, but for an abort
 * of its signal before anything was asked, or a defect. An abort later ends the waiting: the answer is
 * `unknown`. One call asks for one certificate: an issuer asks again only where it knows that nothing
 * was signed. Several calls may be in flight at once. What it returns is not trusted: `issue`
 * (authority/issue.ts) holds it against what was prepared.
 */
export interface Issuer {
  /** For messages: the authority's name. */
  readonly name: string
  /** The authority's own. */
  readonly certificate: Certificate
  /** What goes behind a leaf: this issuer and those above it, without the root; empty for a root. */
  readonly chain: readonly Certificate[]
  /** Every certificate above this issuer's that is known, the root last; empty for a root. No leaf may outlive any. */
  readonly above: readonly Certificate[]
  /** How far its signatures are checked. */
  readonly signatures: Signatures
  /** How many calls it takes at once; `applyPlan` makes no more. Default: 16 for a `foreign` one, else one. */
  readonly concurrency?: number | undefined
  /**
   * Signs, or says why not.
   *
   * @param input The bytes, and what they say.
   * @param options What may be said about the call.
   * @returns An answer for every outcome; see the contract of failure above.
   */
  issue(
    input: IssuerInput,
    options?: {
      /** Aborts the call. Default: it is not aborted. */
      readonly signal?: AbortSignal | undefined
    },
  ): Promise<IssuerAnswer>
  /** Signs what is not a certificate; absent where the issuer writes the bytes itself, and in a rehearsal. */
  readonly sign?: SignsBytes | undefined
}

/** A key that signs, with or without a certificate: what an {@link Issuer} is before its own exists. */
export interface Signer {
  /** For messages: the authority's name. */
  readonly name: string
  /** What its signatures are checked with. */
  readonly publicKey: PublicKey
  /** How far its signatures are checked. */
  readonly signatures: Signatures
  /** As {@link Issuer.concurrency}. */
  readonly concurrency?: number | undefined
  /** As {@link Issuer.issue}. */
  readonly issue: Issuer['issue']
  /** As {@link Issuer.sign}. */
  readonly sign?: SignsBytes | undefined
}
