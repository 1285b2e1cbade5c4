/**
 * A cluster as its operator described it: every default applied, every reference known to be good,
 * ranges still ranges. Who holds one need not check anything again.
 *
 * @module
 */

import type { AgentRole, OperatorRole } from '../address.js'
import type { KeyAlgorithm } from '../keys/algorithms.js'
import type { SubjectAttributes } from '../x509/name.js'
import type { DesiredStanza } from './desired.js'
import type { IpTemplate } from './ip-template.js'
import type { NodePattern, Template } from './pattern.js'
import type { SignerKind } from './signers.js'
import type { Transport } from './transport.js'
import type { EngineSpec, VaultSpec } from './vault.js'

/** A cluster as described. */
export interface ClusterSpec {
  /** The cluster's name: it stands in the names of the authorities. */
  readonly cluster: string
  /** The federation that the cluster is in; `undefined`: the spec declares none. */
  readonly federation?: string | undefined
  /** Folder of the store, relative to the spec's own. */
  readonly store: string
  /** In the order of the spec, roots before intermediates. */
  readonly authorities: readonly AuthoritySpec[]
  /** Vault or OpenBao, where an authority is in it. */
  readonly vault?: VaultSpec | undefined
  /** Where nodes have their files. */
  readonly node: NodeSpec
  /** What the agents speak: while TLS is turned on in a running cluster, not TLS alone. */
  readonly transport: Transport
  /** The version of Nomad that the agents run, `2.0.5`; `undefined`: any that is supported. */
  readonly nomadVersion?: string | undefined
  /** In the order of the spec. */
  readonly regions: readonly RegionSpec[]
  /** In the order of the spec. */
  readonly operators: readonly OperatorSpec[]
}

/** An authority with its generations. */
export interface AuthoritySpec {
  /** The name in addresses: `agent` of `authority/agent/1`. */
  readonly name: string
  /** The root above an intermediate. */
  readonly issuer?: string | undefined
  /** The algorithm of the keys of new generations. */
  readonly key: KeyAlgorithm
  /** Milliseconds. */
  readonly lifetime: number
  /** Milliseconds. */
  readonly renewBefore: number
  /** What to do where a life would end after the issuer's. */
  readonly beyondIssuer: 'refuse' | 'clamp'
  /** The common name is a template: `{generation}`, `{key}`. */
  readonly subject: SubjectAttributes
  /** Whether the spec itself says the common name. */
  readonly named: boolean
  /** The generation that signs new certificates. */
  readonly signing: number
  /** Generations that agents trust; for an intermediate the one that signs. */
  readonly trusted: readonly number[]
  /** Whether `cert.pem` carries the certificates that other generations made for the one that signs. */
  readonly crossed: boolean
  /** The fingerprints that its roots must have, `SHA256:` and hex, by generation. */
  readonly fingerprints: Readonly<Record<number, string>>
  /** Where the keys of its generations are, by generation. */
  readonly signers: Readonly<Record<number, SignerKind>>
  /** Where the key of the generation after the one that signs will be. */
  readonly nextSigner: SignerKind
  /** The key of an SSH agent that a new generation has, as `ssh-add -l` prints it; `undefined`: none is named. */
  readonly sshKey?: string | undefined
  /** What it has in Vault or OpenBao; absent where it has nothing there. */
  readonly engine?: EngineSpec | undefined
  /** When its rotation reaches what it signs: at once, or with each renewal. */
  readonly rollout: 'now' | 'ride-along'
  /** What an intermediate may name. */
  readonly constraints?: {
    /** The regions whose role names it may sign. */
    readonly regions: readonly string[]
    /** DNS domains, each with the names below it. */
    readonly domains: readonly string[]
    /** Networks, CIDR. */
    readonly networks: readonly string[]
  }
  /** What its roles in an engine may name, region by region; absent where it has nothing there. */
  readonly roleBounds?: readonly RegionBounds[]
}

/** What the roles of one region may name in an engine. */
export interface RegionBounds {
  /** The region of the role names. */
  readonly region: string
  /** DNS domains, each with the names below it. */
  readonly domains: readonly string[]
  /** Networks, CIDR. */
  readonly networks: readonly string[]
}

