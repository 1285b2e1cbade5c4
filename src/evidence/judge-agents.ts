/**
 * What a probe proves of each agent: that it loaded the newest generation of its identity, or what
 * else it has. A leaf is proof of a leaf; trust is proven by the names in a certificate request, and
 * where an agent asks for none, by the receipt of its installer.
 *
 * @module
 */

import { groupBy } from '../grouping.js'
import type { Inventory } from '../inventory/inventory.js'
import type { Desired, DesiredIdentity } from '../spec/desired.js'
import {
  evidenceLife,
  newestBy,
  type Evidence,
  type Receipt,
  type SeenPort,
  type SilentPort,
} from './evidence.js'
import { takeOverPage } from '../authority/take-over.js'
import { generationsIn, sameRoots, type MadeGeneration } from './generations.js'
import { isAuthority, recogniser, type Recogniser } from './recognise.js'

/** What is known of an agent, best first. */
export type AgentState =
  /** It loaded the newest generation. */
  | 'proven'
  /** It answered, and without a ledger nobody can say what that is. */
  | 'seen'
  /** It presents the newest leaf, and whom it trusts cannot be seen. */
  | 'unobservable'
  /** It has an older generation. */
  | 'old'
  /** Its ports disagree: it was reloaded in part. */
  | 'mixed'
  /** It presents a leaf that is not its own, or trusts somebody who is none of ours. */
  | 'foreign'
  /** A port of it did not answer. */
  | 'unreachable'
  /** Nothing says where it listens. */
  | 'unasked'
  /** There is no certificate for it yet. */
  | 'unmade'

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
  const fresh = observations.filter(({ at }) => now - at <= evidenceLife)
  const newest = newestBy(fresh, ({ endpoint }) => endpoint)
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
  const seenBy = groupBy(seen, ({ asked }) => asked)
  const silentBy = groupBy(silent, ({ address }) => address)
  return addresses.map((address) =>
    judge(identities.get(address)!, {
      generations: made.get(address) ?? [],
      receipt: known.receipt(address),
      seen: seenBy.get(address) ?? [],
      silent: silentBy.get(address) ?? [],
      known,
      blind: inventory.ledger.lines.length === 0,
    }),
  )
}

interface Facts {
  readonly generations: readonly MadeGeneration[]
  readonly receipt: Receipt | undefined
  readonly seen: readonly SeenPort[]
  readonly silent: readonly SilentPort[]
  readonly known: Recogniser
  /** Without any ledger. */
  readonly blind: boolean
}

type Say = (
  state: AgentState,
  message: string,
  remedy?: string,
  generation?: number | null,
) => AgentVerdict

function judge({ address, profile, stanza }: DesiredIdentity, facts: Facts): AgentVerdict {
  const { generations, seen, silent, blind } = facts
  const newest = generations.at(-1)
  const say: Say = (state, message, remedy, generation = null) => ({
    ...{ address, state, generation, newest: newest?.number ?? null, message },
    ...(remedy !== undefined && { remedy }),
    ...{ seen, silent },
  })
  if (newest === undefined && !blind) {
    return say('unmade', 'it has no certificate yet', `nomad-pki apply ${address}`)
  }
  if (seen.length === 0 && silent.length > 0) {
    return say('unreachable', silent[0]!.message, `nomad-pki probe ${address}`)
  }
  if (seen.length === 0 && stanza?.http === false && profile.role === 'client') {
    return say(
      'unasked',
      'its HTTP port has no TLS, and a client has no other port to ask',
      'take the receipt of its installer: nomad-pki probe --evidence FILE',
    )
  }
  if (seen.length === 0) {
    return profile.shared
      ? say(
          'unasked',
          'many hosts share it, and Nomad was not asked where they are',
          'give its nodes names of their own, or wait until the old leaf ends',
        )
      : say(
          'unasked',
          'nothing says where it listens',
          'give the node ips, or http and rpc, in the spec',
        )
  }
  if (newest === undefined) return judgeBlindly(address, facts, say)
  return (profile.shared ? judgeHosts : judgeSeen)(address, newest, facts, say)
}

/** What it shows is told; what that is, only the ledger knows. */
function judgeBlindly(address: string, { seen, silent }: Facts, say: Say): AgentVerdict {
  const leaves = [...new Set(seen.map(({ fingerprint }) => `${fingerprint.slice(0, 16)}…`))]
  const names = [...new Set(seen.flatMap(({ trusts }) => trusts ?? []))]
  const trust = names.length === 0 ? '' : `, trusts ${names.join(' and ')}`
  const message = `leaf SHA-256 ${leaves.join(' and ')}${trust}`
  return silent.length === 0
    ? say('seen', message)
    : say('unreachable', `${silent[0]!.message}; ${message}`, `nomad-pki probe ${address}`)
}

