/**
 * The judgement of agents that were just asked, in the words of a probe: what it saw counts as if the
 * ledger had it already.
 *
 * @module
 */

import { groupBy } from '../grouping.js'
import type { Inventory } from '../inventory/inventory.js'
import { runsServer } from '../nomad/roles.js'
import type { Desired, DesiredIdentity } from '../cluster/desired.js'
import {
  evidenceIn,
  evidenceLife,
  newestBy,
  type Evidence,
  type SeenPort,
  type SilentPort,
} from './evidence.js'
import { judgeAll } from './judge.js'
import { selfRenewedIn, type SelfRenewed } from './self-renewed.js'
import type { AgentState, Judgement } from './judgement.js'

/** What a probe says of one agent. */
export interface AgentVerdict {
  /** `identity/server/global/s1` */
  readonly address: string
  /** `seen`: it answered; without a ledger its generation cannot be told. */
  readonly state: AgentState | 'seen'
  /** What it is seen to have; `null` where that is not one of its own generations. */
  readonly generation: number | null
  /** What it should have. */
  readonly newest: number | null
  /** One sentence: lower case, no full stop. */
  readonly message: string
  /** What cures it. */
  readonly remedy?: string | undefined
  /** When what it rests on was seen or written, epoch milliseconds. */
  readonly at?: number | undefined
  /** Its ports that answered. */
  readonly seen: readonly SeenPort[]
  /** Its ports that did not. */
  readonly silent: readonly SilentPort[]
  /** What is known of a node that renews itself; absent for what the store makes. */
  readonly selfRenewed?: SelfRenewed | undefined
}

/** What was seen, of whom. */
export interface AgentsSeen {
  /** The agents that were to be asked. */
  readonly addresses: readonly string[]
  /** `Probe.sightings` */
  readonly seen: readonly SeenPort[]
  /** `Probe.unreachable` */
  readonly silent: readonly SilentPort[]
}

/**
 * What was seen last of each port, as the ledger has it; what is too old says nothing any more.
 *
 * @param evidence Of the ledger.
 * @param asked The agent that should be at each endpoint. Default: the owner of the leaf.
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
 * Judges agents that a probe asked: whether each has its newest generation, an earlier one, or something that
 * is not its own.
 *
 * @param desired The cluster: `desire(spec)`.
 * @param inventory Its ledger says which generations there are, and what was seen before.
 * @param looked What was seen.
 * @param options `now`: epoch milliseconds.
 * @returns In the order of `looked.addresses`.
 * @see docs/proof.md
 */
export function judgeAgents(
  desired: Desired,
  inventory: Inventory,
  { addresses, seen, silent }: AgentsSeen,
  { now }: { readonly now: number },
): readonly AgentVerdict[] {
  const identities = new Map(desired.identities.map((identity) => [identity.address, identity]))
  const seenBy = groupBy(seen, ({ asked }) => asked)
  const silentBy = groupBy(silent, ({ address }) => address)
  const evidence = withProbe(evidenceIn(inventory.ledger, { now }), { seen, silent }, now)
  const judged = judgeAll(inventory, { now, evidence })
  const blind = inventory.ledger.lines.length === 0
  const self = blind ? undefined : selfRenewedIn(desired, inventory, { now, evidence })
  return addresses.map((address) => {
    const ports = { seen: seenBy.get(address) ?? [], silent: silentBy.get(address) ?? [] }
    const own = self?.get(address)
    if (own !== undefined) {
      const isAsked = ports.seen.length + ports.silent.length > 0 || own.state !== 'unknown'
      if (isAsked || own.leaf !== undefined || own.made !== undefined)
        return { ...selfVerdict(own), ...ports }
      return { ...unasked(identities.get(address)!), selfRenewed: own }
    }
    const judgement = judged.get(address)
    if (judgement === undefined) return unjudged(identities.get(address)!, ports, blind)
    const identity = identities.get(address)!
    const asked = ports.seen.length + ports.silent.length > 0
    // Of one that can never be asked its receipt is all that there is.
    return asked || (isMute(identity) && judgement.state !== 'unknown')
      ? { ...verdictOf(judgement), ...ports }
      : { ...unasked(identity), newest: judgement.newest.number }
  })
}

/**
 * Judges agents by what the ledger says.
 *
 * @param options `now`: epoch milliseconds; `desired`: for nodes that renew themselves. Default: there are none.
 * @returns In the order of `addresses`; those of which it knows nothing are not there.
 */
