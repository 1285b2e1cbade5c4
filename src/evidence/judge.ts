/**
 * The one judgement: how each agent stands to the newest generation that was made for it, why, and
 * since when. `probe`, `status`, `verify`, `rotate authority`, `rollout` and `plan` all read it
 * here.
 *
 * A leaf is proof of a leaf. Trust is proven by a certificate that was taken or refused; else by the
 * names in the agent's request for one, where each name is of one root only; else, where an agent asks
 * for none, by the receipt of its installer.
 *
 * @module
 */

import { takeOverPage } from '../authority/take-over.js'
import { formatInstant } from '../duration.js'
import type { Inventory } from '../inventory/inventory.js'
import { groupBy } from '../grouping.js'
import { isOfOperator, roleIn, sharedName } from '../address.js'
import { runsServer } from '../nomad/roles.js'
import {
  evidenceIn,
  evidenceLife,
  type Evidence,
  type Observation,
  type Receipt,
  type SeenPort,
  type Silence,
} from './evidence.js'
import { copiesIn, copiesRemedy } from './copies.js'
import { generationsIn, sameRoots, type MadeGeneration } from './generations.js'
import { knownOf, lastOf, namedBy, oldest, shownBy, type Facts } from './known-generation.js'
import {
  agentStates,
  withExceptions,
  type AgentState,
  type Judgement,
  type Judgements,
} from './judgement.js'
import { newRootOverride } from './new-root.js'
import { askedOf, portsIn, rpcUnseenText, type Ports } from './ports.js'
import { isAuthority } from './recognise.js'
import { judgeTrust, trustReader } from './trust.js'

/** No port was seen, none was silent. */
const noPorts: Ports = { seen: [], silent: [] }

/**
 * Judges every agent of which the ledger knows a generation: what it was seen to have, then which exceptions hold.
 *
 * @param inventory Its ledger and its authorities.
 * @param options `now`: epoch milliseconds; `evidence`: default: what the ledger says.
 */
export function judgeAll(
  inventory: Inventory,
  options: { readonly now: number; readonly evidence?: Evidence | undefined },
): Judgements {
  const evidence = options.evidence ?? evidenceIn(inventory.ledger, options)
  return withExceptions(judgeSeenAlone(inventory, { now: options.now, evidence }), evidence)
}

/**
 * Judges every agent by what it was seen to have: exceptions do not count.
 *
 * @param options `now`: epoch milliseconds.
 */
export function judgeSeenAlone(
  inventory: Inventory,
  options: { readonly now: number; readonly evidence: Evidence },
): Judgements {
  const { now, evidence } = options
  const ports = portsIn(evidence, options)
  const before = portsIn({ observations: evidence.observations, silences: [] }, options)
  const receipts = groupBy(evidence.receipts, ({ address }) => address)
  const trust = trustReader(inventory, evidence, options)
  const copies = copiesIn(inventory, { now, seen: evidence.observations.map(asAsked) })
  const judgements = new Map<string, Judgement>()
  for (const [address, generations] of generationsIn(inventory)) {
    if (isOfOperator(address)) continue
    const facts: Facts = {
      ...{ address, generations, now, trust, inventory, copies },
      newest: generations.at(-1)!,
      ports: ports.get(address) ?? noPorts,
      before: before.get(address)?.seen ?? [],
      receipts: receipts.get(address) ?? [],
      dialed: runsServer(roleIn(address)),
    }
    judgements.set(
      address,
      address.endsWith(`/${sharedName}`) ? judgeShared(facts) : judgeHost(facts),
    )
  }
  return judgements
}

type Verdict = Pick<Judgement, 'state' | 'message'> & Partial<Judgement>

function judgeHost(facts: Facts): Judgement {
  const { address, newest, generations: made, ports } = facts
  const { known, ...verdict } = verdictOf(facts)
  return { address, newest, made, ports, ...verdict, known: known ?? knownOf(facts) }
}

