/**
 * What a probe proves of each agent: that it loaded the newest generation of its identity, or what
 * else it has. A leaf is proof of a leaf; trust is proven by the names in a certificate request, and
 * where an agent asks for none, by the receipt of its installer.
 *
 * @module
 */

import type { Inventory } from '../inventory/inventory.js'
import type { Desired, DesiredIdentity } from '../spec/desired.js'
import { evidenceIn, type Evidence, type Observation, type Receipt } from './evidence.js'
import { evidenceLife } from './gate.js'
import { generationsIn, type MadeGeneration } from './generations.js'
import { isAuthority, recogniser, type Recogniser } from './recognise.js'

/** What is known of an agent, best first. */
export type AgentState =
  /** It loaded the newest generation. */
  | 'proven'
  /** It presents the newest leaf, and whom it trusts cannot be seen. */
  | 'unobservable'
  /** It has an older generation. */
  | 'old'
  /** Its ports disagree: it was reloaded in part. */
  | 'mixed'
  /** It presents a leaf that is not its own. */
  | 'foreign'
  /** A port of it did not answer. */
  | 'unreachable'
  /** Nothing says where it listens. */
  | 'unasked'
  /** There is no certificate for it yet. */
  | 'unmade'

/** What was seen of one port. */
export interface SeenPort extends Observation {
  /** Who should be there. */
  readonly asked: string
}

/** A port that did not answer. */
export interface SilentPort {
  readonly address: string
  readonly endpoint: string
  readonly message: string
}

/** One agent. */
export interface AgentVerdict {
  readonly address: string
  readonly state: AgentState
  /** What it is seen to have; `null` where that is not one of its own generations. */
  readonly generation: number | null
  /** What it should have. */
  readonly newest: number | null
  /** One sentence: lower case, no full stop. */
  readonly message: string
  /** What cures it. */
  readonly remedy?: string | undefined
  readonly seen: readonly SeenPort[]
  readonly silent: readonly SilentPort[]
}

/** What was seen, of whom. */
export interface AgentsSeen {
  /** The agents that were to be asked. */
  readonly addresses: readonly string[]
  readonly seen: readonly SeenPort[]
  readonly silent: readonly SilentPort[]
}

/**
 * What was seen last of each port, as the ledger has it; what is too old says nothing any more.
 *
 * @param evidence Of the ledger.
 * @param asked Who should be at which endpoint; where nobody says it, whose leaf it was.
 * @param now Epoch milliseconds.
 */
export function lastSeen(
  { observations }: Pick<Evidence, 'observations'>,
  asked: ReadonlyMap<string, string>,
  now: number,
): readonly SeenPort[] {
  const newest = new Map<string, Observation>()
  for (const one of observations) {
    if (now - one.at > evidenceLife) continue
    const before = newest.get(one.endpoint)
    if (before === undefined || one.at >= before.at) newest.set(one.endpoint, one)
  }
  return [...newest.values()].map((one) => ({
    ...one,
    asked: asked.get(one.endpoint) ?? one.address,
  }))
}

/**
 * Judges each agent.
 *
 * @param desired The cluster.
 * @param inventory The ledger says which generations there are, and which receipts.
 * @param looked What was seen.
 * @returns In the order of `looked.addresses`.
 */
export function judgeAgents(
  desired: Desired,
  inventory: Inventory,
  { addresses, seen, silent }: AgentsSeen,
): readonly AgentVerdict[] {
  const identities = new Map(desired.identities.map((identity) => [identity.address, identity]))
  const made = generationsIn(inventory)
  const known = recogniser(inventory)
  const receipts = new Map<string, Receipt>()
  for (const receipt of evidenceIn(inventory.ledger).receipts) {
    const before = receipts.get(receipt.address)
    if (before === undefined || receipt.at >= before.at) receipts.set(receipt.address, receipt)
  }
  const seenBy = groupBy(seen, ({ asked }) => asked)
  const silentBy = groupBy(silent, ({ address }) => address)
  return addresses.map((address) =>
    judge(identities.get(address)!, {
      generations: made.get(address) ?? [],
      receipt: receipts.get(address),
      seen: seenBy.get(address) ?? [],
      silent: silentBy.get(address) ?? [],
      known,
    }),
  )
}

interface Facts {
  readonly generations: readonly MadeGeneration[]
  readonly receipt: Receipt | undefined
  readonly seen: readonly SeenPort[]
  readonly silent: readonly SilentPort[]
  readonly known: Recogniser
}