export function judgeNoted(
  inventory: Inventory,
  addresses: readonly string[],
  { now, desired }: { readonly now: number; readonly desired?: Desired | undefined },
): readonly AgentVerdict[] {
  const judged = judgeAll(inventory, { now })
  const self = desired && selfRenewedIn(desired, inventory, { now })
  return addresses.flatMap((address) => {
    const own = self?.get(address)
    if (own !== undefined) {
      const seen = own.ports.seen.map((one) => ({ ...one, asked: address }))
      return [{ ...selfVerdict(own), seen, silent: own.ports.silent }]
    }
    const judgement = judged.get(address)
    if (judgement === undefined) return []
    const { seen, silent } = judgement.ports
    return [
      { ...verdictOf(judgement), seen: seen.map((one) => ({ ...one, asked: address })), silent },
    ]
  })
}

/** What one probe saw is newer than all that was noted. */
function withProbe(
  evidence: Evidence,
  { seen, silent }: Omit<AgentsSeen, 'addresses'>,
  now: number,
): Evidence {
  const noted = [...evidence.observations, ...evidence.silences]
  const run = noted.reduce((last, one) => Math.max(last, (one.run ?? one.at) + 1), now)
  return {
    ...evidence,
    observations: [...evidence.observations, ...seen.map((one) => ({ ...one, run }))],
    silences: [
      ...evidence.silences,
      ...silent.map((one) => ({ ...one, at: run, rpc: one.rpc === true, run })),
    ],
  }
}

function verdictOf({
  address,
  state,
  known,
  newest,
  message,
  remedy,
  at,
}: Judgement): Omit<AgentVerdict, 'seen' | 'silent'> {
  return {
    ...{ address, state, message, at },
    generation: known?.number ?? null,
    newest: newest.number,
    ...(remedy !== undefined && { remedy }),
  }
}

/** Of a node that renews itself there are no generations here. */
function selfVerdict(own: SelfRenewed): Omit<AgentVerdict, 'seen' | 'silent'> {
  const { address, state, message, remedy, at } = own
  return {
    ...{ address, state, message, at, generation: null, newest: null },
    ...(remedy !== undefined && { remedy }),
    selfRenewed: own,
  }
}

type AskedPorts = Pick<AgentVerdict, 'seen' | 'silent'>

/** Without a generation of it in the ledger. */
function unjudged(identity: DesiredIdentity, ports: AskedPorts, blind: boolean): AgentVerdict {
  const { address } = identity
  const say = { address, generation: null, newest: null, ...ports }
  const { seen, silent } = ports
  if (seen.length + silent.length === 0 && blind) return unasked(identity)
  const leaves = [...new Set(seen.map(({ fingerprint }) => `${fingerprint.slice(0, 16)}…`))]
  const names = [...new Set(seen.flatMap(({ trusts }) => trusts ?? []))]
  const trust = names.length === 0 ? '' : `, trusts ${names.join(' and ')}`
  const message = leaves.length === 0 ? '' : `leaf SHA-256 ${leaves.join(' and ')}${trust}`
  if (!blind) {
    const none = 'it has no certificate yet'
    const own = seen.length === 0 ? none : `its certificate is not in the store: ${message}`
    return { ...say, state: 'unknown', message: own, remedy: `nomad-pki apply ${address}` }
  }
  if (silent.length === 0) return { ...say, state: 'seen', message }
  return {
    ...{ ...say, state: 'silent' },
    message: [silent[0]!.message, message].filter((text) => text !== '').join('; '),
    remedy: silent[0]!.remedy ?? `nomad-pki probe ${address}`,
  }
}

/** Whether an agent has no port with TLS: a client whose HTTP port has none, or any before TLS is turned on. */
export function isMute({ profile, stanza }: DesiredIdentity): boolean {
  return stanza?.http === false && (stanza.rpc === false || !runsServer(profile.role))
}

function unasked(identity: DesiredIdentity): AgentVerdict {
  const { address, profile } = identity
  const [message, remedy] = isMute(identity)
    ? [
        identity.stanza?.rpc === false
          ? 'transport is plaintext, so it has no port with TLS to ask'
          : 'its HTTP port has no TLS, and a client has no other port to ask',
        'take the receipt of its installer: nomad-pki probe --evidence FILE',
      ]
    : profile.shared
      ? [
          'many hosts share it, and Nomad was not asked where they are',
          'give its nodes names of their own, or wait until the old leaf ends',
        ]
      : ['its address is unknown', 'give the node ips, or http and rpc, in the spec']
  const nothing = { generation: null, newest: null, seen: [], silent: [] }
  return { address, state: 'unknown', message, remedy, ...nothing }
}
