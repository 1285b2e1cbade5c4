/**
 * What a cluster should have, address by address: the spec with every default applied, every range
 * spread out and every reference resolved. Plan and verify compare it with what is found.
 *
 * @module
 */

import type { AgentRole, Role } from '../address.js'
import type { KeyAlgorithm } from '../keys/algorithms.js'
import type { SubjectAttributes } from '../x509/name.js'
import type { SignerKind } from './signers.js'
import type { RegionBounds } from './spec.js'
import type { Transport } from './transport.js'
import type { EngineSpec } from './vault.js'

/** A cluster as it should be. Lists are in the order of the spec; issuers stand before what they sign. */
export interface Desired {
  /** The cluster's name. */
  readonly cluster: string
  /** The federation that the cluster is in. Default: none is declared. */
  readonly federation?: string | undefined
  /** The store's folder as the spec gives it, relative to the spec's own folder. */
  readonly store: string
  /** Where nodes have their files; absent where agents read the store itself. */
  readonly tls?: string | undefined
  /** What the agents speak. Default: `tls`. */
  readonly transport?: Transport | undefined
  /** Each generation that signs or is trusted. */
  readonly authorities: readonly DesiredAuthority[]
  /** Generations that sign no more and whose key is in an engine. Absent: none. */
  readonly formerInEngine?: readonly FormerInEngine[] | undefined
  /** One for each root. */
  readonly bundles: readonly DesiredBundle[]
  /** One for each node and operator, and one for each shared identity. */
  readonly identities: readonly DesiredIdentity[]
  /** The agents whose configuration the spec names. */
  readonly configs: readonly DesiredConfig[]
}

/** A generation before the one that signs, in Vault or OpenBao: what it signed may live. */
export interface FormerInEngine {
  /** `authority/us-west/1` */
  readonly address: string
  /** The mount and the name of its issuer. */
  readonly engine: EngineSpec
}

/** One generation of an authority. */
export interface DesiredAuthority {
  /** `authority/agent/1` */
  readonly address: string
  /** The name in its address. */
  readonly name: string
  /** The number in its address, from 1. */
  readonly generation: number
  /** The authority that signs it; absent for a root. It always means the issuer's signing generation. */
  readonly issuer?: DesiredIssuer | undefined
  /** The common name may hold `{key}`: a part of the key's identifier, once there is a key. */
  readonly subject: SubjectAttributes
  /** Whether the spec itself says the common name; a default one applies to new generations only. */
  readonly named: boolean
  /** Whether its subject says the generation: those before and after it have other names. */
  readonly saysGeneration: boolean
  /** The algorithm of its key. */
  readonly key: KeyAlgorithm
  /** Milliseconds. */
  readonly lifetime: number
  /** Milliseconds before the end at which a successor is due: a note, an authority never renews by itself. */
  readonly renewBefore: number
  /** What to do where its life would end after its issuer's. */
  readonly beyondIssuer: 'refuse' | 'clamp'
  /** The regions that an intermediate is constrained to; absent for a root. */
  readonly constraints?: DesiredConstraints | undefined
  /** What its roles in an engine may name, region by region; absent where its key is elsewhere. */
  readonly roleBounds?: readonly RegionBounds[] | undefined
  /** The fingerprint that it must have, `SHA256:` and hex; absent where the spec pins none. */
  readonly fingerprint?: string | undefined
  /** Where its key is. */
  readonly signer: SignerKind
  /** What it has in Vault or OpenBao; absent where its key is elsewhere. */
  readonly engine?: EngineSpec | undefined
  /** Whether new certificates are signed by this generation. */
  readonly signing: boolean
  /** Whether leaves carry the certificates that other generations made for this one; only where it signs. */
  readonly crossed: boolean
  /** Whether its rotation waits for the renewals of what it signs: each carries it as it falls due. */
  readonly rideAlong: boolean
  /** Addresses of the generations that are to certify it: the other trusted ones, where {@link crossed}. */
  readonly crossedBy: readonly string[]
}

/** What an intermediate may name. */
export interface DesiredConstraints {
  /** Their role names may be signed. */
  readonly regions: readonly string[]
  /** DNS names and zones that may be signed. */
  readonly domains: readonly string[]
  /** CIDR; empty means that addresses are not constrained. */
  readonly networks: readonly string[]
}

/** A reference to a generation of an authority. */
export interface DesiredIssuer {
  /** `authority/agent/1` */
  readonly address: string
  /** The name in its address. */
  readonly name: string
  /** The number in its address. */
  readonly generation: number
}

