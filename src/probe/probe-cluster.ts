/**
 * Asks running agents which leaf they present and which authorities they name: one handshake without
 * a certificate on each port, and one or two for each certificate that is offered. It says what was seen
 * in the words of the ledger, and judges nothing.
 *
 * On a server each handshake on the RPC port leaves one line at WARN in the agent's log
 * (nomad/rpc.go:369 of 1.11.3, "failed TLS handshake"); HTTPS leaves none.
 *
 * @module
 */

import { setMaxListeners } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { isNomadPkiError, NomadPkiError } from '../errors.js'
import { inParallel } from '../in-parallel.js'
import type { Inventory } from '../inventory/inventory.js'
import type { SeenPort, SilentPort } from '../evidence/evidence.js'
import { ownSignerOf } from '../evidence/copies.js'
import { leafText, notedLeaves } from '../evidence/presented.js'
import { recogniser } from '../evidence/recognise.js'
import { fingerprintOf } from '../x509/certificate.js'
import { formatName, type Name } from '../x509/name.js'
import { describeEndpoint, isUnreached, type Connect } from './endpoint.js'
import { formatEndpoint, type AgentEndpoint, type AgentTarget } from './endpoints.js'
import { offerCertificate, type OfferedLeaf } from './offer.js'

/** An endpoint that did not answer, or not in TLS. */
export interface SilentEndpoint extends SilentPort {
  /** Whether it is the RPC port. */
  readonly rpc: boolean
}

/** A port that did not say whether it trusts a root. */
export interface Undecided {
  /** The agent that was asked. */
  readonly address: string
  /** `10.0.0.11:4646` */
  readonly endpoint: string
  /** The root's address. */
  readonly root: string
  /** One sentence: lower case, no full stop. */
  readonly message: string
}

/** What was seen. */
export interface Probe {
  /** Ports that answered, with what they presented. */
  readonly sightings: readonly SeenPort[]
  /** Ports that did not answer. */
  readonly unreachable: readonly SilentEndpoint[]
  /** Ports that did not say whether they trust a root. */
  readonly undecided: readonly Undecided[]
  /** What asking cost. */
  readonly cost: Cost
}

/** What asking cost. */
export interface Cost {
  /** How many were made. */
  readonly handshakes: number
  /** Handshakes on RPC ports that ended without an answer: servers note each in their logs, at WARN. */
  readonly noted: number
}

/** What is offered to every port that asks for a certificate. */
export interface Offers {
  /** By the root's address. */
  readonly leaves: ReadonlyMap<string, OfferedLeaf>
  /** A leaf that no agent trusts. */
  readonly control: OfferedLeaf
}

/** How to ask. */
export interface ProbeOptions {
  /** Epoch milliseconds. */
  readonly clock: () => number
  /** How many handshakes at a time. Default: 64. */
  readonly concurrency?: number | undefined
  /** Milliseconds for each handshake. Default: 5,000. */
  readonly timeout?: number | undefined
  /** Stops it with `ERR_INTERRUPTED`. */
  readonly signal?: AbortSignal | undefined
  /** How a port is reached. Default: by TCP, from here. */
  readonly connect?: Connect | undefined
  /** One more handshake for each leaf; on an RPC port two, where the names are refused. */
  readonly offers?: Offers | undefined
  /** Called where a port refused the connection or hung up, before it is asked once more. */
  readonly onAgain?: ((endpoint: string) => void) | undefined
  /** Called after each handshake. */
  readonly onAsked?: ((done: number, endpoint: string) => void) | undefined
}

/** A listener is closed and opened again in a reload: once more after this, milliseconds. */
const pause = 300

/**
 * Asks running agents which certificate they present and which roots they name, by one handshake with each
 * port, and more where certificates are offered. It logs in nowhere, changes nothing and judges nothing. A
 * server notes each handshake on its RPC port in its log, at WARN.
 *
 * @param targets Which agents, and where.
 * @param inventory The ledger and the authorities, by which certificates are recognised.
 * @param options The clock, and how to ask.
 * @returns In the order of the targets. A port that does not answer is a value, not an error.
 * @throws {NomadPkiError} `ERR_INTERRUPTED` by the signal.
 * @see nomad/rpc.go:369 of Nomad 1.11.3 (the log line); docs/probe.md
 */
