/**
 * The join of wanted and found, by address: which steps make the one into the other, and why. Pure
 * and synchronous; nothing is touched.
 *
 * @module
 */

import { clusterFindings } from '../checks/cluster.js'
import { checkAuthority, lostAuthority } from '../checks/authority.js'
import { checkContext, type CheckContext } from '../checks/context.js'
import { crossFindings } from '../checks/cross.js'
import { actChecks, isOnDemand, runChecks } from '../checks/identity.js'
import { ledgerFindings } from '../checks/ledger.js'
import type { Reason, ReasonGiven } from '../checks/reasons.js'
import type { Finding } from '../diagnostics.js'
import { formatDuration } from '../duration.js'
import type { CertificateRequest } from '../x509/request.js'
import type { FoundIdentity, Inventory } from '../inventory/inventory.js'
import {
  renewsItself,
  type Desired,
  type DesiredIdentity,
  type IdentityProfile,
} from '../cluster/desired.js'
import { attemptFindings } from '../evidence/attempts.js'
import { copyFindings } from '../evidence/copies.js'
import type { Override } from '../overrides.js'
import { planConfigs, type ConfigEdit } from './configs.js'
import { withContent } from './content.js'
import { heldByNode, keyStaysOnNode } from './held-by-node.js'
import { holdSteps } from './hold.js'
import { selfRenewedIn } from '../evidence/self-renewed.js'
import { findOrphans } from './orphans.js'
import { leftByNodes, selfRenewedFindings } from './self-renewed.js'
import type { Action, Orphan, Plan, Step } from './plan.js'
import { surplusIn, type SurplusOf } from './surplus.js'
import { gateTrust } from './trust-gate.js'
import { transportFindings } from './transport.js'
import { issuable, issuableAuthority, lifetimeDiffers } from './terms.js'
import { besideHeld, trustOf } from './trust-alone.js'
import { crossSteps } from './missing-crosses.js'
import { renewed } from './renewed.js'
import { cures } from './cures.js'
import { usedElsewhere, type InUse } from './made-elsewhere.js'
import { engineFindings } from './engine-waits.js'
import { signUntilAnswer, waitingFindings, waitingIn, type Waiting } from './waiting.js'

/** What to plan. */
export interface MakePlanOptions {
  /** Epoch milliseconds. */
  readonly now: number
  /** Whether orphans are removed. Default: they are only shown. */
  readonly prune?: boolean | undefined
  /** Addresses of identities: only these (and what they need) are planned, and an operator's is renewed when due. Default: all. */
  readonly only?: readonly string[] | undefined
  /** Addresses of identities that get a new generation whether they need one or not. Default: none. */
  readonly renew?: readonly string[] | undefined
  /** Why they do. Default: it was asked for. */
  readonly renewReason?: ReasonGiven | undefined
  /** Whether those keep their key. Default: it changes with the leaf. */
  readonly keepKey?: boolean | undefined
  /**
   * Public keys that nodes have made, by the address of the identity: what is planned for it certifies this key.
   * The caller has made sure whose key it is. Default: none.
   */
  readonly requests?: ReadonlyMap<string, CertificateRequest> | undefined
  /** The hosts that ssh asked for those requests, by the same addresses: the ledger notes them. Default: none. */
  readonly askedHosts?: ReadonlyMap<string, string> | undefined
  /** Guards that a person has overridden. Default: none. */
  readonly overrides?: readonly Override[] | undefined
  /** What was found in Vault or OpenBao: an error keeps its authority from signing. Default: nothing. */
  readonly engine?: readonly Finding[] | undefined
}

/**
 * What a plan was made from: `applyPlan` needs it beside the plan, and a plan that was read from a file
 * does not have it.
 */
