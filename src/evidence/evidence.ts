/**
 * What is known of running agents: what they were seen to present and to trust (observed), what was
 * put in place on their hosts (received), and which agents Nomad counts to the cluster (members). All of
 * it is lines of the ledger; this reads them.
 *
 * @module
 */

import { formatNode, parseNode, type MemberNode } from './member-node.js'
import type { Ledger } from '../inventory/ledger.js'
import { ledgerEvents, type EventOf } from '../inventory/ledger-events.js'

/** A handshake with an agent. */
export interface Observation {
  /** `identity/server/global/s1`: the owner of the leaf that it presented; if unknown, the agent that was asked. */
  readonly address: string
  /** Epoch milliseconds. */
  readonly at: number
  /** `10.0.0.11:4646` */
  readonly endpoint: string
  /** Whether it was the RPC port. */
  readonly rpc: boolean
  /** SHA-256 of the leaf, hex. */
  readonly fingerprint: string
  /** The generation with that leaf; `null` where the ledger has none. */
  readonly generation: number | null
  /** Roots that it named while asking for a certificate; `null` where it asked for none. */
  readonly trusts: readonly string[] | null
  /** The issuers' names of the certificates that it presented, leaf first; absent in older lines. */
  readonly issuers?: readonly string[] | undefined
  /** Roots of which it took a certificate that was offered: it trusts these keys. */
  readonly accepts?: readonly string[] | undefined
  /** Roots of which it refused a certificate that was offered: it does not trust these keys. */
  readonly refuses?: readonly string[] | undefined
  /** Our authority whose key signed the chain of a leaf that the ledger lacks (`copies.ts`). */
  readonly under?: string | undefined
  /** Serial of such a leaf, hex. */
  readonly serial?: string | undefined
  /** Such a leaf that an engine of ours signed, DER in base64; absent where the ledger has it (`presented.ts`). */
  readonly leaf?: string | undefined
  /** Who should have been there, where that is not {@link Observation.address}. */
  readonly asked?: string | undefined
  /** When the probe began that saw it: what one probe saw is judged together. Absent in older lines. */
  readonly run?: number | undefined
}

/** An observation, and the agent that was asked. */
export interface SeenPort extends Observation {
  /** The agent that should be there; {@link Observation.address} is the owner of the leaf. */
  readonly asked: string
}

/** A port that did not answer. */
export interface SilentPort {
  /** The agent that should be there. */
  readonly address: string
  /** `10.0.0.11:4646` */
  readonly endpoint: string
  /** Whether it was the RPC port; default: no. */
  readonly rpc?: boolean | undefined
  /** One sentence: lower case, no full stop. */
  readonly message: string
  /** What cures it, where that is known; it is not noted. */
  readonly remedy?: string | undefined
  /** Whether nobody was reached there, as opposed to one who does not speak TLS; it is not noted. Default: no. */
  readonly unreached?: boolean | undefined
  /** When it was asked, epoch milliseconds; absent: when the probe began. */
  readonly at?: number | undefined
}

/** A port that did not answer, as the ledger has it. */
export interface Silence extends SilentPort {
  /** Epoch milliseconds. */
  readonly at: number
  /** Whether it was the RPC port. */
  readonly rpc: boolean
  /** As {@link Observation.run}. */
  readonly run?: number | undefined
}

/** A node's installer switched to a generation. */
export interface Receipt {
  /** `identity/server/global/s1` */
  readonly address: string
  /** Epoch milliseconds. */
  readonly at: number
  /** Its number. */
  readonly generation: number
  /** SHA-256 of the leaf, hex. */
  readonly fingerprint: string
  /** SHA-256 of the archive, hex. */
  readonly archive: string | null
  /** The name of the host. */
  readonly host: string | null
  /** How far its installer came; absent in older lines. */
  readonly state?: ReceiptState | undefined
  /** Our authority whose key signed the chain of a leaf that the ledger lacks (`copies.ts`). */
  readonly under?: string | undefined
  /** As {@link Observation.leaf}. */
  readonly leaf?: string | undefined
  /** The roots in its `ca.pem`, of a node that renews itself: addresses, and fingerprints of what is not ours. */
  readonly trusted?: readonly string[] | undefined
}

