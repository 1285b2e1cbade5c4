/**
 * Proof by handshake: for every pair of classes that Nomad connects, a real TLS handshake with the
 * very files of two of their members, and whether it ends as the pure judge says.
 *
 * @module
 */

import { latin1Of } from '../bytes.js'
import { isIssuedBy } from '../checks/issued-by.js'
import type { Finding } from '../diagnostics.js'
import { NomadPkiError } from '../errors.js'
import { inParallel } from '../in-parallel.js'
import type { Inventory } from '../inventory/inventory.js'
import type { Store, StoredFile } from '../inventory/store.js'
import { judgeConnection } from '../nomad/judge.js'
import { roleName } from '../nomad/roles.js'
import type { Desired } from '../cluster/desired.js'
import { count } from '../count.js'
import { agentClasses, type AgentClass } from '../verify/classes.js'
import { connectionsOf, type Connection } from '../verify/connections.js'
import { fingerprintOf } from '../x509/certificate.js'
import { handshake, type HandshakeFiles, type HandshakeOutcome } from './loopback.js'

/** How to prove. */
export interface ProveOptions {
  /**
   * Epoch milliseconds, for the judge; it must be the present, because OpenSSL knows no other time.
   */
  readonly now: number
  /** How many handshakes at once. Default: 4; more gain nothing, they are all work of one thread. */
  readonly concurrency?: number | undefined
  /** Stops it with `ERR_INTERRUPTED`. */
  readonly signal?: AbortSignal | undefined
  /** Called after each handshake. */
  readonly onProgress?: ((done: number, all: number) => void) | undefined
}

/** What came of it. */
export interface Proof {
  /** How many classes there are. */
  readonly classes: number
  /** How many pairs of them shook hands; of many pairs, enough to decide all of them. */
  readonly pairs: number
  /** How many handshakes were made: each pair in TLS 1.2 and in TLS 1.3. */
  readonly handshakes: number
  /** How many were refused just as the judge says; `verifyCluster` tells why. */
  readonly refused: number
  /** Where a handshake and the judge disagree. Empty: both are of one mind about every pair. */
  readonly findings: readonly Finding[]
}

const versions = ['TLSv1.2', 'TLSv1.3'] as const

/**
 * Makes real TLS handshakes between the certificates of a store, in memory: one for each pair of classes of
 * agents that Nomad connects, in TLS 1.2 and in TLS 1.3. It compares each with what {@link verifyCluster}
 * judges by the rules.
 *
 * @param desired What should be.
 * @param inventory What is.
 * @param store Where the files are; of each class only those of members that shake hands are read.
 * @param options The present time, and how many handshakes run at once.
 * @returns How many pairs were tried, and a finding for each on which handshake and rules disagree.
 * @throws {NomadPkiError} `ERR_STORE_UNREADABLE`; `ERR_INTERRUPTED` by the signal.
 */
export async function proveCluster(
  desired: Desired,
  inventory: Inventory,
  store: Pick<Store, 'readGenerations'>,
  options: ProveOptions,
): Promise<Proof> {
  const identities = new Map(desired.identities.map((identity) => [identity.address, identity]))
  return proveClasses(
    agentClasses(desired, inventory, { now: options.now }),
    async (address) => {
      const { profile, name } = identities.get(address)!
      const { role, region } = profile
      const current = inventory.identities.get(address)?.current?.directory
      const generations = await store.readGenerations({ role, region, name })
      const stored = generations.find(({ directory }) => directory === current)
      return {
        cert: textOf(stored?.cert),
        key: textOf(stored?.key),
        ca: textOf(stored?.ca),
      }
    },
    options,
  )
}

/**
 * Proves classes of agents.
 *
 * @param classes The classes.
 * @param filesOf The three files of an identity, by its address.
 * @throws {NomadPkiError} `ERR_INTERRUPTED` by the signal; what `filesOf` throws.
 */