export interface PlanMaterials {
  /** The steps of the plan: no others are done with these materials. */
  readonly steps: readonly Step[]
  /** What should be. */
  readonly desired: Desired
  /** What was found. */
  readonly inventory: Inventory
  /** What the checks of the plan knew. */
  readonly context: CheckContext
  /** The edits behind the steps of `config/…`, by address. */
  readonly edits: ReadonlyMap<string, ConfigEdit>
  /** The requests by which nodes bring the keys that they have made, by the address of the identity. */
  readonly requests: ReadonlyMap<string, CertificateRequest>
  /** The hosts that ssh asked for them. */
  readonly askedHosts?: ReadonlyMap<string, string> | undefined
  /** Guards that a person has overridden: the ledger notes them. */
  readonly overrides: readonly Override[]
  /** What only a key on another machine can sign. */
  readonly waiting: readonly Waiting[]
}

/** A plan, and what it was made from. */
export interface Planned {
  /** What will be done, as data. */
  readonly plan: Plan
  /** What `applyPlan` needs besides the plan. */
  readonly materials: PlanMaterials
}

/**
 * Compares what should be with what is, and gives the steps from one to the other. It reads no clock and no
 * disk: the same arguments give the same plan.
 *
 * @param spec What should be: `desire(spec)`.
 * @param inventory What is: `await readInventory(ports)`.
 * @param options The time, and which part of the cluster.
 * @returns The plan, without steps where nothing is to be done; and what `applyPlan` needs to make it true.
 * @example
 *
 * ```ts
 * import {
 *   applyPlan, collect, desire, makePlan, memoryConfigs, memoryStore, parseSpec, readInventory, storeIssuers,
 * } from 'nomad-pki'
 *
 * const { spec } = parseSpec('version: 1\ncluster: acme\nregions:\n  global:\n    servers: { s1: {} }\n')
 * if (spec === undefined) throw new Error('the spec has errors')
 * const store = memoryStore()
 * const ports = { store, configs: memoryConfigs(), issuers: storeIssuers(store), clock: () => Date.now() }
 * const { plan, materials } = makePlan(desire(spec), await readInventory(ports), { now: Date.now() })
 * for (const { action, address } of plan.steps) console.log(action, address)
 * await collect(applyPlan(plan, materials, ports))
 * ```
 */