function judgeSeen(
  address: string,
  newest: MadeGeneration,
  { generations, receipt, seen, silent, known }: Facts,
  say: Say,
): AgentVerdict {
  const again = `deliver generation ${newest.number}, reload, then: nomad-pki probe ${address}`
  const foreign = seen.find((one) => known.leaf(one.fingerprint)?.address !== address)
  if (foreign !== undefined) {
    const { endpoint, fingerprint } = foreign
    const other = known.leaf(fingerprint)?.address
    const strangers = strangersIn(foreign.trusts)
    return other === undefined
      ? say(
          'foreign',
          `${endpoint} presents a leaf that the ledger does not have (SHA-256 ${fingerprint.slice(0, 16)}…)${
            strangers === undefined ? '' : `, and trusts ${strangers.join(' and ')}, none of ours`
          }`,
          // A reload would cut it off from the agents that still have the other authority.
          strangers === undefined
            ? again
            : `the agent uses another authority: keep that one, or move all agents on purpose: ${takeOverPage}`,
        )
      : say(
          'foreign',
          `${endpoint} presents the leaf of ${other}`,
          `is ${endpoint} the address of this agent? if so: ${again}`,
        )
  }
  const oldest = Math.min(
    ...seen.map(({ fingerprint, trusts }) => known.generation(fingerprint, trusts)!),
  )
  const [leaf, ...others] = new Set(seen.map(({ fingerprint }) => fingerprint))
  if (others.length > 0) {
    const said = seen.map(
      ({ endpoint, fingerprint }) =>
        `${endpoint} presents generation ${known.leaf(fingerprint)!.generations[0]!.number}`,
    )
    return say('mixed', `its ports disagree: ${said.join(', ')}`, again, oldest)
  }
  if (leaf !== newest.fingerprint) {
    return say('old', `it presents generation ${oldest}, not ${newest.number}`, again, oldest)
  }
  const wanted = newest.trusted
  const shown = seen.filter(({ trusts }) => trusts?.some(known.isAmbiguous) === false)
  for (const { endpoint, trusts } of wanted === undefined ? [] : shown) {
    const fault = trustFault(trusts!, wanted!)
    if (fault === undefined) continue
    const message = `it presents the newest leaf, but ${endpoint} ${fault.message}`
    return say(fault.state, message, again, oldest)
  }
  if (silent.length > 0) {
    const message = `${silent[0]!.message}; what answered has generation ${newest.number}`
    return say('unreachable', message, `nomad-pki probe ${address}`, oldest)
  }
  const proven = (how = ''): AgentVerdict =>
    say('proven', `generation ${newest.number}${how}`, undefined, newest.number)
  if (wanted !== undefined) {
    if (shown.length > 0) return proven()
    // All that it can have loaded trusts the same: then the leaf says everything.
    if (generations.every(({ trusted }) => sameRoots(trusted, wanted))) return proven()
  }
  if (receipt?.generation === newest.number && receipt.fingerprint === leaf) {
    return proven('; its trust by the receipt of its installer')
  }
  return say(
    'unobservable',
    `it presents the leaf of generation ${newest.number}; whom it trusts cannot be seen`,
    'take the receipt of its installer: nomad-pki probe --evidence FILE',
    oldest,
  )
}

/** Many hosts that share one leaf: the one that lags says how it stands. */
function judgeHosts(address: string, newest: MadeGeneration, facts: Facts, say: Say): AgentVerdict {
  const { seen, silent } = facts
  const each = seen.map((one) =>
    judgeSeen(address, newest, { ...facts, seen: [one], silent: [] }, say),
  )
  const all = seen.length + silent.length
  const behind = each.filter(({ state }) => state !== 'proven')
  const worst = behind.find(({ state }) => state === 'foreign') ?? behind[0]
  const oldest = each.reduce<number | null>(
    (least, { generation }) =>
      least === null || generation === null ? null : Math.min(least, generation),
    newest.number,
  )
  const hosts = `${all} ${all === 1 ? 'host' : 'hosts'}`
  if (worst !== undefined) {
    const message = `${behind.length} of ${hosts} are not proven: ${worst.message}`
    return say(worst.state, message, worst.remedy, oldest)
  }
  if (silent.length > 0) {
    const message = `${silent.length} of ${hosts} cannot be asked: ${silent[0]!.message}`
    return say('unreachable', message, `nomad-pki probe`, oldest)
  }
  return say('proven', `generation ${newest.number}, ${hosts}`, undefined, newest.number)
}

/** Whom it trusts, where none of them is an authority of ours. */
function strangersIn(trusts: readonly string[] | null): readonly string[] | undefined {
  return trusts === null || trusts.length === 0 || trusts.some(isAuthority) ? undefined : trusts
}

/** How the names that it said differ from what its generation brought. */
function trustFault(
  trusts: readonly string[],
  wanted: readonly string[],
): { readonly state: AgentState; readonly message: string } | undefined {
  const lacking = wanted.filter((root) => !trusts.includes(root))
  if (lacking.length > 0) {
    return { state: 'old', message: `does not trust ${lacking.join(' and ')}` }
  }
  const more = trusts.filter((root) => !wanted.includes(root))
  const dropped = more.filter(isAuthority)
  if (dropped.length > 0) {
    return { state: 'old', message: `still trusts ${dropped.join(' and ')}` }
  }
  return more.length === 0
    ? undefined
    : { state: 'foreign', message: `also trusts ${more.join(' and ')}, none of ours` }
}
