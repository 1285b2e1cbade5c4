/**
 * From a spec to what should be there, address by address.
 *
 * @module
 */

import {
  authorityAddress,
  bundleAddress,
  configAddress,
  identityAddress,
  sharedName,
} from '../address.js'
import { commonNameOf } from './authorities.js'
import type {
  FormerInEngine,
  Desired,
  DesiredAuthority,
  DesiredBundle,
  DesiredConfig,
  DesiredIdentity,
  DesiredIssuer,
  IdentityProfile,
} from './desired.js'
import { operatorUri } from '../nomad/roles.js'
import { expandIp } from './ip-template.js'
import { expandName } from './node-names.js'
import { expandTemplate, nodeAt, type NodeOfPattern } from './pattern.js'
import { stanzaUnder } from './stanza.js'
import type { AuthoritySpec, ClusterSpec, NodeGroup, RegionSpec, Terms } from './spec.js'

/**
 * Lists everything that a cluster should have: authorities, trust bundles, identities and stanzas, one for
 * each node. Ten thousand nodes take some tens of milliseconds. Nodes with the same terms share one profile
 * object.
 *
 * @param spec As `parseSpec` gives it.
 * @returns Lists in the order of the spec; an issuer stands before what it signs.
 */
export function desire(spec: ClusterSpec): Desired {
  const byName = new Map(spec.authorities.map((authority) => [authority.name, authority]))
  const issuers = new Map<string, DesiredIssuer>()
  const issuerOf = (name: string): DesiredIssuer => {
    let issuer = issuers.get(name)
    if (issuer === undefined) {
      const generation = byName.get(name)!.signing
      issuer = { address: authorityAddress(name, generation), name, generation }
      issuers.set(name, issuer)
    }
    return issuer
  }
  const rootOf = (name: string): string => byName.get(name)!.issuer ?? name

  const identities: DesiredIdentity[] = []
  const configs: DesiredConfig[] = []
  const profiles = createProfiles(issuerOf, rootOf)
  for (const region of spec.regions) {
    for (const group of region.groups) spread(spec, region, group, profiles, identities, configs)
  }
  for (const operator of spec.operators) {
    const region = spec.regions.find(({ name }) => name === operator.region)!
    identities.push({
      address: identityAddress(operator),
      name: operator.name,
      profile: profiles(region, operator.role, false, operator.terms),
      names: none,
      ips: none,
      uris: [operatorUri(operator.role, operator.name)],
    })
  }
  const formerInEngine = spec.authorities.flatMap(formerOf)
  return {
    cluster: spec.cluster,
    ...(spec.federation === undefined ? {} : { federation: spec.federation }),
    store: spec.store,
    tls: spec.node.tls,
    ...(spec.transport === 'tls' ? {} : { transport: spec.transport }),
    authorities: spec.authorities.flatMap((authority) => generationsOf(authority, issuerOf)),
    ...(formerInEngine.length === 0 ? {} : { formerInEngine }),
    bundles: spec.authorities
      .filter(({ issuer }) => issuer === undefined)
      .map(({ name, trusted }): DesiredBundle => ({
        address: bundleAddress(name),
        name,
        trusted: trusted.map((generation) => authorityAddress(name, generation)),
      })),
    identities,
    configs,
  }
}

const none: readonly string[] = []

function generationsOf(
  authority: AuthoritySpec,
  issuerOf: (name: string) => DesiredIssuer,
): readonly DesiredAuthority[] {
  const { name, subject, named, signing, trusted, crossed, constraints, roleBounds } = authority
  const generations = [...new Set([...trusted, signing])].sort((a, b) => a - b)
  return generations.map((generation) => ({
    address: authorityAddress(name, generation),
    name,
    generation,
    ...(authority.issuer === undefined ? {} : { issuer: issuerOf(authority.issuer) }),
    subject: { ...subject, commonName: commonNameOf(subject.commonName, generation) },
    named,
    saysGeneration: commonNameOf(subject.commonName, 1) !== commonNameOf(subject.commonName, 2),
    key: authority.key,
    lifetime: authority.lifetime,
    renewBefore: authority.renewBefore,
    beyondIssuer: authority.beyondIssuer,
    ...(constraints === undefined ? {} : { constraints }),
    ...(roleBounds === undefined || authority.signers[generation] !== 'engine'
      ? {}
      : { roleBounds }),
    ...(authority.fingerprints[generation] === undefined
      ? {}
      : { fingerprint: authority.fingerprints[generation] }),
    signer: authority.signers[generation] ?? 'file',
    ...(authority.engine === undefined || authority.signers[generation] !== 'engine'
      ? {}
      : { engine: authority.engine }),
    signing: generation === signing,
    rideAlong: authority.rollout === 'ride-along',
    crossed: crossed && generation === signing,
    crossedBy:
      crossed && generation === signing
        ? generations
            .filter((other) => other !== signing)
            .map((other) => authorityAddress(name, other))
        : none,
  }))
}

