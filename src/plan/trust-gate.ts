/**
 * The gate in the plan: it refuses what would take trust from an agent that needs it, whether the next stage of a
 * rotation asked for it, an edit by hand or a revert. What is refused is left as it is, so that renewals go on with
 * the trust that agents have.
 *
 * ```text
 * a root leaves the bundle     every agent trusts the root that signs, and has a leaf under it
 * a root signs for the first   every agent trusts it, or an older root has certified it
 * a compromised root           is not trusted and does not sign again
 * ```
 *
 * A root below which every certificate has ended is not held: no agent lives by it.
 *
 * Agents use an adopted root before this program delivers anything: that no agent was seen excuses
 * nothing there.
 *
 * @module
 */

import { bundleAddress, generationOf, isOfAuthority } from '../address.js'
import { adoptedIn } from '../checks/adopted.js'
import type { Finding } from '../diagnostics.js'
import { mayDiffer, wasDelivered } from '../evidence/delivered.js'
import { evidenceIn, type Evidence } from '../evidence/evidence.js'
import { judgeGate, type GateCondition, type GateVerdict } from '../evidence/gate.js'
import { generationsIn, rootAbove, twinsOf, type MadeGenerations } from '../evidence/generations.js'
import { judgeSeenAlone } from '../evidence/judge.js'
import { spentRoots } from '../evidence/spent-roots.js'
import { withExceptions } from '../evidence/judgement.js'
import type { Inventory } from '../inventory/inventory.js'
import { isAgent } from '../nomad/roles.js'
import { isBehind, selfRenewedIn } from '../evidence/self-renewed.js'
import type { SelfRenewedNodes } from '../evidence/self-renewed.js'
import { isOverridden, type Override } from '../overrides.js'
import {
  renewsItself,
  type Desired,
  type DesiredAuthority,
  type DesiredBundle,
  type DesiredIdentity,
} from '../cluster/desired.js'
import { sameCertificate } from '../x509/certificate.js'
import { adoptedRoots, cutOver, isCut, leavesAdopted, type Leaving } from './leave-adopted.js'

/** What the plan goes on with. */
export interface GatedTrust {
  /** What should be, where what is refused stays as it is. */
  readonly desired: Desired
  readonly findings: readonly Finding[]
}

/**
 * Judges every change of trust that a spec asks for.
 *
 * @param options `now`: epoch milliseconds; `overrides`: `reinstate=authority/agent/1`,
 *   `leave-root=SHA256:HEX`.
 */
export function gateTrust(
  desired: Desired,
  inventory: Inventory,
  options: { readonly now: number; readonly overrides?: readonly Override[] | undefined },
): GatedTrust {
  const { now, overrides = [] } = options
  const made = generationsIn(inventory)
  const adopted = adoptedIn(inventory)
  // A node that renews itself has a certificate that nothing here made.
  const isOwn = desired.identities.some(renewsItself)
  if (made.size === 0 && adopted.size === 0 && !isOwn) return { desired, findings: [] }
  const evidence = evidenceIn(inventory.ledger, { now })
  const self = selfRenewedIn(desired, inventory, { now, evidence })
  const facts: Facts = { desired, inventory, evidence, made, self, adopted, now, overrides }
  let gated = desired
  const findings: Finding[] = []
  for (const bundle of desired.bundles) {
    const again = reinstated(bundle, facts)
    const held = again.length > 0 ? { findings: again } : heldTrust(bundle, facts)
    findings.push(...held.findings)
    if ('keep' in held && held.keep.length > 0) gated = keeping(gated, bundle, held.keep)
  }
  return { desired: gated, findings }
}

interface Facts {
  readonly desired: Desired
  readonly inventory: Inventory
  readonly evidence: Evidence
  readonly made: MadeGenerations
  /** What is known of nodes that renew themselves. */
  readonly self: SelfRenewedNodes
  /** Fingerprints of what another tool made. */
  readonly adopted: ReadonlySet<string>
  readonly now: number
  readonly overrides: readonly Override[]
}

/** What the newest generations of a bundle's agents use. */
interface RootsInUse {
  /** Roots that some of them trust. */
  readonly trusted: ReadonlySet<string>
  /** Roots above their leaves. */
  readonly roots: ReadonlySet<string>
  /** Whether one of them renews itself and was never seen, so that its root is not known. */
  readonly unknown: boolean
}

