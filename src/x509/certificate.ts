/**
 * A certificate as a value.
 *
 * @module
 */

import type { PublicKey } from '../keys/algorithms.js'
import type { Name } from './name.js'

/** What a key may be used for. RFC 5280 §4.2.1.3 */
export type KeyUsage =
  | 'digitalSignature'
  | 'nonRepudiation'
  | 'keyEncipherment'
  | 'dataEncipherment'
  | 'keyAgreement'
  | 'keyCertSign'
  | 'cRLSign'
  | 'encipherOnly'
  | 'decipherOnly'

/** A name in a subjectAltName, or a subtree of name constraints. RFC 5280 §4.2.1.6, §4.2.1.10 */
export type GeneralName =
  | {
      readonly type: 'dns' | 'email' | 'uri' | 'ip'
      /** As in the certificate; an address in canonical text, a subtree of addresses as CIDR. */
      readonly value: string
    }
  | {
      readonly type: 'directory' | 'other'
      /** The whole GeneralName, DER. */
      readonly der: Uint8Array
    }

/** An extension as it stands in the certificate. */
export interface Extension {
  readonly oid: string
  readonly critical: boolean
  /** The content of extnValue: the DER of the extension's own type. */
  readonly value: Uint8Array
}

/** basicConstraints. RFC 5280 §4.2.1.9 */
export interface BasicConstraints {
  readonly ca: boolean
  readonly pathLength?: number | undefined
}

/** nameConstraints. RFC 5280 §4.2.1.10 */
export interface NameConstraints {
  readonly permitted: readonly GeneralName[]
  readonly excluded: readonly GeneralName[]
}

/** A parsed certificate. Instants are epoch milliseconds, identifiers lower-case hex. */
export interface Certificate {
  readonly der: Uint8Array
  /** TBSCertificate, DER: the bytes that are signed. */
  readonly tbs: Uint8Array
  /** 1, 2 or 3. */
  readonly version: number
  /** The content octets of the serial number in hex, without a leading 00 that is only there for the sign. */
  readonly serial: string
  /** Whether the serial number is negative as encoded (Go refuses it). */
  readonly serialNegative: boolean
  readonly issuer: Name
  readonly subject: Name
  readonly notBefore: number
  readonly notAfter: number
  readonly publicKey: PublicKey
  /** OID of the outer signature algorithm. */
  readonly signatureAlgorithm: string
  /** AlgorithmIdentifier inside the signed part, DER. */
  readonly innerSignatureAlgorithm: Uint8Array
  /** AlgorithmIdentifier beside the signature, DER; equal to the inner one in a sound certificate. */
  readonly outerSignatureAlgorithm: Uint8Array
  /** The signature's octets; empty in what is not signed yet. */
  readonly signature: Uint8Array
  readonly extensions: readonly Extension[]
  readonly basicConstraints?: BasicConstraints | undefined
  readonly keyUsage?: readonly KeyUsage[] | undefined
  /** `serverAuth`, `clientAuth`, `any`, other known names, or an OID. */
  readonly extendedKeyUsage?: readonly string[] | undefined
  readonly subjectAltName?: readonly GeneralName[] | undefined
  readonly nameConstraints?: NameConstraints | undefined
  readonly subjectKeyIdentifier?: string | undefined
  readonly authorityKeyIdentifier?: string | undefined
}