/** What nodes look like. */
export interface NodeSpec {
  /** Absolute directory on the node; `undefined` where agents read the store itself. */
  readonly tls: string | undefined
  /** The user that owns the files on the node, by role. */
  readonly owner: Readonly<Record<AgentRole, string>>
  /** How the hosts are logged in to. */
  readonly ssh: SshSpec
  /** The systemd unit of the agent on its host. */
  readonly unit: string
  /** Where the receipts of nodes that renew themselves go. */
  readonly receipts?: string | undefined
  /** On the node: roots for that address. */
  readonly receiptsCaFile?: string | undefined
  /** What nothing nearer says otherwise. */
  readonly stanza: DesiredStanza
}

/** How hosts are logged in to, beyond what the user's own ssh configuration says. */
export interface SshSpec {
  /** `undefined`: as ssh itself decides. */
  readonly user: string | undefined
  /** `undefined`: as ssh itself decides. */
  readonly port: number | undefined
  /** Whether that user becomes root with `sudo -n`. */
  readonly sudo: boolean
}

/** A region with its agents. */
export interface RegionSpec {
  /** As the agents have it, case-sensitive. */
  readonly name: string
  /** The authority that signs for the region. */
  readonly authority: string
  /** DNS names and zones that its authority may sign. */
  readonly domains: readonly string[]
  /** CIDR; empty means that addresses are not constrained. */
  readonly networks: readonly string[]
  /** Its agents. */
  readonly groups: readonly NodeGroup[]
}

/** A node, nodes that one key names, or all of a role in a region. */
export interface NodeGroup {
  /** The name of its region. */
  readonly region: string
  /** What these agents are. */
  readonly role: AgentRole
  /** The names of the nodes. */
  readonly pattern: NodePattern
  /** One identity for all; the pattern is then the word `shared`. */
  readonly shared: boolean
  /** DNS names beyond the role's own, with placeholders. */
  readonly names: readonly Template[]
  /** Addresses beyond the loopback's, with placeholders. */
  readonly ips: readonly IpTemplate[]
  /** Where the agents' configurations are; `undefined`: not here. */
  readonly config: ConfigSpec | undefined
  /** What the `tls` stanza of these agents says. */
  readonly stanza: DesiredStanza
  /** `host:port` where the HTTP API is probed. */
  readonly http: Template | undefined
  /** `host:port` where RPC is probed. */
  readonly rpc: Template | undefined
  /** Where ssh reaches the host; `undefined`: at its first address or by its name; `false`: it does not. */
  readonly ssh: Template | false | undefined
  /** One object for all groups with the same terms. */
  readonly terms: Terms
}

/** Where an agent's configuration is. */
export interface ConfigSpec {
  /** What the agent is started with (`-config`), in order. Never empty. */
  readonly paths: readonly Template[]
  /** The file that receives the stanza; `undefined`: the only path says which. */
  readonly write: Template | undefined
  /** Where it is on the host, of which the only path is a copy; `undefined`: nothing says it. */
  readonly host: Template | undefined
}

/** The terms of a certificate. */
export interface Terms {
  /** The algorithm of new keys. */
  readonly key: KeyAlgorithm
  /** Where the private key is: made in the store, or on the node, where it stays. */
  readonly keyHeld: 'store' | 'node'
  /** Who renews it: the node by itself, from an engine, so that its key is there; absent: the store makes it. */
  readonly renewedBy?: 'node' | undefined
  /** Milliseconds. */
  readonly lifetime: number
  /** Milliseconds. */
  readonly renewBefore: number
  /** What to do where a life would end after the issuer's. */
  readonly beyondIssuer: 'refuse' | 'clamp'
  /** How many generations are kept. */
  readonly keep: number
}

/** Where a machine has its files on its host. */
export interface MachinePlace {
  /** Absolute directory with the link `current`. */
  readonly tls: string
  /** The user that owns the files. */
  readonly owner: string
  /** What has the machine read new files; `undefined`: it reads them by itself. */
  readonly reload: MachineReload | undefined
  /** Where `rollout` reaches its host with ssh; `undefined`: its files are brought by other means. */
  readonly ssh: string | undefined
}

/** What is done with a unit of systemd after a renewal. */
export interface MachineReload {
  /** `reload` or `restart`. */
  readonly how: 'reload' | 'restart'
  /** `traefik.service` */
  readonly unit: string
}

/** A person or machine that uses the HTTP API. */
export interface OperatorSpec {
  /** The name in addresses: `alice` of `identity/operator/global/alice`. */
  readonly name: string
  /** Which of both. */
  readonly role: OperatorRole
  /** Where a machine has its files; absent for a person. */
  readonly place?: MachinePlace | undefined
  /** The region of the certificate's name. */
  readonly region: string
  /** Key, lifetime and renewal. */
  readonly terms: Terms
}
