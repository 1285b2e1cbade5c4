/**
 * Nodes that renew themselves: the store makes nothing for them, so what each has is known by what it presents, and by
 * the receipts of `renew`. What it presents is held against the spec: key, names, role, issuer, dates, trust.
 *
 * ```text
 * seen a ── due ──────── seen b          b is its own renewal: proven
 *             └─ seen a ───────────      it was asked after it was due, and still had a: overdue
 *             └─ (not asked) ──────      nobody knows
 * ```
 *
 * @module
 */

import { checkContext, type CheckContext } from '../checks/context.js'
import { endsWithIssuer, goodChecks, renewBeforeOf, runChecks } from '../checks/identity.js'
import type { Reason, ReasonGiven } from '../checks/reasons.js'
import { renewsItself, type Desired, type DesiredIdentity } from '../cluster/desired.js'
import { formatDuration, formatInstant } from '../duration.js'
import { groupBy } from '../grouping.js'
import type { FoundGeneration, Inventory } from '../inventory/inventory.js'
import type { Certificate } from '../x509/certificate.js'
import { evidenceIn, type Evidence, type Observation, type Receipt } from './evidence.js'
import { generationsIn, type MadeGeneration } from './generations.js'
import type { AgentState } from './judgement.js'
import { lastOf } from './known-generation.js'
import { portsIn, type Ports } from './ports.js'
import { nodeFilesRemedy, portsDiffer, probeRemedy } from './self-renewed-words.js'
import { issuerOfNoted, presentedLeaves, type LeafReader } from './presented.js'
import { trustByReceipt, trustSeen } from './self-renewed-trust.js'
import { trustReader, type TrustReader } from './trust.js'

/** What is known of a node that renews itself. */
export interface SelfRenewed {
  /** `identity/client/us-west/c1` */
  readonly address: string
  /** How it stands to what the spec wants: `unknown` where it was not seen, or not since its renewal was due. */
  readonly state: Exclude<AgentState, 'excepted'>
  /** What stands against it; absent where nothing does, and where it did not answer. */
  readonly reason?: Reason | undefined
  /** One sentence: lower case, no full stop. */
  readonly message: string
  /** What cures it. */
  readonly remedy?: string | undefined
  /** What it was last known to have; absent where that is not known, or nobody of ours signed it. */
  readonly leaf?: Certificate | undefined
  /** The authority that signed that, `authority/us-west/1`. */
  readonly issuer?: string | undefined
  /** The generation of the store that it still has, from before it was to renew itself. */
  readonly made?: MadeGeneration | undefined
  /** When it was first seen with it, epoch milliseconds. */
  readonly since?: number | undefined
  /** When it was last seen, or when its receipt was written, epoch milliseconds. */
  readonly at?: number | undefined
  /** Whether a handshake says it, or a receipt alone. */
  readonly basis?: 'seen' | 'received' | undefined
  /** By when the node should have renewed it, epoch milliseconds. */
  readonly dueAt?: number | undefined
  /** The roots that its last receipt names, where it is about what it has. */
  readonly received?: readonly string[] | undefined
  /** What was seen of it last. */
  readonly ports: Ports
}

/** By address; nodes that renew themselves alone. */
export type SelfRenewedNodes = ReadonlyMap<string, SelfRenewed>

/** After its renewal is due a node has this long, milliseconds: its timer runs each hour, with half an hour of delay. */
const timerPeriod = 2 * 3_600_000

/**
 * Judges the nodes that renew themselves.
 *
 * @param desired Which they are, and what each should have.
 * @param inventory The authorities, and the ledger with what was seen.
 * @param options `now`: epoch milliseconds; `evidence`: what was seen. Default: what the ledger says.
 */