export function makePlan(spec: Desired, inventory: Inventory, options: MakePlanOptions): Planned {
  const { desired: gatedSpec, findings: gated } = gateTrust(spec, inventory, options)
  const desired = signUntilAnswer(gatedSpec, inventory, options.now)
  const context = checkContext(desired, inventory, options)
  const only = options.only === undefined ? undefined : new Set(options.only)
  const renew = new Set(options.renew)
  const { requests = noRequests } = options
  const findings: Finding[] = [
    ...inventory.findings,
    ...ledgerFindings(inventory),
    ...copyFindings(inventory, options),
    ...attemptFindings(spec, inventory, options),
    ...clusterFindings(desired, inventory, options),
    ...transportFindings(desired, inventory, options),
    ...gated,
  ]
  for (const { findings: own } of [
    ...inventory.bundles.values(),
    ...inventory.identities.values(),
  ]) {
    if (own.length > 0) findings.push(...own.filter(({ reason }) => reason === 'left-over'))
  }
  const steps: Step[] = []

  for (const wanted of desired.authorities) {
    const found = inventory.authorities.get(wanted.address)
    findings.push(...crossFindings(wanted, desired, inventory, options.now))
    if (found !== undefined) {
      // An open mode is what the step below mends, and no reason to stop.
      const checked = checkAuthority(wanted, found, context)
      findings.push(...checked.filter(({ reason }) => reason !== 'mode-open'))
    }
    if (found?.certificate !== undefined) {
      pushModes(steps, wanted.address, found.findings)
      steps.push(...crossSteps(wanted, inventory, options.now))
      continue
    }
    if (found !== undefined && found.findings.some(({ reason }) => reason === 'incomplete'))
      continue
    const lost = lostAuthority(wanted, desired, inventory)
    if (lost !== undefined) findings.push(lost)
    else if (found?.key.state === 'present' || found?.key.state === 'encrypted') {
      steps.push(
        step(wanted.address, 'create', 'unfinished', 'its key was made, its certificate was not'),
      )
    } else {
      findings.push(...issuableAuthority(wanted, context))
      const what = wanted.issuer === undefined ? 'root' : `intermediate under ${wanted.issuer.name}`
      steps.push(
        step(
          wanted.address,
          'create',
          'missing',
          `${what}, ${wanted.key}, ${formatDuration(wanted.lifetime)}`,
        ),
      )
    }
    steps.push(...crossSteps(wanted, inventory, options.now))
  }
  const elsewhere = waitingIn(steps, desired, inventory, options.now)
  findings.push(
    ...waitingFindings(elsewhere, inventory),
    ...engineFindings(steps, desired, elsewhere),
  )
  if (options.engine !== undefined) findings.push(...options.engine)
  for (const wanted of desired.bundles) {
    const found = inventory.bundles.get(wanted.address)
    const text = context.bundles.get(wanted.address)
    if (text !== undefined && found?.text === text) continue
    const names = wanted.trusted.join(', ')
    steps.push(
      found === undefined
        ? step(wanted.address, 'write', 'missing', `it will hold ${names}`)
        : step(wanted.address, 'write', 'bundle-stale', `it does not hold exactly ${names}`),
    )
  }

  const self = selfRenewedIn(desired, inventory, options)
  const ownWay: DesiredIdentity[] = []
  const issuing = new Map<IdentityProfile, string>()
  const surplusOf = surplusIn(inventory, options)
  const inUse = usedElsewhere(inventory, options)
  const named = new Set<string>()
  const waiting = new Set<string>()
  for (const wanted of desired.identities) {
    named.add(wanted.address)
    if (only !== undefined && !only.has(wanted.address)) continue
    if (renewsItself(wanted)) {
      ownWay.push(wanted)
      continue
    }
    const found = inventory.identities.get(wanted.address)
    const blocked = found?.findings.find(
      ({ reason, severity }) => reason === 'link-broken' && severity === 'error',
    )
    if (blocked !== undefined && found?.link === undefined) {
      findings.push(blocked)
      continue
    }
    const how = { asked: only !== undefined, surplusOf, inUse }
    const asked = planIdentity(wanted, found, context, how)
    const planned = renew.has(wanted.address) ? renewed(wanted, asked, options) : asked
    if (planned === undefined) {
      findings.push(...lifetimeDiffers(wanted, found, context), ...keyStaysOnNode(wanted, found))
      continue
    }
    const brought = requests.has(wanted.address)
    const byName = renew.has(wanted.address) && options.renewReason === undefined
    const kept = brought
      ? undefined
      : heldByNode(planned, wanted, found, { tls: desired.tls, named: byName })
    if (kept !== undefined) {
      findings.push(kept)
      // A stanza must not name files that are not made.
      if (planned.action === 'create') waiting.add(wanted.address)
      else if (kept.severity !== 'error') steps.push(...trustOf([planned]))
      continue
    }
    steps.push(planned)
    if (planned.action === 'create' || planned.action === 'renew') {
      if (!issuing.has(wanted.profile)) issuing.set(wanted.profile, wanted.address)
    }
  }
  if (ownWay.length > 0) {
    const changed = new Set(steps.map(({ address }) => address))
    findings.push(...selfRenewedFindings(ownWay, inventory, self, changed))
  }
  for (const [profile, address] of issuing) {
    findings.push(...issuable(profile, address, inventory, context))
  }

  const stanzas = desired.configs.filter(
    ({ identity }) => only?.has(identity) !== false && !waiting.has(identity),
  )
  const { overrides = [] } = options
  const configs = planConfigs(stanzas, inventory, { desired, overrides })
  steps.push(...configs.steps)
  findings.push(...configs.findings)

  const left = leftByNodes(desired, self)
  const orphans = findOrphans(desired, inventory, { named, left }, context)
  if (options.prune === true) steps.push(...orphans.map(removal))

  const facts = { desired, inventory, context, edits: configs.edits, requests }
  const all = withContent(steps, facts)
  const first = holdSteps(all, findings, desired, inventory)
  const trusting = withContent(trustOf(first.held), facts)
  const { steps: going, held } =
    trusting.length === 0
      ? first
      : holdSteps(besideHeld(all, trusting), findings, desired, inventory)
  const plan: Plan = {
    format: 'nomad-pki/plan',
    version: 1,
    cluster: desired.cluster,
    madeAt: options.now,
    steps: going,
    ...(held.length > 0 && { held }),
    orphans,
    findings,
  }
  const { edits } = configs
  return {
    plan,
    materials: {
      steps: going,
      desired,
      inventory,
      context,
      edits,
      requests,
      askedHosts: options.askedHosts,
      overrides,
      waiting: elsewhere,
    },
  }
}

