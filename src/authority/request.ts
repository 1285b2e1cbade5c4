/**
 * Requests: what is to be certified, as values of our own. A CSR is an envelope at the edge; it
 * yields a public key and no more.
 *
 * @module
 */

import type { Role } from '../address.js'
import type { PublicKey } from '../keys/algorithms.js'
import type { GeneralName } from '../x509/extension.js'
import type { SubjectAttributes } from '../x509/name.js'

/** What to do with a life that ends after the issuer's: refuse, or end it with the issuer's. */
export type BeyondIssuer = 'refuse' | 'clamp'

/** What a request (PKCS#10) asks for: the subject and the names that will be certified. */
export interface RequestContents {
  /** Name, DER. */
  readonly subject: Uint8Array
  /** For the extension subjectAltName. */
  readonly names: readonly GeneralName[]
}

/**
 * Makes a request, DER: `(asked) => makeRequest({ ...asked, key })`. It is called only where an issuer
 * writes the bytes itself, and once.
 */
export type RequestMaker = (asked: RequestContents) => Uint8Array

/** A certificate for an agent or a person. */
export interface LeafRequest {
  /** What the certificate is for: it decides the names and usages. */
  readonly role: Role
  /** The region of the role name, `server.<region>.nomad`. */
  readonly region: string
  /** The key that is certified. */
  readonly publicKey: PublicKey
  /** Milliseconds from now. */
  readonly lifetime: number
  /** DNS names beyond the role's own and `localhost`. */
  readonly names?: readonly string[] | undefined
  /** Addresses beyond the loopback's. */
  readonly ips?: readonly string[] | undefined
  /** `nomad-pki://operator.nomad/alice` */
  readonly uris?: readonly string[] | undefined
  /** A request by {@link publicKey}'s private half. Default: none can be made. */
  readonly request?: RequestMaker | undefined
  /**
   * The request by which a node brought {@link publicKey}, DER. It proves that the private half is there; what it asks
   * for decides nothing. Default: none was brought.
   */
  readonly brought?: Uint8Array | undefined
  /** Default: `refuse`. */
  readonly beyondIssuer?: BeyondIssuer | undefined
}

/** A certificate for an authority. */
export interface AuthorityRequest {
  /** Its name. */
  readonly subject: SubjectAttributes
  /** The key that is certified. */
  readonly publicKey: PublicKey
  /** A request by {@link publicKey}'s private half. Default: none can be made. */
  readonly request?: RequestMaker | undefined
  /** Milliseconds from now. */
  readonly lifetime: number
  /** The regions that an intermediate signs for; a root has none. */
  readonly regions?: readonly string[] | undefined
  /** DNS names and zones that it may name beyond `<region>.nomad` and `localhost`. */
  readonly domains?: readonly string[] | undefined
  /** CIDR: with any, it may name only addresses in these and the loopback's; with none, all addresses. */
  readonly networks?: readonly string[] | undefined
  /** Default: `refuse`. */
  readonly beyondIssuer?: BeyondIssuer | undefined
}