export function selfRenewedIn(
  desired: Desired,
  inventory: Inventory,
  options: { readonly now: number; readonly evidence?: Evidence | undefined },
): SelfRenewedNodes {
  const nodes = desired.identities.filter(renewsItself)
  if (nodes.length === 0) return new Map()
  const { now } = options
  const evidence = options.evidence ?? evidenceIn(inventory.ledger, options)
  const ports = portsIn(evidence, { now })
  const before = portsIn({ observations: evidence.observations, silences: [] }, { now })
  const receipts = groupBy(evidence.receipts, ({ address }) => address)
  const sights = groupBy(evidence.observations, (one) => one.asked ?? one.address)
  const roots = new Map(desired.bundles.map(({ address, trusted }) => [address, trusted]))
  const facts: Shared = {
    now,
    inventory,
    context: checkContext(desired, inventory, { now }),
    trust: trustReader(inventory, evidence, { now }),
    leaves: presentedLeaves(inventory.ledger, evidence.observations),
    presenting: presentingNow(nodes, ports),
  }
  const made = generationsIn(inventory)
  return new Map(
    nodes.map((wanted) => {
      const { address, profile } = wanted
      return [
        address,
        judge({
          ...facts,
          wanted,
          made: made.get(address) ?? [],
          ports: ports.get(address) ?? noPorts,
          before: before.get(address)?.seen ?? [],
          receipt: lastOf(receipts.get(address) ?? []),
          sights: sights.get(address) ?? [],
          roots: roots.get(profile.bundle) ?? [],
        }),
      ] as const
    }),
  )
}

function presentingNow(
  nodes: readonly DesiredIdentity[],
  ports: ReadonlyMap<string, Ports>,
): ReadonlyMap<string, readonly DesiredIdentity[]> {
  const nodesOf = new Map<string, DesiredIdentity[]>()
  for (const wanted of nodes) {
    const seen = ports.get(wanted.address)?.seen ?? []
    for (const fingerprint of new Set(seen.map((one) => one.fingerprint))) {
      const known = nodesOf.get(fingerprint)
      if (known === undefined) nodesOf.set(fingerprint, [wanted])
      else known.push(wanted)
    }
  }
  return nodesOf
}

const noPorts: Ports = { seen: [], silent: [] }

/** What the judgement of every node rests on. */
interface Shared {
  readonly now: number
  readonly inventory: Inventory
  readonly context: CheckContext
  readonly trust: TrustReader
  readonly leaves: LeafReader
  /** Which of these nodes present a leaf now, by its SHA-256, hex. */
  readonly presenting: ReadonlyMap<string, readonly DesiredIdentity[]>
}

/** What the judgement of one node rests on. */
export interface SelfRenewedFactsOf extends Shared {
  readonly wanted: DesiredIdentity
  /** What the store made for it, before it was to renew itself. */
  readonly made: readonly MadeGeneration[]
  readonly ports: Ports
  /** What was seen before it fell silent. */
  readonly before: readonly Observation[]
  readonly receipt: Receipt | undefined
  readonly sights: readonly Observation[]
  /** Roots that it should trust. */
  readonly roots: readonly string[]
}

type Facts = SelfRenewedFactsOf
type Verdict = Omit<SelfRenewed, 'address' | 'ports'>

function judge(facts: Facts): SelfRenewed {
  return { address: facts.wanted.address, ports: facts.ports, ...verdictOf(facts) }
}

function verdictOf(facts: Facts): Verdict {
  const { ports, receipt, before, wanted } = facts
  const asked = [...ports.seen, ...ports.silent]
  const latest = Math.max(...asked.map(({ at }) => at))
  if (receipt !== undefined && !(receipt.at <= latest)) return judgeReceipt(receipt, facts)
  if (asked.length === 0) {
    return {
      state: 'unknown',
      reason: 'not-seen',
      message:
        'it renews itself, and was not seen yet: the store knows it by probe and by its receipts alone',
      remedy: probeRemedy(wanted.address),
    }
  }
  if (ports.seen.length > 0) return judgeSeen(latest, facts)
  const last = ports.silent.reduce((a, b) => (b.at >= a.at ? b : a))
  const known = before.length > 0 ? before[0]!.fingerprint : receipt?.fingerprint
  return {
    ...knownBy(known, facts),
    state: 'silent',
    message: last.message,
    remedy: last.remedy ?? probeRemedy(wanted.address),
    at: last.at,
  }
}

