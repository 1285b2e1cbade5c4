/**
 * Whether a root can vouch for another one with a cross-certificate, so that agents which trust only
 * the first accept leaves of the second. The one place of this fact: plan, verify and the stages of a
 * rotation ask here.
 *
 * @module
 */

import { bundleAddress, generationOf } from '../address.js'
import type { Finding } from '../diagnostics.js'
import { formatInstant } from '../duration.js'
import type { Inventory } from '../inventory/inventory.js'
import { leafNames } from '../nomad/leaf-names.js'
import { profileOf } from '../nomad/roles.js'
import type { Desired, DesiredAuthority, DesiredIdentity } from '../cluster/desired.js'
import type { Certificate, GeneralName } from '../x509/certificate.js'
import { constraintFault } from '../x509/constraints.js'
import { keylessRemedy, keylessText, signerOf } from './key-place.js'
import type { SignerKind } from '../cluster/signers.js'

/** What would hang from the older root by way of a cross-certificate. */
export interface CrossDemand {
  /** Authorities below the older root, one under the other: the cross-certificate, and an intermediate. */
  readonly depth: number
  /** The leaves; asked for only where their names matter. */
  readonly identities: () => readonly DesiredIdentity[]
  /** Where the spec says that the key of a generation is, by its address. */
  readonly signerOf: (address: string) => SignerKind
}

/**
 * What hangs from a root by way of a cross-certificate.
 *
 * @param name The root's name, as the spec has it.
 */
export function crossDemand(name: string, desired: Desired): CrossDemand {
  return {
    depth: desired.authorities.some(({ issuer }) => issuer?.name === name) ? 2 : 1,
    signerOf: (address) => signerOf(address, desired),
    identities: () =>
      desired.identities.filter(({ profile }) => profile.bundle === bundleAddress(name)),
  }
}

/**
 * Why a root cannot make a cross-certificate that helps: it cannot sign, or agents that trust it
 * would refuse the leaves all the same.
 *
 * @param address The older root, which would sign.
 * @param now Epoch milliseconds.
 * @returns One clause, lower case; `undefined` where it can.
 */
export function crossObstacle(
  address: string,
  demand: CrossDemand,
  inventory: Inventory,
  now: number,
): string | undefined {
  const found = inventory.authorities.get(address)
  const keyless = keylessText(demand.signerOf(address), found?.key.state)
  if (keyless !== undefined) return `the key of ${address} ${keyless}`
  const certificate = found?.certificate
  if (certificate === undefined) return undefined
  if (certificate.publicKey.algorithm === undefined) {
    return `this program cannot sign with the key of ${address} (${certificate.publicKey.name})`
  }
  if (certificate.notAfter <= now) {
    return `${address} has expired (${formatInstant(certificate.notAfter)})`
  }
  if (certificate.notBefore > now) {
    return `${address} is valid from ${formatInstant(certificate.notBefore)}`
  }
  return vouchObstacle(address, certificate, demand)
}

/**
 * Why agents that trust only a root refuse what it has cross-certified, whatever the time.
 *
 * @param address The older root.
 * @param certificate Its certificate.
 * @returns One clause, lower case; `undefined` where they accept it.
 */
function vouchObstacle(
  address: string,
  certificate: Certificate,
  demand: CrossDemand,
): string | undefined {
  const { basicConstraints, keyUsage, extendedKeyUsage, nameConstraints } = certificate
  const room = basicConstraints?.pathLength
  if (room !== undefined && room < demand.depth) {
    return `${address} has a path length of ${room}, and a cross-certificate by it needs ${demand.depth}`
  }
  if (keyUsage?.includes('keyCertSign') === false) {
    return `${address} may not sign certificates (keyUsage)`
  }
  const lost = lostPurpose(extendedKeyUsage, demand)
  if (lost !== undefined) {
    return `${address} is limited to ${extendedKeyUsage!.join(', ')}: leaves below it lose ${lost}`
  }
  if (nameConstraints === undefined) return undefined
  // Most identities have no names but their role's and the loopback's: those are looked at once.
  const seen = new Set<unknown>()
  for (const { address: leaf, profile, names, ips, uris } of demand.identities()) {
    if (names.length + ips.length + uris.length === 0) {
      if (seen.has(profile)) continue
      seen.add(profile)
    }
    for (const name of sansOf(profile.role, profile.region, names, ips, uris)) {
      const fault = constraintFault(name, nameConstraints)
      if (fault === undefined || !('value' in name)) continue
      return `the name constraints of ${address} refuse leaves below it: ${name.value} of ${leaf} ${fault}`
    }
  }
  return undefined
}

/**
 * What plan and verify say of the cross-certificates that an authority's leaves carry, or should.
 *
 * @param wanted Any authority.
 */
export function crossFindings(
  wanted: DesiredAuthority,
  desired: Desired,
  inventory: Inventory,
  now: number,
): readonly Finding[] {
  const { address, name, crossedBy } = wanted
  if (crossedBy.length === 0) return []
  const demand = crossDemand(name, desired)
  return crossedBy.flatMap((by): Finding[] => {
    const old = inventory.authorities.get(by)
    // What is yet to be made has no constraints and has its key; what is lost is told as such.
    if (old?.certificate === undefined) return []
    // An expired root vouches for nothing: an agent that trusts it alone accepts no certificate.
    if (old.certificate.notAfter <= now) return []
    const there = inventory.authorities.get(address)?.crossed.has(generationOf(by)) === true
    const obstacle = there
      ? vouchObstacle(by, old.certificate, demand)
      : crossObstacle(by, demand, inventory, now)
    if (obstacle === undefined) return []
    const keyless = there ? undefined : keylessText(demand.signerOf(by), old.key.state)
    return [
      {
        severity: 'error',
        address,
        reason: 'cross-missing',
        message: keyless
          ? `${by} is to certify ${address}, and its key ${keyless}`
          : `agents that trust only ${by} refuse what ${address} signs: ${obstacle}`,
        remedy: `${keyless ? `${keylessRemedy({ name, address: by }, old.key.state)}; or, where it can't or mustn't sign, ` : ''}${stagedRemedy(wanted, by)}`,
      },
    ]
  })
}

/**
 * The way without a cross-certificate: both roots are trusted everywhere before the new one signs.
 *
 * @param by The older root, which goes on signing.
 */
export function stagedRemedy({ name, generation }: DesiredAuthority, by: string): string {
  const old = generationOf(by)
  const trusted = [old, generation].sort((a, b) => a - b).join(', ')
  return `go in stages: set \`signing: ${old}, trusted: [${trusted}]\` for ${name} in the spec, without \`crossed\`, then: nomad-pki apply`
}

function lostPurpose(
  usages: readonly string[] | undefined,
  demand: CrossDemand,
): string | undefined {
  if (usages === undefined || usages.includes('any')) return undefined
  if (usages.includes('serverAuth') && usages.includes('clientAuth')) return undefined
  for (const { profile } of demand.identities()) {
    const lost = profileOf(profile.role).extendedKeyUsage.find((one) => !usages.includes(one))
    if (lost !== undefined) return lost
  }
  return undefined
}

function sansOf(
  role: DesiredIdentity['profile']['role'],
  region: string,
  names: readonly string[],
  ips: readonly string[],
  uris: readonly string[],
): readonly GeneralName[] {
  const all = leafNames({ role, region, names, ips, uris })
  return [
    ...all.dns.map((value): GeneralName => ({ type: 'dns', value })),
    ...all.ips.map((value): GeneralName => ({ type: 'ip', value })),
    ...all.uris.map((value): GeneralName => ({ type: 'uri', value })),
  ]
}
