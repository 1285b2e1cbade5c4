/**
 * Several clusters side by side: whether two are one trust domain by mistake, and whether those of a declared
 * federation can be one.
 *
 * @module
 */

import { authorityNameOf, kindOf } from '../address.js'
import { readAgentConfig } from '../agent/index.js'
import { latin1Of } from '../bytes.js'
import type { Desired } from '../cluster/desired.js'
import { count } from '../count.js'
import type { Finding } from '../diagnostics.js'
import type { Inventory } from '../inventory/inventory.js'
import { runsServer } from '../nomad/roles.js'
import { agentFiles } from '../plan/config-files.js'
import { shellQuote } from '../shell-quote.js'
import { fingerprintText } from '../x509/certificate.js'
import { commonNames } from '../x509/name.js'
import type { FleetMember, FleetRoot } from './fleet-member.js'

/** How many names a sentence lists. */
const listed = 5

/**
 * Compares clusters, each with each other.
 *
 * @param members The first is the one that the command is about.
 * @returns What is wrong between two of them; `file` is the later one, as the user named it.
 */
export function fleetFindings(members: readonly FleetMember[]): readonly Finding[] {
  return members.flatMap((one, index) =>
    members.slice(index + 1).flatMap((other) => betweenTwo(one, other)),
  )
}

/**
 * What one spec can know: a server that follows a region of another spec is in a federation.
 *
 * @param desired What the spec says.
 * @param inventory Its agents' configurations.
 */
export function federationFindings(desired: Desired, inventory: Inventory): readonly Finding[] {
  if (desired.federation !== undefined) return []
  const regions = new Set(desired.identities.map(({ profile }) => profile.region))
  return desired.configs.flatMap((wanted): Finding[] => {
    if (!runsServer(wanted.role)) return []
    const files = agentFiles(wanted, inventory)
    if (files === undefined || 'fault' in files) return []
    const set = readAgentConfig(files.files).values.get('server.authoritative_region')
    if (typeof set?.value !== 'string' || set.value === '' || regions.has(set.value)) return []
    return [
      {
        severity: 'warning',
        address: wanted.address,
        reason: 'federation-undeclared',
        message: `authoritative_region is ${JSON.stringify(set.value)}, which this spec does not have: its cluster is federated with a cluster of another spec`,
        remedy: `write federation: NAME into both specs, then: nomad-pki verify --with the other cluster.yaml; or correct authoritative_region`,
        file: set.origin?.file,
      },
    ]
  })
}

function betweenTwo(one: FleetMember, other: FleetMember): readonly Finding[] {
  const federated = one.federation !== undefined && one.federation === other.federation
  const root = commonRoot(one, other)
  return [
    ...rootFindings(one, other, { federated, root }),
    ...keyFindings(one, other),
    ...gossipFindings(one, other, federated),
  ]
}

function rootFindings(
  one: FleetMember,
  other: FleetMember,
  { federated, root }: { readonly federated: boolean; readonly root: FleetRoot | undefined },
): readonly Finding[] {
  const { file } = other
  const address = root?.address ?? firstRoot(one)
  const both = `${nameOf(one)} and ${nameOf(other)}`
  if (root === undefined) {
    if (!federated) return []
    const message = `${both} are declared federation ${one.federation ?? ''} and accept no common root: their servers refuse each other`
    return [
      {
        ...{ severity: 'warning', address, reason: 'federation-apart', message, file },
        remedy: 'let one root sign for both, or leave `federation` out of one of the two specs',
      },
    ]
  }
  const called = `${commonNames(root.certificate.subject).at(-1) ?? 'without a name'} (${fingerprintText(root.certificate)})`
  const regions = [...(one.regions ?? [])].filter((region) => other.regions?.has(region)).sort()
  if (regions.length > 0) {
    return [
      {
        ...{ severity: 'error', address, reason: 'trust-domain-shared', file },
        message: `${both} accept the root ${called} and both have the region ${listOf(regions)}: to Nomad they are one cluster, and a server of one can join the other and read its keys`,
        remedy: ownRoot(one, other),
      },
    ]
  }
  if (federated) return []
  const unknown = other.regions === undefined ? '; the regions of the second are not known' : ''
  const held =
    one.signed.get(keyOf(root))?.keyHere === true && other.signed.get(keyOf(root))?.keyHere === true
  // A file that cannot declare a federation is not proof that there is none.
  const open = other.kind !== 'spec' && one.federation !== undefined
  return [
    {
      ...{ severity: open ? 'note' : 'warning', address, reason: 'root-shared', file },
      message: `${both} accept the root ${called}, and ${open ? 'only a spec can declare their federation' : 'the specs do not declare one federation'}${held ? '; both stores have its private key' : ''}${unknown}`,
      remedy: open
        ? 'name the cluster.yaml of the second with --with'
        : `if they are one federation, write the same federation: NAME into both specs; if not, ${ownRoot(one, other)}`,
    },
  ]
}

