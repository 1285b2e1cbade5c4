/**
 * Which roots an agent trusts, as far as that can be seen. A certificate that it accepted or refused
 * identifies a key. The names in its request for a certificate identify only names: several roots may
 * have one name, and a name may not be ours.
 *
 * @module
 */

import { sharedName } from '../address.js'
import { groupBy } from '../grouping.js'
import { memoByText } from '../memo.js'
import type { Inventory } from '../inventory/inventory.js'
import type { AgentState } from './judgement.js'
import { portOf, type Evidence, type Observation } from './evidence.js'
import { twinsOf, type MadeGeneration } from './generations.js'
import { authorityNames, isAuthority, leavesIn } from './recognise.js'

/** Answers questions about what was seen. */
export interface TrustReader {
  /** The agent that a leaf was made for. */
  readonly leafOf: (fingerprint: string) => string | undefined
  /** Our roots that a port trusts; `undefined` where it can't be told of each. */
  readonly roots: (port: Observation) => readonly string[] | undefined
  /** What a port trusts that is not a root of ours, as names. */
  readonly unknownAuthorities: (port: Observation) => readonly string[]
  /** Whether a port trusts a root: `undefined` where that can't be told. */
  readonly trusts: (port: Observation, root: string) => boolean | undefined
  /** Roots of which a port says a name that several have. */
  readonly namesakes: (root: string) => readonly string[]
  /** Those that have the name and key of a root, itself among them: a handshake does not tell them apart. */
  readonly twins: (root: string) => readonly string[]
  /** Compromised roots that one of these generations trusted, and whose end has not come. */
  readonly compromisedIn: (generations: readonly MadeGeneration[]) => readonly string[]
  readonly wasCompromised: (generations: readonly MadeGeneration[]) => boolean
  /**
   * Whether a port of an agent was seen to refuse a root, and since then never to trust it. After the
   * gate of a compromised root has closed, a port refuses it that asks for certificates without its name.
   */
  readonly refused: (agent: string, port: Observation, root: string) => boolean
  readonly generationsOf: (address: string) => readonly MadeGeneration[]
}

/**
 * Prepares the answers to one question: does an agent that was seen trust a root, by key or by name?
 *
 * @param inventory The authorities, and the ledger with the leaves that were made.
 * @param evidence What was seen.
 * @param options `now`: epoch milliseconds.
 */
export function trustReader(
  inventory: Inventory,
  evidence: Evidence,
  { now }: { readonly now: number },
): TrustReader {
  const names = authorityNames(inventory)
  const { leaves, made } = leavesIn(inventory)
  const history = historyOf(evidence.observations)
  let byAgent: ReadonlyMap<string, readonly Observation[]> | undefined
  const namesakes = (root: string): readonly string[] => {
    const name = names.nameOf(root)
    return name === undefined ? [root] : names.withName(name)
  }
  const twins = memoByText((root: string) => twinsOf(root, inventory.authorities))
  const addressOf = (said: string): string => {
    if (isAuthority(said)) return said
    const all = names.withName(said)
    return all.length === 1 ? all[0]! : said
  }
  const said = (port: Observation): readonly string[] => (port.trusts ?? []).map(addressOf)
  const trusts = (port: Observation, root: string): boolean | undefined => {
    const own = twins(root)
    const same = namesakes(root)
    const others = same.filter((one) => one === root || !own.includes(one))
    const byKey = keyFact(history.get(portOf(port)) ?? [port], port, own, others)
    if (byKey !== undefined) return byKey
    if (port.trusts === null) return undefined
    const all = said(port)
    if (others.length < 2) return all.some((one) => own.includes(one) || one === names.nameOf(root))
    // Not one of that name: not this one either.
    const name = names.nameOf(root)
    return all.some((one) => same.includes(one) || one === name) ? undefined : false
  }
  // Once every agent has refused it, nothing is kept to offer: then its name must do, if it has it alone.
  const namesFrom = (root: string): number =>
    (namesakes(root).length < 2
      ? evidence.compromised.find(({ address }) => address === root)?.closed
      : undefined) ?? Infinity
  const ended = (root: string): boolean => (names.endOf(root) ?? Infinity) <= now
  const compromisedIn = (generations: readonly MadeGeneration[]): readonly string[] =>
    evidence.compromised
      .map(({ address }) => address)
      .filter((root) => !ended(root))
      .filter((root) => generations.some(({ trusted }) => trusted?.includes(root) === true))
  return {
    leafOf: (fingerprint) => leaves.get(fingerprint)?.address,
    generationsOf: (address) => made.get(address) ?? [],
    trusts,
    namesakes,
    twins,
    roots(port) {
      if (port.trusts === null) return undefined
      const mentioned = new Set(
        said(port).flatMap((one) => (isAuthority(one) ? namesakes(one) : names.withName(one))),
      )
      for (const root of port.accepts ?? []) mentioned.add(root)
      const roots: string[] = []
      for (const root of mentioned) {
        const trusted = trusts(port, root)
        if (trusted === undefined) return undefined
        if (trusted) roots.push(root)
      }
      return roots
    },
    unknownAuthorities: (port) =>
      said(port).filter((one) => !isAuthority(one) && names.withName(one).length === 0),
    compromisedIn,
    wasCompromised: (generations) => compromisedIn(generations).length > 0,
    refused(agent, port, root) {
      byAgent ??= groupBy(evidence.observations, (one) => one.asked ?? one.address)
      // An agent that moved to another address need not say it again; of a shared identity each host says it.
      const shared = agent.endsWith(`/${sharedName}`)
      const own = (byAgent.get(agent) ?? []).filter(
        (one) => one.rpc === port.rpc && (!shared || one.endpoint === port.endpoint),
      )
      const from = namesFrom(root)
      // A certificate of any of them shows the key.
      const same = twins(root)
      const isAmong = (roots: readonly string[] = []): boolean =>
        roots.some((one) => same.includes(one))
      let refused = false
      for (const one of [...own].sort((a, b) => a.at - b.at)) {
        if (isAmong(one.refuses)) refused = true
        else if (isAmong(one.accepts) || isAmong(said(one))) refused = false
        else if (one.trusts !== null && one.at > from) refused = true
      }
      return refused
    },
  }
}