/** What an installer did last: turned the link; also told the agent; saw it proven. */
export type ReceiptState = (typeof receiptStates)[number]

/** All words for it, in their order. */
export const receiptStates: typeof ledgerEvents.received.fields.state.words =
  ledgerEvents.received.fields.state.words

export type { MemberNode } from './member-node.js'

/** What Nomad says of one region. */
export interface Members {
  /** Its name. */
  readonly region: string
  /** Epoch milliseconds. */
  readonly at: number
  /** Names of servers in gossip, `s1.global`. */
  readonly servers: readonly string[]
  /** Names of nodes. */
  readonly clients: readonly string[]
  /** Those that left. */
  readonly gone: readonly string[]
  /** The name of the server that led it; absent where no probe asked. */
  readonly leader?: string | undefined
  /** Those whom the spec calls otherwise, or not at all: they presented the leaf of an agent of the spec. */
  readonly known?: readonly string[] | undefined
  /** Those that failed, are down, or have a name that another one has too. */
  readonly nodes?: readonly MemberNode[] | undefined
  /** Why its clients are not known; the list of clients says nothing then. */
  readonly incomplete?: string | undefined
  /** How far the clock of the server that answered is ahead of ours, milliseconds; only where it matters. */
  readonly skew?: number | undefined
}

/** Somebody answers for an agent that can't be asked. */
export interface Exception {
  /** What is excepted: an identity, or `member/global/s9`. */
  readonly address: string
  /** Epoch milliseconds. */
  readonly at: number
  /** The root that is coming: the exception holds for its rotation alone. */
  readonly authority: string
  /** As it was given. */
  readonly reason: string
}

/** Somebody else may have the key of a root. */
export interface Compromised {
  /** `authority/agent/1` */
  readonly address: string
  /** Since when that is known, epoch milliseconds. */
  readonly at: number
  /** When every agent was seen to refuse it, epoch milliseconds; absent until then. */
  readonly closed?: number | undefined
}

/** Everything that is known. */
export interface Evidence {
  /** Handshakes with agents. */
  readonly observations: readonly Observation[]
  /** Ports that did not answer. */
  readonly silences: readonly Silence[]
  /** What installers did. */
  readonly receipts: readonly Receipt[]
  /** What Nomad says of its regions. */
  readonly members: readonly Members[]
  /** Agents for which a person answers. */
  readonly exceptions: readonly Exception[]
  /** Roots that must never be trusted again; those that were reinstated are not among them. */
  readonly compromised: readonly Compromised[]
}

/** Evidence older than this says nothing about today, milliseconds. */
export const evidenceLife = 86_400_000

/** How far the clocks of two machines may differ, milliseconds. What is later than that is refused. */
export const clockSkew = 300_000

/** What tells one listener from another. */
export function portOf({ endpoint, rpc }: Pick<Observation, 'endpoint' | 'rpc'>): string {
  return `${endpoint} ${rpc}`
}

/**
 * Of each key what came last; of two of one instant the later in the list.
 *
 * @returns By key, in the order in which keys were met.
 */
export function newestBy<Dated extends { readonly at: number }>(
  all: Iterable<Dated>,
  keyOf: (one: Dated) => string,
): ReadonlyMap<string, Dated> {
  const newest = new Map<string, Dated>()
  for (const one of all) {
    const key = keyOf(one)
    const before = newest.get(key)
    if (before === undefined || one.at >= before.at) newest.set(key, one)
  }
  return newest
}

/**
 * Gathers what a ledger says of running agents: handshakes, silent ports, receipts, members and exceptions.
 * It leaves out receipts of a switch that no agent was told of, and lines from the future, which were written
 * with a wrong clock.
 *
 * @param ledger `inventory.ledger`.
 * @param options `now`: epoch milliseconds.
 * @returns Everything in the order of the ledger.
 * @see docs/proof.md
 */
