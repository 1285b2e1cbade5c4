/**
 * One cluster as others see it: the roots that it accepts, the authorities that it signs under, its regions and
 * keys. Nomad has no id of a cluster: the roots in `ca_file` and the literal region are all that tells two apart
 * (nomad/server.go:656-673, nomad/auth/auth.go:87, nomad/rpc.go:909).
 *
 * @module
 */

import { readAgentConfig } from '../agent/index.js'
import { latin1Of } from '../bytes.js'
import { notedCluster } from '../checks/cluster.js'
import type { Desired } from '../cluster/desired.js'
import type { FoundAuthority, Inventory } from '../inventory/inventory.js'
import { isAgent, runsServer } from '../nomad/roles.js'
import { agentFiles } from '../plan/config-files.js'
import type { Certificate } from '../x509/certificate.js'

/** What is known of one cluster. Keys of maps are public keys: a renewed root is the same root to an agent. */
export interface FleetMember {
  /** As the user named it; `undefined`: the spec that the command is about. */
  readonly file?: string | undefined
  /** What it was read from: a spec with its store, a store alone, a `ca_file` alone. */
  readonly kind: 'spec' | 'store' | 'roots'
  /** Absent where nothing says it. */
  readonly cluster?: string | undefined
  /** Absent where none is declared, or, without a spec, where nothing could declare it. */
  readonly federation?: string | undefined
  /** The regions of its agents; absent where they are not known. */
  readonly regions?: ReadonlySet<string> | undefined
  /** What its agents accept. */
  readonly accepted: ReadonlyMap<string, FleetRoot>
  /** What stands in the paths of its leaves: authorities, roots above them, and roots that cross-certify those. */
  readonly signed: ReadonlyMap<string, FleetRoot>
  /** The certified keys of identities and intermediates, by address. */
  readonly keys: ReadonlyMap<string, string>
  /** Gossip keys of servers: SHA-256, with one server that has it. */
  readonly gossip: ReadonlyMap<string, string>
}

/** A root, or an authority that a `ca_file` takes for one. */
export interface FleetRoot {
  readonly certificate: Certificate
  /** `authority/agent/1`; absent where no store has it. */
  readonly address?: string | undefined
  /** Whether its private key is in the store. */
  readonly keyHere: boolean
}

/**
 * Gathers what a cluster shows to others.
 *
 * @param desired What its spec says; absent for a store alone, of which every authority and bundle counts.
 * @param inventory What is there.
 * @param options `now`: a root that has ended is accepted by nobody; `file`: as the user named it.
 */
export function fleetMember(
  desired: Desired | undefined,
  inventory: Inventory,
  { now, file }: { readonly now: number; readonly file?: string | undefined },
): FleetMember {
  const accepted = new Map<string, FleetRoot>()
  const signed = new Map<string, FleetRoot>()
  const keys = new Map<string, string>()
  const accept = (root: FleetRoot): void => {
    const { publicKey, notAfter } = root.certificate
    const key = latin1Of(publicKey.spki)
    if (notAfter > now && !accepted.has(key)) accepted.set(key, root)
  }
  const byAddress = inventory.authorities
  const trusted = new Set(
    desired === undefined
      ? [...byAddress].flatMap(([address, one]) => (isRoot(one) ? [address] : []))
      : desired.bundles.flatMap((bundle) => bundle.trusted),
  )
  const signing = new Set(
    desired === undefined
      ? byAddress.keys()
      : desired.authorities.flatMap((one) => (one.signing ? [one.address] : [])),
  )
  for (const address of [...trusted, ...signing]) {
    const found = byAddress.get(address)
    if (found?.certificate === undefined) continue
    const root = rootOf(found, found.certificate)
    if (trusted.has(address)) accept(root)
    if (!signing.has(address)) continue
    signed.set(latin1Of(found.certificate.publicKey.spki), root)
    if (!isRoot(found)) keys.set(latin1Of(found.certificate.publicKey.spki), address)
    for (const by of found.crossed.keys()) {
      const above = byAddress.get(`authority/${found.name}/${by}`)
      if (above?.certificate === undefined) continue
      signed.set(latin1Of(above.certificate.publicKey.spki), rootOf(above, above.certificate))
    }
  }
  for (const { certificates } of inventory.bundles.values()) {
    for (const certificate of certificates) accept({ certificate, keyHere: false })
  }
  for (const { roots } of inventory.inUse?.values() ?? []) {
    for (const certificate of roots) accept({ certificate, keyHere: false })
  }
  const named = desired && new Set(desired.identities.map(({ address }) => address))
  for (const [address, { current }] of inventory.identities) {
    const leaf = current?.chain[0]
    if (leaf === undefined || named?.has(address) === false) continue
    keys.set(latin1Of(leaf.publicKey.spki), address)
  }
  return {
    file,
    kind: desired === undefined ? 'store' : 'spec',
    cluster: desired?.cluster ?? notedCluster(inventory.ledger),
    federation: desired?.federation,
    regions: new Set(
      desired === undefined
        ? [...inventory.identities.values()].flatMap((one) =>
            isAgent(one.role) ? [one.region] : [],
          )
        : desired.identities.flatMap(({ profile }) =>
            isAgent(profile.role) ? [profile.region] : [],
          ),
    ),
    accepted,
    signed,
    keys,
    gossip: gossipOf(desired, inventory),
  }
}

/**
 * What a `ca_file` alone tells of the cluster whose agents read it.
 *
 * @param roots What it makes an agent trust.
 */
export function fleetRoots(
  roots: readonly Certificate[],
  { now, file }: { readonly now: number; readonly file: string },
): FleetMember {
  return {
    file,
    kind: 'roots',
    accepted: new Map(
      roots
        .filter(({ notAfter }) => notAfter > now)
        .map((certificate) => [
          latin1Of(certificate.publicKey.spki),
          { certificate, keyHere: false },
        ]),
    ),
    signed: new Map(),
    keys: new Map(),
    gossip: new Map(),
  }
}

function isRoot({ certificate }: FoundAuthority): boolean {
  return certificate !== undefined && sameName(certificate)
}

function sameName({ subject, issuer }: Certificate): boolean {
  return latin1Of(subject.der) === latin1Of(issuer.der)
}

function rootOf({ address, key }: FoundAuthority, certificate: Certificate): FleetRoot {
  return { certificate, address, keyHere: key.state === 'present' || key.state === 'encrypted' }
}

/** Of servers alone: clients have no gossip. */
function gossipOf(desired: Desired | undefined, inventory: Inventory): ReadonlyMap<string, string> {
  const found = new Map<string, string>()
  for (const wanted of desired?.configs ?? []) {
    if (!runsServer(wanted.role)) continue
    const files = agentFiles(wanted, inventory)
    if (files === undefined || 'fault' in files) continue
    const key = readAgentConfig(files.files).gossipKey
    if (key !== undefined && !found.has(key.digest)) found.set(key.digest, wanted.address)
  }
  return found
}