async function proveClasses(
  classes: readonly AgentClass[],
  filesOf: (address: string) => Promise<HandshakeFiles>,
  options: ProveOptions,
): Promise<Proof> {
  const trials = enough(trialsOf(classes), options.now)
  const tried = new Map<AgentClass, number>()
  const known = new Map<string, Promise<HandshakeFiles>>()
  const disagreements = new Map<string, { finding: Finding; more: number }>()
  let done = 0
  let refused = 0
  const unjudged: string[] = []

  async function attempt({ connection, version, servername }: Trial): Promise<void> {
    if (options.signal?.aborted === true) {
      throw new NomadPkiError('ERR_INTERRUPTED', 'interrupted while proving by handshakes')
    }
    const { dialer, listener } = connection
    const ends = { dialer: memberOf(dialer), listener: memberOf(listener) }
    const verdict = judgeConnection(dialer.facts, listener.facts, {
      protocol: connection.protocol,
      targetRegion: connection.targetRegion,
      now: options.now,
    })
    const outcome = await handshake(
      {
        dialer: { ...(await files(ends.dialer)), servername },
        listener: {
          ...(await files(ends.listener)),
          requestClientCert: asksForCertificate(connection),
        },
      },
      { version },
    )
    done += 1
    options.onProgress?.(done, trials.length)
    if (!verdict.ok && verdict.check === 'load') {
      // Nomad refuses such a key by a rule of its own; TLS itself may well take it.
      refused += 1
      return
    }
    // The listener's name checks come after the handshake, and it can't see them.
    const expected = verdict.ok || [2, 3, 4].includes(verdict.check as number)
    if (!outcome.ok && !expected) refused += 1
    if (outcome.ok === expected) return
    const judge = !outcome.ok && outcome.side === 'dialer' ? listener : dialer
    if (!outcome.ok && outcome.code === 'UNABLE_TO_GET_ISSUER_CERT' && hasSignedRoot(judge)) {
      unjudged.push(memberOf(judge))
      return
    }
    const finding = disagreement(
      connection,
      ends,
      version,
      outcome,
      verdict.ok ? '' : verdict.message,
    )
    const cause = `${finding.address}\n${outcome.ok ? (verdict.ok ? '' : verdict.message) : outcome.message}`
    const told = disagreements.get(cause)
    if (told === undefined) disagreements.set(cause, { finding, more: 0 })
    else told.more += 1
  }

  /** Takes the next member each time: more of the real files are tried at the same cost. */
  function memberOf(one: AgentClass): string {
    const taken = tried.get(one) ?? 0
    tried.set(one, taken + 1)
    return one.members[taken % one.members.length]!
  }

  function files(address: string): Promise<HandshakeFiles> {
    let read = known.get(address)
    if (read === undefined) {
      read = filesOf(address)
      known.set(address, read)
    }
    return read
  }

  await inParallel(trials, options.concurrency ?? 4, attempt)
  return {
    classes: classes.length,
    pairs: trials.length / versions.length,
    handshakes: done - unjudged.length,
    refused,
    findings: [
      ...unjudgedNote(unjudged),
      ...[...disagreements.values()].map(({ finding, more }) =>
        more === 0
          ? finding
          : { ...finding, message: `${finding.message}; so do ${more} more of its handshakes` },
      ),
    ],
  }
}

/** Whether it trusts a root that another authority signed: an anchor to Go, and none to Node's OpenSSL. */
function hasSignedRoot({ facts }: AgentClass): boolean {
  return facts.trust.some((anchor) => !isIssuedBy(anchor, anchor))
}

function unjudgedNote(addresses: readonly string[]): readonly Finding[] {
  const [address] = addresses
  if (address === undefined) return []
  return [
    {
      severity: 'note',
      address,
      reason: 'handshake-differs',
      message: `${count(addresses.length, 'handshake')} could not be proven here: OpenSSL does not accept a root that another authority signed, and agents do`,
    },
  ]
}

interface Trial {
  readonly connection: Connection
  readonly version: (typeof versions)[number]
  /** `undefined`: the dialer does not look at the name. */
  readonly servername: string | undefined
}

/** One trial for what is one handshake: RPC, raft and the rest begin alike. */
function trialsOf(classes: readonly AgentClass[]): readonly Trial[] {
  const trials: Trial[] = []
  const seen = new Map<AgentClass, Map<AgentClass, Set<string>>>()
  for (const connection of connectionsOf(classes)) {
    const { dialer, listener } = connection
    // An agent with another's key doesn't start, which `verifyCluster` says; there is nothing to try.
    if (!dialer.keyed || !listener.keyed) continue
    const servername = servernameOf(connection)
    const key = `${servername ?? ''}\n${asksForCertificate(connection)}`
    const row = seen.get(dialer) ?? new Map<AgentClass, Set<string>>()
    seen.set(dialer, row)
    const cell = row.get(listener) ?? new Set()
    row.set(listener, cell)
    if (cell.has(key)) continue
    cell.add(key)
    for (const version of versions) trials.push({ connection, version, servername })
  }
  return trials
}

