/**
 * What extensions say, as values. RFC 5280 §4.2.1
 *
 * @module
 */

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

/** What the extensions of a certificate say; absent where it has none of that kind. */
export interface ExtensionFields {
  readonly basicConstraints?: BasicConstraints | undefined
  readonly keyUsage?: readonly KeyUsage[] | undefined
  /** `serverAuth`, `clientAuth`, `any`, other known names, or an OID. */
  readonly extendedKeyUsage?: readonly string[] | undefined
  readonly subjectAltName?: readonly GeneralName[] | undefined
  readonly nameConstraints?: NameConstraints | undefined
  readonly subjectKeyIdentifier?: string | undefined
  readonly authorityKeyIdentifier?: string | undefined
}