function rootsInUse(bundle: DesiredBundle, facts: Facts): RootsInUse {
  const { desired, made, inventory, self } = facts
  const trusted = new Set<string>()
  const issuers = new Set<string>()
  let unknown = false
  for (const { address, profile } of desired.identities) {
    if (!isAgent(profile.role) || profile.bundle !== bundle.address) continue
    const own = self.get(address)
    if (own !== undefined) {
      // It was given the bundle of the store, and not by an installer that tells.
      for (const root of bundledRoots(bundle, facts) ?? []) trusted.add(root)
      if (own.issuer !== undefined) issuers.add(own.issuer)
    }
    const newest = made.get(address)?.at(-1)
    unknown ||= own !== undefined && own.issuer === undefined && newest === undefined
    for (const root of newest?.trusted ?? []) trusted.add(root)
    if (newest !== undefined) issuers.add(newest.issuer)
  }
  const roots = [...issuers].flatMap((one) => rootAbove(one, inventory.authorities) ?? [])
  return { trusted, roots: new Set(roots), unknown }
}

/** A compromised root that the spec trusts or has sign although agents had left it. */
function reinstated(bundle: DesiredBundle, facts: Facts): readonly Finding[] {
  const { evidence, desired, overrides } = facts
  if (evidence.compromised.length === 0) return []
  const { trusted, roots } = rootsInUse(bundle, facts)
  return evidence.compromised.flatMap(({ address }): readonly Finding[] => {
    if (!isOfAuthority(address, bundle.name)) return []
    if (isOverridden(overrides, 'reinstate', address)) return []
    const signs = desired.authorities.some((one) => one.address === address && one.signing)
    const left = [...roots].some((root) => generationOf(root) > generationOf(address))
    const trusts = bundle.trusted.includes(address) && !trusted.has(address)
    if (!trusts && !(signs && left)) return []
    return [
      {
        severity: 'error',
        address,
        reason: 'compromised',
        message: `the spec ${trusts ? 'trusts' : 'signs with'} ${address}, which is marked as compromised: anyone with its key could make certificates`,
        remedy: `take it out of \`trusted\` and \`signing\` of ${bundle.name} in the spec; or, if no one else has its key: --override reinstate=${address} --reason TEXT`,
      },
    ]
  })
}

interface Held {
  readonly findings: readonly Finding[]
  /** Roots that stay in the bundle. */
  readonly keep: readonly string[]
}

const free: Held = { findings: [], keep: [] }