function keyFindings(one: FleetMember, other: FleetMember): readonly Finding[] {
  const shared = [...one.keys].flatMap(([key, address]) => {
    const same = other.keys.get(key)
    return same === undefined ? [] : [{ address, same }]
  })
  const isLeaf = ({ address }: { readonly address: string }): boolean =>
    kindOf(address) === 'identity'
  const leaves = shared.filter(isLeaf)
  const others = shared.filter((pair) => !isLeaf(pair))
  return [leaves, others].flatMap((pairs): Finding[] => {
    const [first] = pairs
    if (first === undefined) return []
    const rest = pairs.length === 1 ? '' : `, and ${count(pairs.length - 1, 'more key')} alike`
    const inOne = pairs.map(({ address }) => address)
    return [
      {
        severity: 'error',
        address: first.address,
        reason: 'key-shared',
        message: `its key is also that of ${first.same} of ${nameOf(other)}${rest}: a file stolen from one cluster opens the other`,
        remedy: isLeaf(first)
          ? `nomad-pki rotate leaves ${pairs.length > 20 ? '--all' : inOne.join(' ')}${fileOf(one)}`
          : `nomad-pki rotate authority ${authorityNameOf(first.address)}${fileOf(one)}, to its last stage`,
        file: other.file,
      },
    ]
  })
}

function gossipFindings(
  one: FleetMember,
  other: FleetMember,
  federated: boolean,
): readonly Finding[] {
  const [shared] = [...one.gossip].filter(([digest]) => other.gossip.has(digest))
  const [first] = one.gossip.values()
  const { file } = other
  if (federated) {
    if (first === undefined || other.gossip.size === 0 || shared !== undefined) return []
    return [
      {
        ...{ severity: 'warning', address: first, reason: 'federation-apart', file },
        message: `its gossip key is not that of ${nameOf(other)}, and both are declared federation ${one.federation ?? ''}: their servers do not see each other`,
        remedy: 'give the servers of all regions one key: server { encrypt = "…" }',
      },
    ]
  }
  if (shared === undefined) return []
  const [digest, address] = shared
  return [
    {
      ...{ severity: 'error', address, reason: 'gossip-shared', file },
      message: `its gossip key is also that of ${other.gossip.get(digest)!} of ${nameOf(other)}: their servers can join one gossip pool`,
      remedy:
        'if they are one federation, write the same federation: NAME into both specs; if not, give one of the two clusters a new key: nomad operator gossip keyring generate',
    },
  ]
}

/** A root through which an agent of one takes a certificate of the other. */
function commonRoot(one: FleetMember, other: FleetMember): FleetRoot | undefined {
  for (const [key, root] of one.accepted) {
    if (other.accepted.has(key) || other.signed.has(key)) return one.signed.get(key) ?? root
  }
  for (const [key, root] of one.signed) if (other.accepted.has(key)) return root
  return undefined
}

/** Not by the crossed way: leaves would go on to carry a path to the root that is shared. */
function ownRoot(one: FleetMember, other: FleetMember): string {
  const spec = other.kind === 'spec' ? other : one
  const root = [...spec.signed.values()].find(({ address }) => address !== undefined)?.address
  const name = root === undefined ? '' : ` ${authorityNameOf(root)}`
  return `give one of the two a root of its own: nomad-pki rotate authority${name} --way staged${fileOf(spec)}, to its last stage`
}

function firstRoot({ signed }: FleetMember): string {
  return [...signed.values()][0]?.address ?? 'store'
}

function keyOf({ certificate }: FleetRoot): string {
  return latin1Of(certificate.publicKey.spki)
}

function fileOf({ file, kind }: FleetMember): string {
  return file === undefined || kind !== 'spec' ? '' : ` --file ${shellQuote(file)}`
}

/** `the cluster beta (../b/cluster.yaml)` */
function nameOf({ cluster, file, kind }: FleetMember): string {
  const what =
    cluster !== undefined
      ? `the cluster ${cluster}`
      : kind === 'roots'
        ? 'the cluster of ca_file'
        : 'the cluster of the store'
  return file === undefined ? what : `${what} (${file})`
}

function listOf(names: readonly string[]): string {
  const rest = names.length - listed
  return `${names.slice(0, listed).join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`
}
