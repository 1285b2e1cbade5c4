/**
 * How far an error reaches: it holds the address that it is about and what depends on it, and
 * everything else goes on. One slip in one agent's configuration must not stop everybody's renewal.
 *
 * ```text
 * the store, the ledger      everything
 * an authority               what it signs; where its certificate is in doubt, every change of trust too
 * a bundle                   every change of that trust
 * an identity                its steps, and the first stanza that names its files
 * a configuration            that configuration
 * ```
 *
 * @module
 */

import { type Address, bundleAddress, kindOf, parseAddress } from '../address.js'
import type { Reason } from '../checks/reasons.js'
import type { Finding } from '../diagnostics.js'
import { isNomadPkiError } from '../errors.js'
import type { Inventory } from '../inventory/inventory.js'
import type { Desired, IdentityProfile } from '../cluster/desired.js'
import type { HeldStep, Step } from './plan.js'

/** Reasons for which an authority cannot sign, while what it signed stays, and agents still trust it. */
const signsNothing: ReadonlySet<string> = new Set<Reason>([
  'expired',
  'not-yet-valid',
  'beyond-issuer',
  'cross-missing',
  'key-mismatch',
  'signed-elsewhere',
  'engine-differs',
])

/** Steps that sign. */
const signing: ReadonlySet<string> = new Set(['create', 'renew', 'cross'])

/**
 * Divides steps into those that errors hold and those that go on.
 *
 * @param steps All that is to be done.
 * @param findings All that was found.
 * @returns The steps that go on, and those that are held, each with the address of the error.
 */
export function holdSteps(
  steps: readonly Step[],
  findings: readonly Finding[],
  desired: Desired,
  inventory: Inventory,
): { readonly steps: readonly Step[]; readonly held: readonly HeldStep[] } {
  const errors = findings.filter(({ severity }) => severity === 'error')
  if (errors.length === 0) return { steps, held: [] }
  const holds = new Holds(errors, steps, desired, inventory)
  const going: Step[] = []
  const held: HeldStep[] = []
  for (const step of steps) {
    const by = holds.by(step)
    if (by === undefined) going.push(step)
    else held.push({ ...step, heldBy: by })
  }
  return { steps: going, held }
}

/** What the errors of one plan hold: always by the address of the first error that does. */
class Holds {
  #all: string | undefined
  readonly #own = new Map<string, string>()
  /** Authorities that must not sign. */
  readonly #signers = new Map<string, string>()
  /** Bundles that must not change, and no leaf's `ca.pem` with them. */
  readonly #trust = new Map<string, string>()
  /** Profiles whose terms do not fit. */
  readonly #profiles = new Map<IdentityProfile, string>()
  readonly #identities: ReadonlyMap<string, Desired['identities'][number]>
  readonly #configs: ReadonlyMap<string, Desired['configs'][number]>
  readonly #creates: ReadonlySet<string>
  readonly #changing: ReadonlySet<string>
  readonly #any: string

  constructor(
    errors: readonly Finding[],
    steps: readonly Step[],
    desired: Desired,
    inventory: Inventory,
  ) {
    this.#any = errors[0]!.address
    this.#identities = new Map(desired.identities.map((one) => [one.address, one]))
    this.#configs = new Map(desired.configs.map((one) => [one.address, one]))
    this.#creates = new Set(
      steps.flatMap(({ action, address }) => (action === 'create' ? [address] : [])),
    )
    this.#changing = new Set(
      steps.flatMap(({ address }) => (kindOf(address) === 'bundle' ? [address] : [])),
    )
    for (const error of errors) this.#take(error, inventory)
    this.#spread(steps, desired)
  }

  /** The address of the error that holds a step. */
  by({ address, action, reasons }: Step): string | undefined {
    const own = this.#all ?? this.#own.get(address)
    if (own !== undefined) return own
    // What an error keeps from being renewed may still need what the spec no longer names.
    if (reasons[0]!.reason === 'orphan') {
      return kindOf(address) === 'identity' ? undefined : this.#any
    }
    const identity = this.#identities.get(address)
    if (identity !== undefined) return this.#ofIdentity(identity.profile, action)
    const config = this.#configs.get(address)
    if (config !== undefined) return this.#ofConfig(config.identity)
    const signer = signing.has(action) ? this.#signers.get(address) : undefined
    return signer ?? this.#trust.get(address)
  }

  #ofIdentity(profile: IdentityProfile, action: Step['action']): string | undefined {
    const { issuer, bundle } = profile
    const signer = signing.has(action)
      ? (this.#signers.get(issuer.address) ?? this.#profiles.get(profile))
      : undefined
    if (signer !== undefined) return signer
    // Where the trust stays as it is, a new leaf carries what the old one did.
    const writes = signing.has(action) || action === 'refresh'
    return writes && (this.#changing.has(bundle) || action === 'refresh')
      ? this.#trust.get(bundle)
      : undefined
  }

  /** A stanza must not name files that are not made. */
  #ofConfig(identity: string): string | undefined {
    const own = this.#own.get(identity)
    if (!this.#creates.has(identity)) return own
    const profile = this.#identities.get(identity)?.profile
    return own ?? (profile && this.#ofIdentity(profile, 'create'))
  }

  #take({ address, reason }: Finding, inventory: Inventory): void {
    const parsed = parsedOf(address)
    if (parsed === undefined) {
      this.#all ??= address
      return
    }
    set(this.#own, address, address)
    switch (parsed.kind) {
      case 'config':
        return
      case 'identity': {
        // Said once for all that share the profile.
        const profile = this.#identities.get(address)?.profile
        if (reason === 'beyond-issuer' && profile !== undefined) {
          set(this.#profiles, profile, address)
        }
        return
      }
      case 'bundle':
        set(this.#trust, address, address)
        return
      case 'authority': {
        set(this.#signers, address, address)
        const there = inventory.authorities.get(address)?.certificate !== undefined
        const only = signsNothing.has(reason) || (reason === 'incomplete' && there)
        if (!only) set(this.#trust, bundleAddress(parsed.name), address)
      }
    }
  }

  /** What hangs from an authority that must not sign, or that is not made, does not sign either. */
  #spread(steps: readonly Step[], desired: Desired): void {
    for (const { address, issuer, crossedBy } of desired.authorities) {
      const above = issuer === undefined ? undefined : this.#signers.get(issuer.address)
      const waits = above !== undefined && this.#creates.has(address)
      if (waits) set(this.#signers, address, above)
      const by = crossedBy.find((other) => this.#signers.has(other))
      const crosses = steps.some((step) => step.address === address && step.action === 'cross')
      // Without the cross-certificate agents that trust the old root alone would refuse its leaves.
      if (by !== undefined && crosses) set(this.#signers, address, this.#signers.get(by)!)
    }
    // A root that is not made cannot be trusted.
    for (const { address, trusted } of desired.bundles) {
      const lacks = trusted.find((root) => this.#creates.has(root) && this.#signers.has(root))
      if (lacks !== undefined) set(this.#trust, address, this.#signers.get(lacks)!)
    }
  }
}

function set<Key>(map: Map<Key, string>, key: Key, by: string): void {
  if (!map.has(key)) map.set(key, by)
}

function parsedOf(address: string): Address | undefined {
  try {
    return parseAddress(address)
  } catch (error) {
    if (isNomadPkiError(error)) return undefined
    throw error
  }
}