function judge({ address, profile }: DesiredIdentity, facts: Facts): AgentVerdict {
  const { generations, receipt, seen, silent, known } = facts
  const newest = generations.at(-1)
  const verdict = (
    state: AgentState,
    message: string,
    remedy?: string,
    generation: number | null = null,
  ): AgentVerdict => ({
    ...{ address, state, generation, newest: newest?.number ?? null, message },
    ...(remedy !== undefined && { remedy }),
    ...{ seen, silent },
  })
  if (newest === undefined) {
    return verdict('unmade', 'it has no certificate yet', `nomad-pki apply ${address}`)
  }
  const again = `deliver generation ${newest.number}, reload, then: nomad-pki probe ${address}`
  if (seen.length === 0) {
    return silent.length > 0
      ? verdict('unreachable', silent[0]!.message, `nomad-pki probe ${address}`)
      : verdict(
          'unasked',
          profile.shared
            ? 'many hosts share it, and nothing says where they are'
            : 'nothing says where it listens',
          profile.shared
            ? 'give its nodes names of their own, or wait until the old leaf ends'
            : 'give the node ips, or http and rpc, in the spec',
        )
  }
  const foreign = seen.find((one) => known.leaf(one.fingerprint)?.address !== address)
  if (foreign !== undefined) {
    const other = known.leaf(foreign.fingerprint)?.address
    return verdict(
      'foreign',
      other === undefined
        ? `${foreign.endpoint} presents a leaf that the ledger does not have (SHA-256 ${foreign.fingerprint.slice(0, 16)}…)`
        : `${foreign.endpoint} presents the leaf of ${other}`,
      other === undefined
        ? again
        : `is ${foreign.endpoint} the address of this agent? if so: ${again}`,
    )
  }
  const loaded = seen.map((one) => known.generation(one.fingerprint, one.trusts))
  const oldest = loaded.reduce<number | null>(
    (least, one) => (least === null || one === null ? null : Math.min(least, one)),
    loaded[0] ?? null,
  )
  const leaves = new Set(seen.map(({ fingerprint }) => fingerprint))
  if (leaves.size > 1) {
    const said = seen.map(
      ({ endpoint, fingerprint }) =>
        `${endpoint} presents generation ${known.leaf(fingerprint)!.generations[0]!.number}`,
    )
    return verdict('mixed', `its ports disagree: ${said.join(', ')}`, again, oldest)
  }
  const [leaf] = leaves
  if (leaf !== newest.fingerprint) {
    return verdict(
      'old',
      `it presents generation ${oldest ?? '?'}, not ${newest.number}`,
      again,
      oldest,
    )
  }
  const shown = seen.filter(({ trusts }) => trusts?.some(known.isAmbiguous) === false)
  const wanted = newest.trusted
  if (wanted !== undefined) {
    for (const { endpoint, trusts } of shown) {
      const lacking = wanted.filter((root) => !trusts!.includes(root))
      const dropped = trusts!.filter((root) => isAuthority(root) && !wanted.includes(root))
      if (lacking.length + dropped.length === 0) continue
      const what =
        lacking.length > 0
          ? `does not trust ${lacking.join(', ')}`
          : `still trusts ${dropped.join(', ')}`
      return verdict('old', `it presents the newest leaf, but ${endpoint} ${what}`, again, oldest)
    }
  }
  if (silent.length > 0) {
    return verdict(
      'unreachable',
      `${silent[0]!.message}; what answered has generation ${newest.number}`,
      `nomad-pki probe ${address}`,
      oldest,
    )
  }
  if (shown.length > 0 && wanted !== undefined) {
    return verdict('proven', `generation ${newest.number}`, undefined, newest.number)
  }
  // All that it can have loaded trusts the same: then the leaf says everything.
  const one = wanted !== undefined && generations.every(({ trusted }) => same(trusted, wanted))
  if (one) return verdict('proven', `generation ${newest.number}`, undefined, newest.number)
  if (receipt?.generation === newest.number && receipt.fingerprint === leaf) {
    const message = `generation ${newest.number}; its trust by the receipt of its installer`
    return verdict('proven', message, undefined, newest.number)
  }
  return verdict(
    'unobservable',
    `it presents the leaf of generation ${newest.number}; whom it trusts cannot be seen`,
    'take the receipt of its installer: nomad-pki probe --evidence FILE',
    oldest,
  )
}

function same(a: readonly string[] | undefined, b: readonly string[]): boolean {
  return a?.length === b.length && a.every((one) => b.includes(one))
}

function groupBy<T>(
  all: readonly T[],
  keyOf: (one: T) => string,
): ReadonlyMap<string, readonly T[]> {
  const groups = new Map<string, T[]>()
  for (const one of all) {
    const group = groups.get(keyOf(one))
    if (group === undefined) groups.set(keyOf(one), [one])
    else group.push(one)
  }
  return groups
}