function heldTrust(bundle: DesiredBundle, facts: Facts): Held {
  const { desired, inventory, evidence, now } = facts
  const signing = desired.authorities.find((one) => one.name === bundle.name && one.signing)
  if (signing === undefined) return free
  const bundled = bundledRoots(bundle, facts)
  const inUse = rootsInUse(bundle, facts)
  const found = adoptedRoots(bundle, bundled, facts)
  // Nothing leaves, and what signs has signed before: agents need not be looked at.
  if (
    [...inUse.trusted, ...found].every((root) => bundle.trusted.includes(root)) &&
    inUse.roots.has(signing.address)
  ) {
    return free
  }
  // Nodes that renew themselves need no delivery from here.
  const delivered = wasDelivered(evidence) || hasSelfRenewed(bundle, facts)
  const judgements = judgeSeenAlone(inventory, { now, evidence })
  const spent = spentRoots({ inventory, desired, judgements, now })
  const isOver = (root: string): boolean => spent.has(root) || hasEnded(root, facts)
  const adopted = found.filter((root) => !spent.has(root))
  const left = adopted.filter((root) => leavesRoot(root, signing, bundle, adopted, facts))
  const cut = left.filter((root) => isCut(root, facts))
  // Agents trust an adopted root, also where no certificate of theirs was adopted.
  const trusted = without([...inUse.trusted, ...adopted], cut)
  const roots = without(inUse.roots.size > 0 ? inUse.roots : adopted, cut)
  const leaving = { bundle, signing, signs: !inUse.roots.has(signing.address) }
  const warnings =
    cut.length > 0 ? [leavesAdopted({ severity: 'warning', roots: cut, ...leaving }, facts)] : []
  const keep = [...trusted].filter(
    (root) => !bundle.trusted.includes(root) && !isOver(root) && bundled?.has(root) !== false,
  )
  // What was begun goes on: it went through this gate.
  const begins = (roots.size > 0 || inUse.unknown) && !roots.has(signing.address)
  const needing = new Set([...trusted].filter((root) => !isOver(root)))
  const uncertified = begins && !isCertified(signing, needing, facts)
  if (keep.length === 0 && !uncertified) return { findings: warnings, keep: [] }
  if (!delivered && left.length > cut.length) {
    const uncut = left.filter((root) => !cut.includes(root))
    const about: Leaving = { severity: 'error', roots: uncut, ...leaving, signs: uncertified }
    return { findings: [leavesAdopted(about, facts)], keep }
  }
  const trusts = [signing.address]
  const signs: Barrier = {
    address: signing.address,
    condition: { trusts },
    what: `${signing.address} signs from now on, and every agent must trust it first`,
    keep: [],
  }
  const drops: Barrier = {
    address: bundle.address,
    condition: { trusts, leafUnder: signing.address },
    what: `${keep.join(' and ')} is no longer trusted, and every agent must have a leaf of ${signing.address} and trust it first`,
    keep,
  }
  // An older spec can ask for both: then one after the other.
  const barriers = [...(uncertified ? [signs] : []), ...(keep.length > 0 ? [drops] : [])]
  if (!delivered) {
    const finding: Finding = {
      severity: 'warning',
      address: bundle.address,
      reason: 'trust-needed',
      message: `${barriers[0]!.what}; no agent was ever seen, so it is not known whether all do`,
      remedy: 'nomad-pki probe, before what is made here is delivered',
    }
    return { findings: [finding], keep: [] }
  }
  for (const { address, condition, what, keep: kept } of barriers) {
    const gateFacts = { desired, inventory, evidence, now, judgements }
    const verdict = judgeGate(condition, { ...gateFacts, authority: signing.address })
    if (!verdict.open) {
      const held = heldFinding(address, what, verdict, bundle)
      const remedy = left.length > 0 ? `${held.remedy!}; ${cutOver(left, facts)}` : held.remedy
      return { findings: [{ ...held, remedy }], keep: kept }
    }
  }
  return { findings: warnings, keep: [] }
}

function hasSelfRenewed({ address }: DesiredBundle, { desired, self }: Facts): boolean {
  return desired.identities.some((one) => one.profile.bundle === address && self.has(one.address))
}

/** Whether agents that have an adopted root alone would refuse those that get what the spec asks for. */
function leavesRoot(
  root: string,
  signing: DesiredAuthority,
  bundle: DesiredBundle,
  adopted: readonly string[],
  facts: Facts,
): boolean {
  if (root === signing.address) return false
  if (!bundle.trusted.includes(root)) return true
  // One file held both of two that were adopted together.
  if (adopted.includes(signing.address)) return false
  return !isCertified(signing, new Set([root]), facts)
}

function without(all: Iterable<string>, some: readonly string[]): ReadonlySet<string> {
  return new Set([...all].filter((one) => !some.includes(one)))
}

/** What every agent must have before one change of a bundle. */
interface Barrier {
  /** What the finding is about. */
  readonly address: string
  readonly condition: GateCondition
  /** The change and what it needs: a sentence for the finding. */
  readonly what: string
  /** Roots that stay in the bundle until then. */
  readonly keep: readonly string[]
}

/** What the bundle in the store holds: a root that left it before has left. */
function bundledRoots(
  { address, name }: DesiredBundle,
  { inventory }: Facts,
): ReadonlySet<string> | undefined {
  const found = inventory.bundles.get(address)
  if (found === undefined) return undefined
  const roots = [...inventory.authorities.values()].filter(
    (one) =>
      one.name === name &&
      one.certificate !== undefined &&
      found.certificates.some((held) => sameCertificate(held, one.certificate!)),
  )
  return new Set(roots.map((one) => one.address))
}

/** How many agents a finding names. */
const mostNamed = 5