function verdictOf(facts: Facts): Verdict {
  const { address, ports, newest } = facts
  const receipt = lastOf(facts.receipts)
  const asked = [...ports.seen, ...ports.silent]
  const latest = Math.max(...asked.map(({ at }) => at))
  if (receipt !== undefined && receipt.at > latest) {
    return stillSeen(latest, facts) ?? judgeReceipt(receipt, facts)
  }
  if (asked.length === 0) {
    return { state: 'unknown', message: 'it was never seen', remedy: deliver(address, newest) }
  }
  if (ports.seen.length === 0) return judgeSilent(ports.silent, facts)
  return judgeSeen(receipt, latest, facts)
}

function deliver(
  address: string,
  { number, notAfter }: MadeGeneration,
  now = 0,
  override?: string,
): string {
  const how = override === undefined ? '' : ` (install with ${override} --reason TEXT)`
  return notAfter <= now
    ? `nomad-pki apply ${address}, deliver it${how}, reload, then: nomad-pki probe ${address}`
    : `deliver generation ${number}${how}, reload, then: nomad-pki probe ${address}`
}

/**
 * A rollout sees an agent first, and tells its installer then: receipts of the same generation that came after a
 * handshake take nothing from it. It has to prove the agent without them.
 */
function stillSeen(latest: number, facts: Facts): Verdict | undefined {
  if (facts.ports.seen.length === 0 || facts.now - latest > evidenceLife) return undefined
  const seen = judgeSeen(undefined, latest, facts)
  if (seen.state !== 'proven') return undefined
  const { number, fingerprint } = facts.newest
  const isSame = (one: Receipt): boolean =>
    one.generation === number && one.fingerprint === fingerprint
  return facts.receipts.every((one) => one.at <= latest || isSame(one)) ? seen : undefined
}

/** A receipt that came after all that was seen. */
function judgeReceipt(receipt: Receipt, facts: Facts): Verdict {
  const { address, generations, newest, now } = facts
  const found = namedBy(receipt, generations)
  const say = { at: receipt.at, basis: 'received' } as const
  if (found === undefined && receipt.under !== undefined) {
    const { under, fingerprint } = receipt
    const message = `the receipt of its installer names ${copyText(under, fingerprint)}`
    const cure = copyCure(fingerprint, facts) ?? { remedy: deliver(address, newest, now) }
    return { state: 'foreign', message, ...cure, ...say }
  }
  if (found === undefined) {
    const message = `the receipt of its installer names a generation ${receipt.generation} that is not its own`
    return { state: 'foreign', message, remedy: deliver(address, newest, now), ...say }
  }
  const fault = datesFault(found, now)
  if (fault !== undefined) {
    const message = `its installer wrote generation ${found.number}, which ${fault.message}`
    return {
      state: fault.state,
      message,
      remedy: deliver(address, newest, now),
      ...say,
      known: found,
    }
  }
  if (found.number !== newest.number) {
    const message = `its installer wrote generation ${found.number}, not ${newest.number}`
    return { state: 'lagging', message, remedy: deliver(address, newest), ...say, known: found }
  }
  const message = `generation ${found.number} by the receipt of its installer; it was not seen since`
  return { state: 'proven', message, ...say, known: found }
}

/** What the dates of a leaf say against it. */
function datesFault(
  { notBefore, notAfter }: MadeGeneration,
  now: number,
): { readonly state: 'expired' | 'lagging'; readonly message: string } | undefined {
  if (notAfter <= now) return { state: 'expired', message: `expired on ${formatInstant(notAfter)}` }
  if (notBefore !== undefined && notBefore > now) {
    return { state: 'lagging', message: `begins only on ${formatInstant(notBefore)}` }
  }
  return undefined
}

function judgeSilent(silent: readonly Silence[], { address }: Facts): Verdict {
  const last = silent.reduce((a, b) => (b.at >= a.at ? b : a))
  return {
    state: 'silent',
    message: last.message,
    remedy: last.remedy ?? `nomad-pki probe ${address}`,
    at: last.at,
  }
}

