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
      /** The kinds whose value is a text. */
      readonly type: 'dns' | 'email' | 'uri' | 'ip'
      /** As in the certificate; an address in canonical text, a subtree of addresses as CIDR. */
      readonly value: string
    }
  | {
      /** The kinds whose value is kept as it is encoded. */
      readonly type: 'directory' | 'other'
      /** The whole GeneralName, DER. */
      readonly der: Uint8Array
    }

/** An extension as it stands in the certificate. */
export interface Extension {
  /** Dotted: `2.5.29.17`. */
  readonly oid: string
  /** Whether a reader that does not know it must refuse the certificate. */
  readonly critical: boolean
  /** The content of extnValue: the DER of the extension's own type. */
  readonly value: Uint8Array
}

/** basicConstraints. RFC 5280 §4.2.1.9 */
export interface BasicConstraints {
  /** Whether it may sign certificates. */
  readonly ca: boolean
  /** How many authorities may stand below it; absent: any number. */
  readonly pathLength?: number | undefined
}

/** nameConstraints. RFC 5280 §4.2.1.10 */
export interface NameConstraints {
  /** Names of each kind that is listed must be in one of these. */
  readonly permitted: readonly GeneralName[]
  /** No name may be in one of these. */
  readonly excluded: readonly GeneralName[]
}

/** What the extensions of a certificate say; absent where it has none of that kind. */
export interface ExtensionFields {
  /** RFC 5280 §4.2.1.9 */
  readonly basicConstraints?: BasicConstraints | undefined
  /** RFC 5280 §4.2.1.3 */
  readonly keyUsage?: readonly KeyUsage[] | undefined
  /** `serverAuth`, `clientAuth`, `any`, other known names, or an OID. */
  readonly extendedKeyUsage?: readonly string[] | undefined
  /** RFC 5280 §4.2.1.6 */
  readonly subjectAltName?: readonly GeneralName[] | undefined
  /** RFC 5280 §4.2.1.10 */
  readonly nameConstraints?: NameConstraints | undefined
  /** Hex. RFC 5280 §4.2.1.2 */
  readonly subjectKeyIdentifier?: string | undefined
  /** Hex. RFC 5280 §4.2.1.1 */
  readonly authorityKeyIdentifier?: string | undefined
}