function heldFinding(
  address: string,
  what: string,
  { holds }: GateVerdict,
  { name }: DesiredBundle,
): Finding {
  const named = holds.slice(0, mostNamed).map((one) => `${one.address}: ${one.message}`)
  const more = holds.length > mostNamed ? `; and ${holds.length - mostNamed} more` : ''
  const [first] = holds
  // What is made cannot be of a stage that is held: the way there is by stages.
  const early = holds.some(({ message }) => message.includes('is not of this stage'))
  const cure = early
    ? `take the spec back, and go in stages: nomad-pki rotate authority ${name} --next`
    : first!.remedy
  return {
    severity: 'error',
    address,
    reason: 'trust-needed',
    message: `${what}: ${named.join('; ')}${more}`,
    remedy: `${cure}; or: nomad-pki rotate authority ${name} --except ${first!.address} --reason "…"`,
  }
}

function hasEnded(root: string, { inventory, now }: Facts): boolean {
  const end = inventory.authorities.get(root)?.certificate?.notAfter
  return end !== undefined && end <= now
}

/** Whether a leaf under a root is accepted by those that trust only what was trusted until now. */
function isCertified(
  { address, crossedBy }: DesiredAuthority,
  trusted: ReadonlySet<string>,
  facts: Facts,
): boolean {
  const { authorities } = facts.inventory
  const crossed = authorities.get(address)?.crossed ?? new Map()
  // They trust its key, under an older certificate.
  const twins = twinsOf(address, authorities)
  return [...trusted].every(
    (root) =>
      twins.includes(root) ||
      hasEnded(root, facts) ||
      crossedBy.includes(root) ||
      crossed.has(generationOf(root)),
  )
}

/** The same, where some roots stay trusted. */
function keeping(desired: Desired, bundle: DesiredBundle, keep: readonly string[]): Desired {
  const known = new Set(desired.authorities.map(({ address }) => address))
  const like = desired.authorities.find(
    ({ name, issuer }) => name === bundle.name && issuer === undefined,
  )!
  const back = keep
    .filter((address) => !known.has(address))
    .map((address): DesiredAuthority => ({
      ...like,
      ...{ address, generation: generationOf(address) },
      ...{ signing: false, crossed: false, crossedBy: [] },
    }))
  return {
    ...desired,
    authorities: [...back, ...desired.authorities],
    bundles: desired.bundles.map((one) =>
      one === bundle ? { ...one, trusted: inOrder([...one.trusted, ...keep]) } : one,
    ),
  }
}

function inOrder(addresses: readonly string[]): readonly string[] {
  return [...addresses].sort((a, b) => generationOf(a) - generationOf(b))
}

/**
 * What an unfinished rotation still waits for, or an agent at rest that has what is not ours;
 * `undefined` where nothing may differ.
 */
export function unfinished(
  name: string,
  desired: Desired,
  inventory: Inventory,
  { now }: { readonly now: number },
): GateVerdict | undefined {
  const evidence = evidenceIn(inventory.ledger, { now })
  const signing = desired.authorities.find((one) => one.name === name && one.signing)
  if (signing === undefined || signing.issuer !== undefined || !wasDelivered(evidence))
    return undefined
  const judgements = judgeSeenAlone(inventory, { now, evidence })
  const judged = withExceptions(judgements, evidence)
  const agents = desired.identities.filter(
    ({ profile }) => isAgent(profile.role) && profile.bundle === bundleAddress(name),
  )
  const self = selfRenewedIn(desired, inventory, { now, evidence })
  const isDone = ({ address }: DesiredIdentity): boolean => {
    const state = (self.get(address) ?? judged.get(address))?.state
    return state === 'proven' || state === 'excepted'
  }
  if (agents.every(isDone)) return undefined
  // One that trusts what was never in its bundle differs, whatever was made for it.
  const strange = agents.some(({ address }) =>
    self.has(address) ? isBehind(self.get(address)!) : judged.get(address)?.state === 'foreign',
  )
  if (!strange && !mayDiffer(generationsIn(inventory), name, evidence, now)) return undefined
  const condition: GateCondition = { trusts: [signing.address], settled: true }
  return judgeGate(condition, {
    ...{ desired, inventory, evidence, now, judgements },
    authority: signing.address,
  })
}