export async function probeCluster(
  targets: readonly AgentTarget[],
  inventory: Inventory,
  options: ProbeOptions,
): Promise<Probe> {
  const { concurrency = 64, signal } = options
  if (signal !== undefined) setMaxListeners(0, signal)
  const known = recogniser(inventory)
  const noted = notedLeaves(inventory.ledger)
  const questions = targets.flatMap(({ address, endpoints }) =>
    endpoints.map((endpoint) => ({ address, endpoint })),
  )
  const undecided: Undecided[] = []
  let handshakes = 0
  let logged = 0
  let done = 0
  const answers = await inParallel(questions, concurrency, async ({ address, endpoint }) => {
    const answer = await ask(address, endpoint)
    options.onAsked?.((done += 1), formatEndpoint(endpoint))
    return answer
  })
  return {
    sightings: answers.filter((one) => 'asked' in one),
    unreachable: answers.filter((one) => 'message' in one),
    undecided,
    cost: { handshakes, noted: logged },
  }

  async function ask(asked: string, where: AgentEndpoint): Promise<SeenPort | SilentEndpoint> {
    const { rpc } = where
    const endpoint = formatEndpoint(where)
    handshakes += 1
    let shown: Awaited<ReturnType<typeof describeEndpoint>>
    try {
      shown = await patiently(where, options)
    } catch (error) {
      if (!(error instanceof NomadPkiError) || error.code === 'ERR_INTERRUPTED') throw error
      const { message, hint: remedy } = error
      return {
        ...{ address: asked, endpoint, rpc, message },
        ...(isOfTheWay(error) && { remedy }),
        ...(isUnreached(error) && { unreached: true }),
      }
    }
    if (rpc) logged += 1
    if (!shown.holdsKey) {
      const message = `${endpoint} presents a chain, and does not show that it has its key`
      return { address: asked, endpoint, rpc, message }
    }
    const fingerprint = fingerprintOf(shown.chain[0]!)
    const trusts = shown.authorities && known.trusts(shown.authorities.map(nameOf))
    const whose = known.leaf(fingerprint)?.address
    // Only an unknown leaf is looked into: a signature costs time.
    const under = whose === undefined ? ownSignerOf(shown.chain, inventory) : undefined
    // A leaf that an engine signed is noted as it is: nothing else tells what a node that renews itself has.
    const leaf =
      whose === undefined && under === undefined && !noted.has(fingerprint)
        ? leafText(shown.chain[0]!, inventory)
        : undefined
    return {
      address: whose ?? asked,
      asked,
      at: options.clock(),
      endpoint,
      rpc,
      fingerprint,
      generation: known.generation(fingerprint, trusts ?? null),
      trusts: trusts ?? null,
      issuers: [...new Set(shown.chain.map(({ issuer }) => nameOf(issuer)))],
      ...(under !== undefined && { under, serial: shown.chain[0]!.serial }),
      ...(leaf !== undefined && { leaf }),
      // One that asks for none would take any.
      ...(shown.asksForCertificate && (await offerAll(asked, where, fingerprint))),
    }
  }

  /** One by one, so that an agent has no more than one handshake of ours at a time. */
  async function offerAll(
    address: string,
    where: AgentEndpoint,
    fingerprint: string,
  ): Promise<Pick<SeenPort, 'accepts' | 'refuses'>> {
    const accepts: string[] = []
    const refuses: string[] = []
    const { leaves, control } = options.offers ?? {}
    for (const [root, leaf] of leaves ?? []) {
      const { timeout, connect } = options
      const outcome = await offerCertificate(where, leaf, { control, timeout, signal, connect })
      const endpoint = formatEndpoint(where)
      handshakes += outcome.handshakes
      // One handshake that shows trust was answered from within the protocol.
      if (where.rpc && (outcome.state !== 'accepted' || outcome.handshakes > 1)) {
        logged += outcome.handshakes
      }
      // It was reloaded in between: what it said is about another moment.
      if (outcome.state !== 'undecided' && outcome.fingerprint !== fingerprint) {
        const message = `${endpoint} presents another leaf than a moment before`
        undecided.push({ address, endpoint, root, message })
      } else if (outcome.state === 'undecided') {
        undecided.push({ address, endpoint, root, message: outcome.message })
      } else (outcome.state === 'accepted' ? accepts : refuses).push(root)
    }
    return {
      ...(accepts.length > 0 && { accepts }),
      ...(refuses.length > 0 && { refuses }),
    }
  }
}

/** A name that anybody may have made: whole where it is one of ours, and never longer than a line. */
function nameOf(name: Name): string {
  const text = formatName(name).replace(/\p{Surrogate}/gu, '\ufffd')
  if (text === '') return '(empty name)'
  return text.length > mostOfName ? `${text.slice(0, mostOfName)}…` : text
}

/** More than a subject of ours can have (RFC 5280 §A.1), and than evidence takes. */
const mostOfName = 900

async function patiently(
  { host, port, rpc }: AgentEndpoint,
  { timeout, signal, connect, onAgain }: ProbeOptions,
): ReturnType<typeof describeEndpoint> {
  const how = { rpc, timeout, signal, connect }
  try {
    return await describeEndpoint(host, port, how)
  } catch (error) {
    if (!isNomadPkiError(error, 'ERR_UNREACHABLE') || !isHangUp(error.cause)) throw error
    onAgain?.(formatEndpoint({ host, port }))
    await sleep(pause)
    return describeEndpoint(host, port, how)
  }
}

/** What went wrong before the port itself was asked has a remedy of its own. */
function isOfTheWay({ cause }: NomadPkiError): boolean {
  return isNomadPkiError(cause)
}

function isHangUp(cause: unknown): boolean {
  if (isNomadPkiError(cause)) return isHangUp(cause.cause)
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
  return code === 'ECONNREFUSED' || code === 'ECONNRESET'
}