/** The roots that agents trust: the trusted generations of one root. */
export interface DesiredBundle {
  /** `bundle/agent` */
  readonly address: string
  /** The name of the root. */
  readonly name: string
  /** Addresses of authorities. */
  readonly trusted: readonly string[]
}

/** What a class of identities has in common; shared by all of them, so compare by reference first. */
export interface IdentityProfile {
  /** What the identity is for. */
  readonly role: Role
  /** The region of its role name. */
  readonly region: string
  /** The authority that signs it. */
  readonly issuer: DesiredIssuer
  /** Address of the bundle: `bundle/agent` */
  readonly bundle: string
  /** The algorithm of its key. */
  readonly key: KeyAlgorithm
  /** Where its private key is: made in the store, or on the node, where it stays. */
  readonly keyHeld: 'store' | 'node'
  /** Who renews it: `node`, by itself from an engine; the store makes no certificate. Default: the store. */
  readonly renewedBy?: 'node' | undefined
  /** Milliseconds. */
  readonly lifetime: number
  /** Milliseconds before the end at which it is renewed. */
  readonly renewBefore: number
  /** What to do where its life would end after its issuer's. */
  readonly beyondIssuer: 'refuse' | 'clamp'
  /** How many generations are kept. */
  readonly keep: number
  /** One identity for all of this role in the region. */
  readonly shared: boolean
}

/** One identity: a node's, a region's shared one, or a person's. */
export interface DesiredIdentity {
  /** `identity/server/global/s1` */
  readonly address: string
  /** The name in its address. */
  readonly name: string
  /** What it has in common with others. */
  readonly profile: IdentityProfile
  /** DNS names beyond the role's own and `localhost`; lower case, punycode. */
  readonly names: readonly string[]
  /** Addresses beyond the loopback's, in canonical text. */
  readonly ips: readonly string[]
  /** `nomad-pki://operator.nomad/alice` for a person, `nomad-pki://machine.nomad/prometheus` for a machine. */
  readonly uris: readonly string[]
  /** What the agent's `tls` stanza says; absent for an operator. */
  readonly stanza?: DesiredStanza | undefined
}

/** The `tls` stanza of one agent and where it goes. */
export interface DesiredConfig {
  /** `config/global/s1` */
  readonly address: string
  /** The agent's region. */
  readonly region: string
  /** The agent's name. */
  readonly name: string
  /** What the agent is. */
  readonly role: AgentRole
  /** The identity whose files the stanza names. */
  readonly identity: string
  /** What the agent is started with, in order: directories or files as the spec gives them (relative to the spec's folder or absolute). */
  readonly paths: readonly string[]
  /** The file that receives the stanza; `undefined`: the only path is it, or its directory. */
  readonly write?: string | undefined
  /** The absolute path on its host of which the only path is a copy; absent: nothing says it. */
  readonly host?: string | undefined
  /** Where the files are on the node; `undefined` means the store's own directories (`node.tls: store`). */
  readonly tlsDirectory: string | undefined
  /** What its `tls` block has to say. */
  readonly stanza: DesiredStanza
  /** The version of Nomad that the agent runs, `2.0.5`; absent: any that is supported. */
  readonly nomadVersion?: string | undefined
}

/** What the stanza says beyond the three files. */
export interface DesiredStanza {
  /** Whether RPC is encrypted. Default: true; `false` only where the cluster's `transport` is `plaintext`. */
  readonly rpc?: boolean | undefined
  /** Whether the HTTP port speaks HTTPS. */
  readonly http: boolean
  /** Whether role and region of peers are checked. */
  readonly verify_server_hostname: boolean
  /** Whether HTTPS clients need a certificate. */
  readonly verify_https_client: boolean
  /** Whether plaintext RPC is accepted too. Default: left out; `true` only at servers while `transport` is `upgrading`. */
  readonly rpc_upgrade_mode?: boolean | undefined
  /** `tls12` or `tls13`; `undefined`: Nomad's default. */
  readonly tls_min_version?: string | undefined
  /** Names with commas; `undefined`: Nomad's default. */
  readonly tls_cipher_suites?: string | undefined
}

/** Whether the spec says that a node renews itself, from an engine: the store makes no certificate for it. */
export function renewsItself({
  profile,
}: {
  readonly profile: Pick<IdentityProfile, 'renewedBy'>
}): boolean {
  return profile.renewedBy === 'node'
}