/** So many trials are made one by one; of more, those that repeat what others prove are left out. */
const manyTrials = 512

/**
 * Of many trials, those that together decide all of them. In a handshake the dialer holds the listener's
 * chain and name against its own trust, and the listener the dialer's chain against its own. So each
 * listener is tried by one dialer of every kind of trust, and each dialer by one listener of every kind:
 * eighty regions under one root take hundreds of handshakes, and not thousands.
 */
function enough(trials: readonly Trial[], now: number): readonly Trial[] {
  if (trials.length <= manyTrials) return trials
  const numbers = new Map<unknown, number>()
  const numberOf = (value: unknown): number => {
    const known = numbers.get(value) ?? numbers.size
    numbers.set(value, known)
    return known
  }
  const kinds = new Map<AgentClass, string>()
  const kindOf = (one: AgentClass): string => {
    let kind = kinds.get(one)
    if (kind === undefined) {
      const { trust, chain } = one.facts
      kind = [...trust.map(fingerprintOf), chain[0]?.publicKey.name, one.broken].join(' ')
      kinds.set(one, kind)
    }
    return kind
  }
  const proven = new Set<string>()
  return trials.filter(({ connection, version, servername }) => {
    const { dialer, listener, protocol, targetRegion } = connection
    const asks = asksForCertificate(connection)
    const how = `${version} ${asks}`
    const ofListener = `${numberOf(kindOf(dialer))} looks at ${numberOf(listener)} ${servername} ${how}`
    const ofDialer = `${numberOf(kindOf(listener))} looks at ${numberOf(dialer)} ${how}`
    if (proven.has(ofListener) && (!asks || proven.has(ofDialer))) return false
    proven.add(ofListener)
    const verdict = judgeConnection(dialer.facts, listener.facts, { protocol, targetRegion, now })
    // A dialer that refuses the listener ends it before the listener has looked.
    if (verdict.ok || verdict.side === 'dialer') proven.add(ofDialer)
    return true
  })
}

function servernameOf({ dialer, protocol, targetRegion }: Connection): string | undefined {
  // By which name or address a person calls an agent is not Nomad's to say.
  if (protocol === 'http') return undefined
  if (protocol === 'node-api') return roleName('client', targetRegion)
  // helper/tlsutil/config.go:278: without verify_server_hostname the chain alone counts.
  return dialer.facts.verifyServerHostname ? roleName('server', targetRegion) : undefined
}

function asksForCertificate({ listener, protocol }: Connection): boolean {
  return protocol === 'http' || protocol === 'node-api'
    ? listener.facts.verifyHttpsClient !== false
    : true
}

function disagreement(
  { protocol, dialer, listener }: Connection,
  ends: { readonly dialer: string; readonly listener: string },
  version: string,
  outcome: HandshakeOutcome,
  judged: string,
): Finding {
  const fault = outcome.ok || outcome.side === 'dialer' ? 'dialer' : 'listener'
  const address = ends[fault]
  const other = fault === 'dialer' ? ends.listener : ends.dialer
  const alike = (fault === 'dialer' ? dialer : listener).members.length - 1
  const more = alike > 0 ? `; ${alike} more behave alike` : ''
  return outcome.ok
    ? {
        severity: 'warning',
        address,
        reason: 'handshake-differs',
        message: `${version} with ${other} (${protocol}) succeeds here, and Nomad would refuse it: ${judged}${more}`,
        remedy: `nomad-pki apply ${address}`,
      }
    : {
        severity: 'error',
        address,
        reason: 'handshake-differs',
        message: `${version} with ${other} (${protocol}) fails, though Nomad's rules allow it: ${outcome.message} (${outcome.code})${more}`,
        remedy: `nomad-pki apply ${address}`,
      }
}

function textOf(file: StoredFile | undefined): string {
  return file === undefined ? '' : latin1Of(file.bytes)
}