/** What is known of a leaf by its fingerprint. */
function knownBy(
  fingerprint: string | undefined,
  { leaves, made, sights, wanted, inventory, context }: Facts,
): Pick<Verdict, 'leaf' | 'issuer' | 'made' | 'since' | 'dueAt'> {
  if (fingerprint === undefined) return {}
  const leaf = leaves(fingerprint)
  const own = made.findLast((one) => one.fingerprint === fingerprint)
  const end = context.authorities.get(wanted.profile.issuer.address)?.notAfter
  const seen = sights.filter((one) => one.fingerprint === fingerprint).map(({ at }) => at)
  return {
    ...(leaf !== undefined && {
      leaf,
      issuer: issuerOfNoted(leaf, inventory),
      // One that ends with its issuer is not renewed into a longer life.
      ...(!endsWithIssuer(leaf, end) && { dueAt: leaf.notAfter - renewBeforeOf(wanted, leaf) }),
    }),
    ...(own !== undefined && { made: own }),
    ...(seen.length > 0 && { since: Math.min(...seen) }),
  }
}

function judgeReceipt(receipt: Receipt, facts: Facts): Verdict {
  const { fingerprint, at, state, trusted } = receipt
  const known = knownBy(fingerprint, facts)
  const say = { ...known, at, basis: 'received', received: trusted } as const
  const leaf = judgeLeaf(fingerprint, at, 'its receipt names', facts)
  if (leaf !== undefined) return { ...say, ...leaf }
  const trust = trustByReceipt(trusted, facts)
  if (trust !== undefined) return { ...say, ...trust }
  const what = state === 'proven' ? 'loaded' : 'in place'
  return {
    ...say,
    state: 'proven',
    message: `${what} by the receipt of its own renewal${endText(known.leaf)}; it was not seen since`,
  }
}

function endText(leaf: Certificate | undefined): string {
  return leaf === undefined ? '' : `, valid until ${formatInstant(leaf.notAfter)}`
}

function judgeSeen(at: number, facts: Facts): Verdict {
  const { ports, receipt, wanted, trust } = facts
  const { seen, silent } = ports
  const [first, ...others] = [...new Set(seen.map(({ fingerprint }) => fingerprint))]
  const about = first!
  const received = receipt?.fingerprint === about ? receipt.trusted : undefined
  const say = { ...knownBy(about, facts), at, basis: 'seen', received } as const
  for (const { fingerprint, endpoint } of seen) {
    const owner = trust.leafOf(fingerprint) ?? otherOwner(fingerprint, facts)
    if (owner === undefined || owner === wanted.address) continue
    return {
      ...say,
      state: 'foreign',
      reason: 'not-proven',
      message: `${endpoint} presents the leaf of ${owner}`,
      remedy: `is ${endpoint} the address of this agent? if so: ${nodeFilesRemedy(wanted.address)}`,
    }
  }
  for (const { fingerprint, endpoint } of seen) {
    const leaf = judgeLeaf(fingerprint, at, `${endpoint} presents`, facts)
    if (leaf !== undefined) return { ...say, ...leaf }
  }
  if (others.length > 0) {
    return {
      ...say,
      state: 'lagging',
      reason: 'not-proven',
      message: portsDiffer(others.length + 1),
      remedy: `reload it, then: ${probeRemedy(wanted.address)}`,
    }
  }
  const trusts = trustSeen(received, facts)
  if (trusts !== undefined) return { ...say, ...trusts }
  if (silent.length > 0) {
    return {
      ...say,
      state: 'silent',
      message: `${silent[0]!.message}; what answered has its own certificate`,
      remedy: silent[0]!.remedy ?? probeRemedy(wanted.address),
    }
  }
  const since = say.since === undefined ? '' : `, first seen at ${formatInstant(say.since)}`
  return { ...say, state: 'proven', message: `its own certificate${endText(say.leaf)}${since}` }
}

/**
 * Another node that renews itself and presents the same leaf, where the names in it are not this node's alone: the
 * address of one leads to the other.
 */
function otherOwner(fingerprint: string, facts: Facts): string | undefined {
  const { wanted, presenting } = facts
  const others = (presenting.get(fingerprint) ?? []).filter((one) => one !== wanted)
  const leaf = others.length > 0 ? facts.leaves(fingerprint) : undefined
  if (leaf === undefined) return undefined
  const isNamed = (one: DesiredIdentity): boolean =>
    faultsOf(leaf, { ...facts, wanted: one }).every(({ reason }) => reason !== 'names-differ')
  return others.find((one) => isNamed(one) || !isNamed(wanted))?.address
}

