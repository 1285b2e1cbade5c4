/**
 * What is adopted: values that are ready to be put into a store.
 *
 * @module
 */

import type { KeyElsewhere } from '../inventory/manifest.js'
import type { FoundKey } from '../keys/found-key.js'
import type { Role } from '../address.js'
import type { Certificate } from '../x509/certificate.js'
import type { RevokedEntry } from '../x509/crl.js'

/** A generation of an authority. */
export interface AdoptedAuthority {
  /** `authority/agent/1` */
  readonly address: string
  readonly name: string
  readonly generation: number
  readonly certificate: Certificate
  /** Absent: it is adopted without its key, and cannot sign. */
  readonly key?: FoundKey | undefined
  /** The address of the root above it. */
  readonly issuer?: string | undefined
  /** Certificates that other generations made for this root, by their number. */
  readonly crossed: ReadonlyMap<number, Certificate>
  /** Its revocation list, where the store lacks it. */
  readonly list?: AdoptedList | undefined
  readonly places: readonly string[]
  /** What is unusual in it and Nomad takes, a line each. */
  readonly notes: readonly string[]
}

/** A revocation list that its authority signed. */
export interface AdoptedList {
  readonly place: string
  readonly der: Uint8Array
  readonly number: number
  /** Epoch milliseconds. */
  readonly thisUpdate: number
  /** Epoch milliseconds; absent where the list does not say. */
  readonly nextUpdate?: number | undefined
  readonly entries: readonly RevokedEntry[]
}

/** A certificate with its key that becomes a generation of an identity. */
export interface AdoptedIdentity {
  /** `identity/server/global/s1` */
  readonly address: string
  readonly role: Role
  readonly region: string
  readonly name: string
  /** The number of the generation; 1 where the store does not have the identity. */
  readonly generation: number
  /** The fingerprint of the certificate in the store that it takes over from; absent: there is none. */
  readonly replaces?: string | undefined
  readonly leaf: Certificate
  /** What it names beyond its role and the loopback. */
  readonly names: readonly string[]
  readonly ips: readonly string[]
  /** Absent: an engine showed it, and its key is not here. */
  readonly key?: FoundKey | undefined
  /** Where the key is, if it is absent. */
  readonly held?: KeyElsewhere | undefined
  /** The address of the authority that signed it. */
  readonly issuer: string
  readonly places: readonly string[]
  /** What does not follow from the spec alone, a line each. */
  readonly notes: readonly string[]
}
