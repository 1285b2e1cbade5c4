/**
 * Distinguished names: their encoding, and reading them as Go (and so Nomad) reads them.
 *
 * @module
 */

/** One attribute of a name. */
export interface NameAttribute {
  readonly oid: string
  /** `CN`, `O`, `OU`, `C`, `L`, `ST`, `STREET`, `postalCode`, `serialNumber`, …, or the OID. */
  readonly type: string
  readonly value: string
  /** The tag of its string type: 12 UTF8String, 19 PrintableString, 22 IA5String, 20 T61String, 30 BMPString, … */
  readonly tag: number
  /** Which RelativeDistinguishedName it stands in, from 0. */
  readonly rdn: number
}

/** A distinguished name. */
export interface Name {
  /** The Name, DER: compare and copy these bytes, never a re-encoding. */
  readonly der: Uint8Array
  readonly attributes: readonly NameAttribute[]
}

/** The attributes that a subject of ours can have. */
export interface SubjectAttributes {
  readonly commonName: string
  /** Two letters. */
  readonly country?: string | undefined
  readonly organization?: string | undefined
  readonly organizationalUnit?: string | undefined
  readonly locality?: string | undefined
  readonly province?: string | undefined
  readonly streetAddress?: string | undefined
  readonly postalCode?: string | undefined
}