/** What stands against a leaf; `undefined`: nothing. */
function judgeLeaf(
  fingerprint: string,
  at: number,
  presents: string,
  facts: Facts,
): Pick<Verdict, 'state' | 'reason' | 'message' | 'remedy'> | undefined {
  const { wanted, now, made } = facts
  const { address } = wanted
  const leaf = facts.leaves(fingerprint)
  if (leaf === undefined) {
    const own = made.findLast((one) => one.fingerprint === fingerprint)
    if (own === undefined) {
      return {
        state: 'foreign',
        reason: 'issuer-changed',
        message: `${presents} a certificate that no authority of this store signed (SHA-256 ${fingerprint.slice(0, 16)}…)`,
        remedy: nodeFilesRemedy(address),
      }
    }
    const ended = own.notAfter <= now
    return {
      state: ended ? 'expired' : 'lagging',
      reason: ended ? 'expired' : 'not-seen',
      message: `${presents} generation ${own.number} of the store, ${ended ? `expired on ${formatInstant(own.notAfter)}` : `valid until ${formatInstant(own.notAfter)}`}: it was not seen with a certificate of its own`,
      remedy: nodeFilesRemedy(address),
    }
  }
  const [fault] = faultsOf(leaf, facts)
  if (fault !== undefined) {
    const { reason, message } = fault
    return {
      state: reason === 'expired' ? 'expired' : 'lagging',
      reason,
      message: `${presents} a certificate that is not what the spec wants: ${message}`,
      remedy: reason === 'expired' ? overdueRemedy(address) : nodeFilesRemedy(address),
    }
  }
  return overdue(leaf, at, facts)
}

/** Whether it should have renewed by now, and by what was seen did not. */
function overdue(
  leaf: Certificate,
  at: number,
  { wanted, now, context }: Facts,
): Pick<Verdict, 'state' | 'reason' | 'message' | 'remedy'> | undefined {
  const { address, profile } = wanted
  const dueAt = leaf.notAfter - renewBeforeOf(wanted, leaf)
  const issuer = context.authorities.get(profile.issuer.address)
  if (now < dueAt || endsWithIssuer(leaf, issuer?.notAfter)) return undefined
  const ends = `its certificate ends at ${formatInstant(leaf.notAfter)} and was to be renewed from ${formatInstant(dueAt)} on`
  // It renews up to a tenth earlier; its timer may not have run since.
  if (at < dueAt + Math.min(timerPeriod, (leaf.notAfter - dueAt) / 4)) {
    return {
      state: 'unknown',
      reason: 'not-seen',
      message: `${ends}; it was not seen since (${formatDuration(Math.max(0, now - at))} ago)`,
      remedy: probeRemedy(address),
    }
  }
  return {
    state: 'lagging',
    reason: 'renewal-overdue',
    message: `${ends}: it did not renew it`,
    remedy: overdueRemedy(address),
  }
}

function overdueRemedy(address: string): string {
  return `on the node: nomad-pki renew, which says why it did not; then: ${probeRemedy(address)}`
}

/** What of a leaf is not as the spec wants it. What a handshake does not show is left out. */
function faultsOf(leaf: Certificate, { wanted, context }: Facts): readonly ReasonGiven[] {
  const { address, name, profile } = wanted
  const signing = context.authorities.get(profile.issuer.address)
  const generation: FoundGeneration = {
    ...{ directory: '', number: 0, key: { state: 'node' }, manifest: null, sums: {} },
    chain: [leaf, ...(signing?.chain ?? [])],
    bundle: context.bundles.get(profile.bundle) ?? '-',
    trust: [],
  }
  const found = {
    ...{ address, role: profile.role, region: profile.region, name, findings: [] },
    ...{ current: generation, generations: [] },
  }
  const unseen: ReadonlySet<Reason> = new Set(['trust-changed', 'chain-broken', 'key-shared'])
  return runChecks(goodChecks, { wanted, found, generation, leaf }, context).filter(
    ({ reason }) => !unseen.has(reason),
  )
}

/** Whether a node that renews itself was seen with what an earlier stage had. */
export function isBehind({ state, reason }: SelfRenewed): boolean {
  if (state === 'foreign') return true
  return state === 'lagging' && (reason === 'trust-changed' || reason === 'issuer-changed')
}
