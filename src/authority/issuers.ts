/**
 * The port to the authorities: where their keys are, and who signs with them. Implemented in
 * `issuers/`, by keys of the store and by rehearsal keys. A private key does not pass through it.
 *
 * @module
 */

import type { KeyAlgorithm } from '../keys/algorithms.js'
import type { Certificate } from '../x509/certificate.js'
import type { Issuer, Signer } from './issuer.js'
import type { RequestMaker } from './request.js'

/** An authority that has no certificate yet. */
export interface NewAuthority {
  /** The name in its address. */
  readonly name: string
  /** The number in its address. */
  readonly generation: number
  /** The algorithm of its key. */
  readonly algorithm: KeyAlgorithm
}

/** An authority whose certificate exists. */
export interface CertifiedAuthority {
  /** The name in its address. */
  readonly name: string
  /** The number in its address. */
  readonly generation: number
  /** This authority's certificate and every one above it, the root last. */
  readonly path: readonly [Certificate, ...Certificate[]]
}

/** Where an authority that was certified is kept: a batch of the store. */
export interface AuthorityKeeper {
  /** Writes `authority/NAME/GENERATION/{ca-key.pem, ca.pem}`, the key first (0400), never over another one. */
  putAuthority(
    name: string,
    generation: number,
    files: {
      /** PEM; absent where the key is kept elsewhere. */
      readonly key?: string
      /** PEM; absent where the key waits there for its certificate. */
      readonly certificate?: string
    },
  ): void
}

/**
 * The key of an authority that is being certified. It signs the authority's own certificate, where that
 * is a root; the authority above signs all others.
 */
export interface AuthorityKey extends Signer {
  /** Makes a request by this key, for an authority above that writes the bytes itself. Default: it can't. */
  readonly request?: RequestMaker | undefined
  /**
   * Keeps the authority: its certificate, and beside it its key where the store is the place for it.
   *
   * @param keeper The batch that makes both durable.
   * @param certificate PEM.
   */
  keep(keeper: AuthorityKeeper, certificate: string): void
  /**
   * Who signs in the authority's name once it is certified.
   *
   * @param path Its certificate and every one above it, the root last.
   * @throws {NomadPkiError} as {@link Issuers.open}
   */
  open(path: CertifiedAuthority['path']): Promise<Issuer>
}

/** The authorities' keys. */
export interface Issuers {
  /**
   * The key of an authority that is about to be certified: the one that an interrupted run had made,
   * else a new one. It is kept by {@link AuthorityKey.keep} and not before.
   *
   * @throws {NomadPkiError} `ERR_STORE_UNREADABLE`, `ERR_KEY_ENCRYPTED`, `ERR_KEY_MALFORMED`
   */
  begin(authority: NewAuthority): Promise<AuthorityKey>
  /**
   * Who signs in the name of an authority.
   *
   * @param authority Whose certificate it is.
   * @throws {NomadPkiError} `ERR_STORE_UNREADABLE`, `ERR_KEY_ENCRYPTED`, `ERR_KEY_MALFORMED`, `ERR_KEY_MISMATCH`
   */
  open(authority: CertifiedAuthority): Promise<Issuer>
}