export function evidenceIn({ events }: Ledger, { now }: { readonly now: number }): Evidence {
  const observations: Observation[] = []
  const silences: Silence[] = []
  const receipts: Receipt[] = []
  const members: Members[] = []
  const exceptions: Exception[] = []
  const compromised = new Map<string, Compromised>()
  for (const event of events) {
    switch (event.event) {
      case 'compromised':
        compromised.set(event.address, event)
        break
      case 'probe-ended': {
        const marked = compromised.get(event.address)
        if (event.gate !== undefined && marked !== undefined) {
          compromised.set(event.address, { ...marked, closed: event.at })
        }
        break
      }
      case 'reinstated':
        compromised.delete(event.address)
        break
      case 'override':
        if (event.code === 'reinstate') compromised.delete(event.value)
        break
      case 'excepted':
        exceptions.push(event)
        break
      case 'observed':
        observations.push(event)
        break
      case 'silent':
        silences.push(event)
        break
      case 'received':
        // A link that was turned says nothing of what is loaded.
        if (event.state !== 'switched') receipts.push(event)
        break
      case 'members':
        members.push(membersIn(event))
        break
      default:
    }
  }
  const all = { observations, silences, receipts, members, exceptions }
  return pastOf({ ...all, compromised: [...compromised.values()] }, now)
}

/**
 * Refuses evidence from the future: it was written with a wrong clock. What a person decided
 * holds whatever the clock said.
 *
 * @param now Epoch milliseconds.
 */
export function pastOf(evidence: Evidence, now: number): Evidence {
  const isPast = ({ at }: { readonly at: number }): boolean => at <= now + clockSkew
  return {
    ...evidence,
    observations: evidence.observations.filter(isPast),
    silences: evidence.silences.filter(isPast),
    receipts: evidence.receipts.filter(isPast),
    members: evidence.members.filter(isPast),
  }
}

/** The members that a line notes. */
export function membersIn({ gone = [], nodes, ...event }: EventOf<'members'>): Members {
  return { ...event, gone, nodes: nodes?.flatMap((one) => parseNode(one) ?? []) }
}

/** The line that notes an observation. */
export function observed(observation: Observation): EventOf<'observed'> {
  const { address, at, generation, fingerprint, endpoint, rpc, trusts, issuers = [] } = observation
  const { accepts = [], refuses = [], under, serial, leaf, asked, run } = observation
  return {
    event: 'observed',
    ...{ address, at, generation, fingerprint, endpoint, rpc, trusts },
    ...(issuers.length > 0 && { issuers }),
    ...(accepts.length > 0 && { accepts }),
    ...(refuses.length > 0 && { refuses }),
    ...(under !== undefined && { under }),
    ...(under !== undefined && serial !== undefined && { serial }),
    ...(leaf !== undefined && { leaf }),
    ...(asked !== undefined && asked !== address && { asked }),
    ...(run !== undefined && { run }),
  }
}

/** The line that notes a port that did not answer. */
export function fellSilent(silence: Silence): EventOf<'silent'> {
  const { address, at, endpoint, rpc, message, run } = silence
  return {
    event: 'silent',
    ...{ address, at, endpoint, rpc, message },
    ...(run !== undefined && { run }),
  }
}

/** The line that notes the members of a region. */
export function counted(members: Members): EventOf<'members'> {
  const { region, at, servers, clients, gone, leader, known = [] } = members
  const { nodes = [], incomplete, skew } = members
  return {
    event: 'members',
    address: 'cluster',
    ...{ at, region, servers, clients, gone },
    ...(leader !== undefined && { leader }),
    ...(known.length > 0 && { known }),
    ...(nodes.length > 0 && { nodes: nodes.map(formatNode) }),
    ...(incomplete !== undefined && { incomplete }),
    ...(skew !== undefined && { skew }),
  }
}