function planIdentity(
  wanted: DesiredIdentity,
  found: FoundIdentity | undefined,
  context: CheckContext,
  how: { readonly asked: boolean; readonly surplusOf: SurplusOf; readonly inUse: InUse },
): Step | undefined {
  const { address, profile } = wanted
  if (found === undefined) {
    return step(address, 'create', 'missing', `${profile.key}, ${formatDuration(profile.lifetime)}`)
  }
  const generation = found.unfinished ?? found.current
  if (generation === undefined) {
    return found.link === undefined
      ? step(address, 'create', 'missing', `${profile.key}, ${formatDuration(profile.lifetime)}`)
      : step(address, 'renew', 'link-broken', `current points at ${JSON.stringify(found.link)}`)
  }
  const leaf = generation.chain[0]
  const reasons: ReasonGiven[] =
    found.findings.length === 0
      ? []
      : found.findings
          .filter(({ reason }) => reason === 'mode-open' || reason === 'incomplete')
          .map(({ reason, message }) => ({ reason: reason as Reason, message }))
  if (leaf === undefined) {
    const why = reasons.find(({ reason }) => reason === 'incomplete')
    return {
      address,
      action: 'renew',
      reasons: [why ?? { reason: 'incomplete', message: 'cert.pem is missing' }],
    }
  }
  const checked = runChecks(actChecks, { wanted, found, generation, leaf }, context)
  const given = how.inUse(address, generation, checked)
  // An operator's certificate is short and made when it is needed: an expired one is not work.
  const leave = isOnDemand(profile) && !how.asked
  if (leave && leaf.notAfter <= context.now) return undefined
  const surplus = how.surplusOf(found, profile.keep).length
  if (given.length + reasons.length === 0 && found.unfinished === undefined && surplus === 0) {
    return undefined
  }
  reasons.push(...(leave ? given.filter(({ reason }) => reason !== 'nearing-expiry') : given))
  const actions = reasons.map(({ reason }) => cures[reason] ?? 'renew')
  if (actions.includes('renew')) return { address, action: 'renew', reasons }
  if (actions.includes('refresh')) return { address, action: 'refresh', reasons }
  if (found.unfinished !== undefined) {
    return step(
      address,
      'finish',
      'unfinished',
      `${found.unfinished.directory} was made and not switched to`,
    )
  }
  if (actions.includes('repair')) return { address, action: 'repair', reasons }
  if (surplus > 0) {
    return step(
      address,
      'remove',
      'surplus',
      `${found.generations.length} generations, the spec keeps ${profile.keep}`,
    )
  }
  return undefined
}

const noRequests: ReadonlyMap<string, CertificateRequest> = new Map()

function pushModes(steps: Step[], address: string, findings: readonly Finding[]): void {
  const open = findings.find(({ reason }) => reason === 'mode-open')
  if (open !== undefined) steps.push(step(address, 'repair', 'mode-open', open.message))
}

function removal({ address, seenOwn }: Orphan): Step {
  const why = seenOwn ? 'its node renews itself, and was seen with its own' : notNamed
  return step(address, 'remove', 'orphan', why)
}

const notNamed = 'the spec no longer names it'

function step(address: string, action: Action, reason: Reason, message: string): Step {
  return { address, action, reasons: [{ reason, message }] }
}
