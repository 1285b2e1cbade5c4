/**
 * The port to the authorities' keys: where they are, and who signs with them. Implemented in
 * `issuers/`, by keys of the store and by rehearsal keys.
 *
 * @module
 */

import type { KeyAlgorithm, PrivateKey } from '../keys/algorithms.js'
import type { Certificate } from '../x509/certificate.js'
import type { Issuer } from './issuer.js'

/** An authority whose certificate exists. */
export interface CertifiedAuthority {
  readonly name: string
  readonly generation: number
  /** This authority's certificate and every one above it, the root last. */
  readonly path: readonly [Certificate, ...Certificate[]]
}

/** The authorities' keys. */
export interface Issuers {
  /**
   * The key for an authority that is about to be certified: the one that an interrupted run had made,
   * else a new one. It is not kept anywhere yet.
   */
  keyFor(authority: {
    readonly name: string
    readonly generation: number
    readonly algorithm: KeyAlgorithm
  }): Promise<PrivateKey>
  /**
   * Who signs in the name of an authority.
   *
   * @param authority Whose certificate it is.
   * @param key Its key where the caller has just made it; else it is looked up.
   * @throws {NomadPkiError} `ERR_STORE_UNREADABLE`, `ERR_KEY_ENCRYPTED`, `ERR_KEY_MALFORMED`, `ERR_KEY_MISMATCH`
   */
  open(authority: CertifiedAuthority, key?: PrivateKey): Promise<Issuer>
}