function judgeSeen(receipt: Receipt | undefined, at: number, facts: Facts): Verdict {
  const { address, generations, newest, ports, now, trust } = facts
  const { seen, silent } = ports
  const known = oldest(seen.map((one) => shownBy(one, receipt, facts)))
  const override = newRootOverride(known, newest, facts.inventory)
  const again = deliver(address, newest, now, override)
  const say = (state: AgentState, message: string, remedy?: string): Verdict => ({
    ...{ state, message, at, known },
    basis: 'seen',
    ...(remedy !== undefined && { remedy }),
  })
  const own = (one: Observation): readonly MadeGeneration[] =>
    generations.filter(({ fingerprint }) => fingerprint === one.fingerprint)

  const foreign = seen.find((one) => own(one).length === 0)
  if (foreign !== undefined) {
    const { endpoint, fingerprint } = foreign
    const other = trust.leafOf(fingerprint)
    if (other !== undefined) {
      const cure = `is ${endpoint} the address of this agent? if so: ${again}`
      return say('foreign', `${endpoint} presents the leaf of ${other}`, cure)
    }
    if (foreign.under !== undefined) {
      const message = `${endpoint} presents ${copyText(foreign.under, fingerprint)}`
      return { ...say('foreign', message, again), ...copyCure(fingerprint, facts) }
    }
    const others = otherAuthoritiesIn(foreign.trusts)
    const trusting = others && `, and trusts ${others.join(' and ')}, which is not ours`
    const message = `${endpoint} presents a leaf that the ledger does not have (SHA-256 ${fingerprint.slice(0, 16)}…)${trusting ?? ''}`
    // A reload would cut it off from the agents that still have the other authority.
    if (others === undefined) {
      return say(
        'foreign',
        message,
        `${again}; if its installer refuses that as older: ${renewed(address)}`,
      )
    }
    const cure = `the agent uses another authority: keep that one, or move all agents on purpose: ${takeOverPage}`
    return { ...say('foreign', message, cure), held: true }
  }
  const trusts = judgeTrust(seen, newest, address, trust)
  if (trusts.state === 'foreign') {
    return { ...say('foreign', trusts.message, again), ...trustCure(seen, facts) }
  }
  for (const one of seen) {
    const made = own(one)[0]!
    const fault = datesFault(made, now)
    if (fault === undefined) continue
    return say(fault.state, `it presents generation ${made.number}, which ${fault.message}`, again)
  }
  const [leaf, ...others] = new Set(seen.map(({ fingerprint }) => fingerprint))
  if (others.length > 0) {
    const said = seen.map((one) => `${one.endpoint} presents generation ${own(one)[0]!.number}`)
    return say('lagging', `its ports disagree: ${said.join(', ')}`, again)
  }
  if (leaf !== newest.fingerprint) {
    const { endpoint } = seen[0]!
    return say(
      'lagging',
      `${endpoint} presents generation ${known!.number}, not ${newest.number}`,
      again,
    )
  }
  if (trusts.state === 'lagging') {
    return { ...say('lagging', trusts.message, again), ...trustCure(seen, facts) }
  }
  if (silent.length > 0) {
    const message = `${silent[0]!.message}; what answered has generation ${newest.number}`
    return say('silent', message, silent[0]!.remedy ?? `nomad-pki probe ${address}`)
  }
  // A reload that failed half-way: both ports have the new leaf, and RPC the old trust
  // (command/agent/command.go:1121-1127).
  if (facts.dialed && !seen.some(({ rpc }) => rpc)) {
    return say(
      'unobservable',
      rpcUnseenText,
      `nomad-pki probe ${address}, from where its RPC port can be reached`,
    )
  }
  if (newest.at > at && known?.number !== newest.number) {
    return say('lagging', `it was last seen before generation ${newest.number} was made`, again)
  }
  if (trusts.state === 'proven') return say('proven', `generation ${newest.number}`)
  if (trusts.state === 'unobservable') return say('unobservable', trusts.message, trusts.remedy)
  // All that it can have loaded trusts the same: then the leaf says everything.
  const { trusted: wanted } = newest
  const living = generations.filter(({ notAfter }) => notAfter > now)
  if (
    wanted !== undefined &&
    !trust.wasCompromised(generations.filter(({ trusted }) => !sameRoots(trusted, wanted))) &&
    living.every(({ trusted }) => sameRoots(trusted, wanted))
  ) {
    return say('proven', `generation ${newest.number}`)
  }
  if (receipt?.generation === newest.number && receipt.fingerprint === leaf) {
    return say('proven', `generation ${newest.number}; its trust by the receipt of its installer`)
  }
  return say(
    'unobservable',
    `it presents the leaf of generation ${newest.number} and asks for no certificate: a probe cannot see which roots it trusts, a receipt of its installer can prove them`,
    'take the receipt of its installer: nomad-pki probe --evidence FILE',
  )
}

