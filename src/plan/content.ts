/**
 * What each step certifies or writes, as it is reviewed: names, lifetimes, keys, issuers, the
 * stanza. `apply --plan` compares all of it, so that a review covers more than an address.
 *
 * @module
 */

import type { CheckContext } from '../checks/context.js'
import { formatDuration } from '../duration.js'
import type { Inventory } from '../inventory/inventory.js'
import { keyFingerprint } from '../keys/fingerprint.js'
import { leafNames } from '../nomad/leaf-names.js'
import { profileOf } from '../nomad/roles.js'
import type {
  Desired,
  DesiredAuthority,
  DesiredConfig,
  DesiredIdentity,
  IdentityProfile,
} from '../cluster/desired.js'
import { fingerprintText } from '../x509/certificate.js'
import type { CertificateRequest } from '../x509/request.js'
import { stanzaOf, type ConfigEdit } from './configs.js'
import type { Step, StepContent } from './plan.js'

/** What the content of steps is made of. */
export interface ContentFacts {
  readonly desired: Desired
  /** Issuers and roots that are there are named with their fingerprint. */
  readonly inventory: Inventory
  readonly context: CheckContext
  /** The edits of configurations, by address. */
  readonly edits: ReadonlyMap<string, ConfigEdit>
  /** The requests by which nodes bring the keys that they have made, by address. */
  readonly requests: ReadonlyMap<string, Pick<CertificateRequest, 'publicKey'>>
}

/**
 * Adds to each step what it certifies or writes.
 *
 * @param steps The steps of one plan.
 * @param facts What is wanted and found.
 */
export function withContent(
  steps: readonly Step[],
  { desired, inventory, context, edits, requests }: ContentFacts,
): Step[] {
  if (steps.length === 0) return []
  const authorities = new Map(desired.authorities.map((wanted) => [wanted.address, wanted]))
  const identities = new Map(desired.identities.map((wanted) => [wanted.address, wanted]))
  const configs = new Map(desired.configs.map((wanted) => [wanted.address, wanted]))
  const bundles = new Map(desired.bundles.map((wanted) => [wanted.address, wanted]))
  const shared = new Map<IdentityProfile, StepContent>()

  const named = (address: string): string => {
    const certificate = context.authorities.get(address)?.certificate
    return certificate === undefined ? address : `${address} ${fingerprintText(certificate)}`
  }
  const ofBundle = (address: string): readonly string[] =>
    (bundles.get(address)?.trusted ?? []).map(named)
  const ofProfile = (profile: IdentityProfile): StepContent => {
    let content = shared.get(profile)
    if (content === undefined) {
      const { key, lifetime, beyondIssuer, issuer, bundle } = profile
      content = {
        key,
        lifetime: lifetimeText(lifetime, beyondIssuer),
        issuer: named(issuer.address),
        trusted: ofBundle(bundle),
      }
      shared.set(profile, content)
    }
    return content
  }
  const ofLeaf = (wanted: DesiredIdentity, { action, address }: Step): StepContent | undefined => {
    const { profile } = wanted
    if (action === 'create' || action === 'renew') {
      const { role, region } = profile
      const { names, ips, uris } = wanted
      const all = leafNames({ role, region, names, ips, uris })
      const requested = requests.get(address)
      const commonName = profileOf(role).commonName(region)
      return {
        ...(commonName !== undefined && { subject: `CN=${commonName}` }),
        names: all.dns,
        ips: all.ips,
        uris: all.uris,
        ...ofProfile(profile),
        ...(requested !== undefined && { publicKey: keyFingerprint(requested.publicKey) }),
      }
    }
    if (action !== 'refresh' && action !== 'finish') return undefined
    const found = inventory.identities.get(address)
    const generation = found?.unfinished ?? found?.current
    const leaf = generation?.chain[0]
    const { issuer, trusted } = ofProfile(profile)
    return {
      ...(leaf === undefined ? {} : { leaf: fingerprintText(leaf) }),
      ...(action === 'refresh' && { issuer: issuer!, trusted: trusted! }),
    }
  }
  const contentOf = (step: Step): StepContent | undefined => {
    const { address, action } = step
    if (action === 'repair' || action === 'remove') return undefined
    const identity = identities.get(address)
    if (identity !== undefined) return ofLeaf(identity, step)
    const authority = authorities.get(address)
    if (authority !== undefined) {
      return action === 'cross'
        ? { certifiedBy: authority.crossedBy.map(named) }
        : ofAuthority(authority, named)
    }
    if (bundles.has(address)) return { trusted: ofBundle(address) }
    const config = configs.get(address)
    return config === undefined
      ? undefined
      : ofConfig(config, inventory.location, edits.get(address))
  }
  return steps.map((step) => {
    const content = contentOf(step)
    return content === undefined ? step : { ...step, content }
  })
}

function ofAuthority(wanted: DesiredAuthority, named: (address: string) => string): StepContent {
  const { subject, key, lifetime, beyondIssuer, issuer, constraints } = wanted
  return {
    subject: Object.entries(subject).map(([name, value]) => `${name}=${value}`),
    key,
    lifetime: lifetimeText(lifetime, issuer === undefined ? 'refuse' : beyondIssuer),
    issuer: issuer === undefined ? 'itself' : named(issuer.address),
    ...(constraints && {
      regions: constraints.regions,
      domains: constraints.domains,
      networks: constraints.networks,
    }),
  }
}

function ofConfig(
  config: DesiredConfig,
  location: string,
  edit: ConfigEdit | undefined,
): StepContent {
  return {
    ...(edit && {
      file: edit.expected === undefined ? `${edit.named}, a new file` : edit.named,
      changes: edit.changes,
    }),
    tls: Object.entries(stanzaOf(config, location))
      .filter(([, value]) => value !== undefined)
      .map(([key, value]) => `${key} = ${JSON.stringify(value)}`),
  }
}

function lifetimeText(lifetime: number, beyondIssuer: 'refuse' | 'clamp'): string {
  const text = formatDuration(lifetime)
  return beyondIssuer === 'clamp' ? `${text}, or until its issuer ends` : text
}
