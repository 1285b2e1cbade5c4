/**
 * The values that `readShape` makes of a spec: of the right shape, nothing else is known of them. A
 * list's broken items are `undefined`.
 *
 * @module
 */

import type { KeyAlgorithm } from '../keys/algorithms.js'
import type { Report } from './report.js'
import type { SignerKind } from './signers.js'
import type { Sources } from './sources.js'
import type { Transport } from './transport.js'
import type { RawEngine, RawVault } from './vault.js'

/** The whole spec. */
export interface RawSpec {
  readonly version?: number
  readonly cluster?: string
  readonly federation?: string
  readonly store?: string
  readonly authorities?: ReadonlyMap<string, RawAuthority>
  readonly vault?: RawVault
  readonly defaults?: RawDefaults
  readonly node?: RawNodePlace
  readonly transport?: Transport
  readonly nomad?: { readonly version?: string }
  readonly regions?: ReadonlyMap<string, RawRegion>
  readonly operators?: ReadonlyMap<string, RawOperator>
}

/** Texts, some of them broken. */
export type RawList<T> = readonly (T | undefined)[]

/** An authority. */
export interface RawAuthority {
  readonly issuer?: string
  readonly key?: KeyAlgorithm
  readonly lifetime?: number
  readonly renewBefore?: number
  readonly beyondIssuer?: 'refuse' | 'clamp'
  readonly subject?: RawSubject
  readonly signing?: number
  readonly trusted?: RawList<number>
  readonly crossed?: boolean
  readonly rollout?: 'now' | 'ride-along'
  readonly fingerprint?: string | ReadonlyMap<string, string>
  readonly signer?: SignerKind | ReadonlyMap<string, SignerKind>
  readonly sshKey?: string
  readonly engine?: RawEngine
}

/** A distinguished name. */
export interface RawSubject {
  readonly commonName?: string
  readonly organization?: string
  readonly organizationalUnit?: string
  readonly country?: string
  readonly province?: string
  readonly locality?: string
  readonly streetAddress?: string
  readonly postalCode?: string
}

/** The terms of certificates at one level. */
export interface RawTerms {
  readonly key?: KeyAlgorithm
  readonly keyHeld?: 'store' | 'node'
  readonly renewedBy?: 'store' | 'node'
  readonly lifetime?: number
  readonly renewBefore?: number
  readonly beyondIssuer?: 'refuse' | 'clamp'
  readonly keep?: number
}

/** `defaults`. */
export interface RawDefaults extends RawTerms {
  readonly server?: RawTerms
  readonly client?: RawTerms
  readonly combined?: RawTerms
  readonly operator?: RawTerms
  readonly machine?: RawTerms
}

/** `node`. */
export interface RawNodePlace {
  readonly tls?: string
  readonly owner?: {
    readonly server?: string
    readonly client?: string
    readonly combined?: string
  }
  readonly ssh?: { readonly user?: string; readonly port?: number; readonly sudo?: boolean }
  readonly unit?: string
  readonly receipts?: string
  readonly receiptsCaFile?: string
  readonly stanza?: RawStanza & {
    readonly server?: RawStanza
    readonly client?: RawStanza
    readonly combined?: RawStanza
  }
}

/** What a stanza says. */
export interface RawStanza {
  readonly http?: boolean
  readonly verify_server_hostname?: boolean
  readonly verify_https_client?: boolean
  readonly tls_min_version?: string
  readonly tls_cipher_suites?: string
}

/** A region. */
export interface RawRegion {
  readonly authority?: string
  readonly domains?: RawList<string>
  readonly networks?: RawList<string>
  readonly servers?: RawSection
  readonly clients?: RawSection
  readonly combined?: RawSection
}

/** Nodes by key; `shared` alone may be `true`. */
export type RawSection = ReadonlyMap<string, RawNode | true>

/** A configuration of several files, or one that is a copy. */
export interface RawConfig {
  readonly paths?: RawList<string>
  readonly write?: string
  readonly host?: string
  readonly copy?: string
}

/** A node, or what all nodes share. */
export interface RawNode extends RawTerms {
  readonly names?: RawList<string>
  readonly ips?: RawList<string>
  readonly config?: string | RawConfig
  readonly http?: string
  readonly rpc?: string
  readonly ssh?: string | false
  readonly stanza?: RawStanza
}

/** An operator. */
export interface RawOperator extends RawTerms {
  readonly region?: string
  readonly kind?: 'person' | 'machine'
  readonly tls?: string
  readonly owner?: string
  readonly reload?: string
  readonly ssh?: string
}

/** What every part of the resolution needs. */
export interface Resolving {
  readonly raw: RawSpec
  readonly sources: Sources
  readonly report: Report
}