function copyText(under: string, fingerprint: string): string {
  return `a leaf that ${under} signed and the ledger does not have (SHA-256 ${fingerprint.slice(0, 16)}…): another copy of this store made it, or another person has the key`
}

/**
 * What to do before and after the operator has said which copy goes on. An older generation than the
 * agent has would be refused by its installer.
 */
function copyCure(
  fingerprint: string,
  { copies, address, newest }: Facts,
): Pick<Judgement, 'remedy' | 'held'> | undefined {
  if (copies.leaves.some((one) => one.fingerprint === fingerprint)) {
    return { remedy: copiesRemedy(copies), held: true }
  }
  const answered = copies.accepted.get(fingerprint)
  if (answered === undefined || newest.at > answered) return undefined
  return { remedy: renewed(address), held: true }
}

function renewed(address: string): string {
  return `nomad-pki rotate leaves ${address}, deliver it, reload, then: nomad-pki probe ${address}`
}

/**
 * What to do about an agent with our newest leaf and a trust that no generation of it had: another copy of
 * this store made that generation, or a person edited the file. An installer refuses an archive that is
 * older than what is in place, so a new generation comes first.
 */
function trustCure(
  seen: readonly Observation[],
  { address, generations, newest, trust }: Facts,
): Pick<Judgement, 'remedy' | 'held'> | undefined {
  const wasMade = (one: Observation): boolean => {
    if (trust.unknownAuthorities(one).length > 0) return false
    const roots = trust.roots(one)
    return (
      roots === undefined || generations.some(({ trusted = roots }) => sameRoots(trusted, roots))
    )
  }
  const isNewest = seen.every(({ fingerprint }) => fingerprint === newest.fingerprint)
  return isNewest && !seen.every(wasMade) ? { remedy: renewed(address), held: true } : undefined
}

function asAsked(one: Observation): SeenPort {
  return { ...one, asked: askedOf(one) }
}

/** The authorities that an agent trusts, where not one of them is ours. */
function otherAuthoritiesIn(trusts: readonly string[] | null): readonly string[] | undefined {
  return trusts === null || trusts.length === 0 || trusts.some(isAuthority) ? undefined : trusts
}

/** Many hosts that share one leaf: the worst of them says how it stands. */
function judgeShared(facts: Facts): Judgement {
  const { address, newest, ports, receipts } = facts
  // A client has one port; a server's two are on one host.
  const hostOf = ({ endpoint }: { readonly endpoint: string }): string =>
    facts.dialed ? endpoint.slice(0, endpoint.lastIndexOf(':')) : endpoint
  const asked = [...ports.seen, ...ports.silent]
  const hosts =
    asked.length > 0
      ? [...new Set(asked.map(hostOf))].map((host) =>
          judgeHost({
            ...facts,
            receipts: [],
            before: facts.before.filter((one) => hostOf(one) === host),
            ports: {
              seen: ports.seen.filter((one) => hostOf(one) === host),
              silent: ports.silent.filter((one) => hostOf(one) === host),
            },
          }),
        )
      : [...groupBy(receipts, ({ host }) => host ?? '').values()].map((own) =>
          judgeHost({ ...facts, receipts: own }),
        )
  if (hosts.length === 0) return judgeHost(facts)
  const behind = hosts.filter(({ state }) => state !== 'proven')
  const worst = hosts.reduce((a, b) =>
    agentStates.indexOf(b.state) < agentStates.indexOf(a.state) ? b : a,
  )
  const known = oldest(hosts.map((one) => one.known))
  const all = `${hosts.length} ${hosts.length === 1 ? 'host' : 'hosts'}`
  const message =
    behind.length === 0
      ? `generation ${newest.number}, ${all}`
      : `${behind.length} of ${all} ${behind.length === 1 ? 'is' : 'are'} not proven: ${worst.message}`
  return { ...worst, address, ports, message, known }
}