function historyOf(observations: readonly Observation[]): ReadonlyMap<string, Observation[]> {
  const history = new Map<string, Observation[]>()
  for (const one of observations) {
    if (one.accepts === undefined && one.refuses === undefined && one.trusts === null) continue
    const port = portOf(one)
    const known = history.get(port) ?? []
    known.push(one)
    history.set(port, known)
  }
  return history
}

/** What a port took or refused last, unless it was loaded anew since, as far as its words show. */
function keyFact(
  history: readonly Observation[],
  port: Observation,
  twins: readonly string[],
  namesakes: readonly string[],
): boolean | undefined {
  const isAmong = (roots: readonly string[] | undefined): boolean =>
    roots?.some((one) => twins.includes(one)) === true
  const last = [...history]
    .filter(({ at }) => at <= port.at)
    .sort((a, b) => a.at - b.at)
    .findLast(({ accepts, refuses }) => isAmong(accepts) || isAmong(refuses))
  if (last === undefined) return undefined
  const changed =
    last !== port &&
    (last.fingerprint !== port.fingerprint ||
      JSON.stringify(last.trusts) !== JSON.stringify(port.trusts))
  // Where its name is of one root, the words of the newest handshake are better than an older key.
  if (changed || (last !== port && namesakes.length < 2)) return undefined
  return isAmong(last.accepts)
}

/** What the ports say of trust, held against the newest generation. */
export interface TrustVerdict {
  /** `unknown`: no port says anything. */
  readonly state: Extract<AgentState, 'proven' | 'lagging' | 'foreign' | 'unobservable' | 'unknown'>
  readonly message: string
  readonly remedy?: string | undefined
}

/** Judges what ports of one agent trust. */
export function judgeTrust(
  seen: readonly Observation[],
  newest: MadeGeneration,
  address: string,
  reader: TrustReader,
): TrustVerdict {
  const wanted = newest.trusted
  if (wanted === undefined) return { state: 'unknown', message: '' }
  let doubt: TrustVerdict | undefined
  let lag: TrustVerdict | undefined
  let shown = false
  const made = reader.generationsOf(address)
  const past = reader.compromisedIn(made)
  for (const port of seen) {
    const { endpoint } = port
    const unknownAuthorities = reader.unknownAuthorities(port)
    if (unknownAuthorities.length > 0) {
      const message = `${endpoint} also trusts ${unknownAuthorities.join(' and ')}, which is not ours`
      return { state: 'foreign', message }
    }
    const asks = port.trusts !== null
    shown ||= asks || wanted.every((root) => reader.trusts(port, root) === true)
    const candidates = new Set([
      ...wanted.flatMap((root) => reader.namesakes(root)),
      ...(port.trusts ?? []).flatMap((one) => (isAuthority(one) ? reader.namesakes(one) : [])),
      ...(port.accepts ?? []),
    ])
    for (const root of candidates) {
      const trusted = reader.trusts(port, root)
      const right = wanted.includes(root)
      const twins = reader.twins(root)
      // Which of the certificates of one key it has, is no matter where it need not have this one.
      if (!right && twins.some((one) => wanted.includes(one))) continue
      // It has one of them. The newest leaf came with all of them, where no other generation has that leaf.
      const lacked = made.some(
        (one) =>
          one.fingerprint === newest.fingerprint &&
          one.trusted?.some((other) => twins.includes(other)) === true &&
          !one.trusted.includes(root),
      )
      if (trusted === true && right && lacked) {
        if (asks) {
          const message = `${endpoint} was seen to trust the key of ${twins.join(' and ')}, and not which of the certificates it has`
          doubt ??= { state: 'unobservable', message, remedy: 'nomad-pki rollout' }
        }
        continue
      }
      if (trusted === undefined) {
        if (!asks) continue
        const same = reader.namesakes(root).join(' and ')
        const message = `${endpoint} reports a CA name that ${same} share, and a name does not identify a key`
        doubt ??= { state: 'unobservable', message, remedy: `nomad-pki probe --refuses ${root}` }
      } else if (trusted !== right) {
        const fault = right ? 'does not trust' : 'still trusts'
        // Lines of before trust was noted can have had any.
        const had = made.some((one) => one.trusted?.includes(root) ?? true)
        if (!right && !had) return { state: 'foreign', message: `${endpoint} also trusts ${root}` }
        lag ??= { state: 'lagging', message: `${endpoint} ${fault} ${root}` }
      }
    }
    for (const root of past) {
      // Of a key that it is to trust under another certificate no refusal is waited for.
      if (reader.twins(root).some((one) => wanted.includes(one))) continue
      if (!asks || reader.refused(address, port, root)) continue
      doubt ??= {
        state: 'unobservable',
        message: `${endpoint} was not seen to refuse a certificate of ${root}, which is compromised`,
        remedy: `nomad-pki probe --refuses ${root}`,
      }
    }
  }
  return lag ?? doubt ?? { state: shown ? 'proven' : 'unknown', message: '' }
}