function formerOf({ name, engine, signing, signers }: AuthoritySpec): readonly FormerInEngine[] {
  if (engine === undefined) return []
  return Object.entries(signers).flatMap(([generation, kind]) =>
    kind === 'engine' && Number(generation) < signing
      ? [{ address: authorityAddress(name, Number(generation)), engine }]
      : [],
  )
}

type Profiles = (
  region: RegionSpec,
  role: IdentityProfile['role'],
  shared: boolean,
  terms: Terms,
) => IdentityProfile

function createProfiles(
  issuerOf: (name: string) => DesiredIssuer,
  rootOf: (name: string) => string,
): Profiles {
  const known = new Map<Terms, Map<string, IdentityProfile>>()
  return (region, role, shared, terms) => {
    let byClass = known.get(terms)
    if (byClass === undefined) {
      byClass = new Map()
      known.set(terms, byClass)
    }
    const key = `${role} ${shared ? '*' : '1'} ${region.name}`
    let profile = byClass.get(key)
    if (profile === undefined) {
      profile = {
        role,
        region: region.name,
        issuer: issuerOf(region.authority),
        bundle: bundleAddress(rootOf(region.authority)),
        ...terms,
        shared,
      }
      byClass.set(key, profile)
    }
    return profile
  }
}

function spread(
  spec: ClusterSpec,
  region: RegionSpec,
  group: NodeGroup,
  profiles: Profiles,
  identities: DesiredIdentity[],
  configs: DesiredConfig[],
): void {
  const { role, pattern, shared } = group
  const profile = profiles(region, role, shared, group.terms)
  const stanza = stanzaUnder(spec.transport, role, group.stanza)
  const constantNames = group.names.every(({ constant }) => constant)
  const constantIps = group.ips.every((ip) => ip.kind === 'text' && ip.template.constant)
  let names = none
  let ips = none
  for (let index = 0; index < pattern.count; index += 1) {
    const node = shared ? sharedNode : nodeAt(pattern, index)
    if (index === 0 || !constantNames) names = namesOf(group, node)
    if (index === 0 || !constantIps) ips = ipsOf(group, node)
    const address = identityAddress({ role, region: region.name, name: node.name })
    identities.push({
      address,
      name: node.name,
      profile,
      names,
      ips,
      uris: none,
      stanza,
    })
    const { config } = group
    if (config !== undefined) {
      configs.push({
        address: configAddress({ region: region.name, name: node.name }),
        region: region.name,
        name: node.name,
        role,
        identity: address,
        paths: config.paths.map((path) => expandTemplate(path, node)),
        ...(config.write === undefined ? {} : { write: expandTemplate(config.write, node) }),
        ...(config.host === undefined ? {} : { host: expandTemplate(config.host, node) }),
        tlsDirectory: spec.node.tls,
        stanza,
        ...(spec.nomadVersion === undefined ? {} : { nomadVersion: spec.nomadVersion }),
      })
    }
  }
}

const sharedNode: NodeOfPattern = { name: sharedName, numbers: [] }

function namesOf(group: NodeGroup, node: NodeOfPattern): readonly string[] {
  if (group.names.length === 0) return none
  const out: string[] = []
  for (const template of group.names) {
    const name = expandName(template, node)
    // The role's own names and the loopback's are in every certificate already.
    if (name === 'localhost' || isRoleName(name) || out.includes(name)) continue
    out.push(name)
  }
  return out
}

function isRoleName(name: string): boolean {
  return /^(server|client|cli)\..+\.nomad$/.test(name)
}

function ipsOf(group: NodeGroup, node: NodeOfPattern): readonly string[] {
  if (group.ips.length === 0) return none
  const out: string[] = []
  for (const template of group.ips) {
    const address = expandIp(template, node)
    if (!('ok' in address) || address.ok === '127.0.0.1' || address.ok === '::1') continue
    if (!out.includes(address.ok)) out.push(address.ok)
  }
  return out
}
