/**
 * What a stage cost, counted while it went on: reloads by the agents' logs, lost requests by the
 * traffic, and connections by the kernel.
 *
 * @module
 */
import type { Fleet } from './fleet.js'
import { sleep } from './run.js'
import { rpcConnections } from './sockets.js'
import type { Loss, Traffic } from './traffic.js'

/** One reload, with what was lost from then until the next one. */
interface Reload {
  readonly agent: string
  readonly at: number
  /** RPC connections that the agent had when it was told: each may cost one request. */
  readonly connections: number
}

export interface Figures {
  readonly label: string
  readonly requests: number
  readonly losses: readonly Loss[]
  /** Agents by how often their own log says that they were told to reload. */
  readonly signals: ReadonlyMap<string, number>
  /** Agents by how often they took up other files. */
  readonly renewals: ReadonlyMap<string, number>
  /** For each reload: what it cost, and what it may cost. */
  readonly reloads: readonly {
    readonly agent: string
    readonly lost: number
    readonly bound: number
    /** Connections that another agent refused. */
    readonly astray: readonly Loss[]
  }[]
  /** Lines about TLS in the agents' logs. */
  readonly complaints: readonly string[]
}

// A reload speaks of TLS without complaining, and most of our own handshakes come without a certificate.
const aboutTls =
  /x509|tls: |certificate|handshake|invalid role|unknown authority|verification (error|failed)/i
const harmless =
  /TLS expiration metric process|with new TLS configuration|client didn't provide a certificate|TLS handshake error from [^ ]+ (EOF|read: connection reset)|failed TLS handshake.*EOF/

/** What a server says of a certificate that `probe` offers it, whether it trusts its root or not. */
export const offered: RegExp =
  /nomad\.rpc: failed TLS handshake: .*(invalid role or region for certificate|signed by unknown authority)/

/** Reloads are told to it while it counts. */
export class Count {
  readonly #fleet: Fleet
  readonly #traffic: Traffic
  readonly #label: string
  readonly #marks: ReadonlyMap<string, number>
  readonly #rpcPorts: ReadonlySet<number>
  readonly #reloads: Reload[] = []
  readonly #lossesBefore: number
  readonly #sentBefore: number
  readonly #offersBefore: number

  constructor(fleet: Fleet, traffic: Traffic, label: string) {
    this.#fleet = fleet
    this.#traffic = traffic
    this.#label = label
    this.#marks = new Map(fleet.names.map((name) => [name, fleet.agent(name).log().length]))
    this.#rpcPorts = new Set(fleet.plans.map(({ ports }) => ports.rpc))
    this.#lossesBefore = traffic.losses.length
    this.#sentBefore = traffic.sent
    this.#offersBefore = fleet.offers
  }

  /** To be called just before an agent is told to reload. */
  reloading(name: string): void {
    const { ports } = this.#fleet.plan(name)
    const { inbound, outbound } = rpcConnections(
      this.#fleet.agent(name).pid,
      ports.rpc,
      this.#rpcPorts,
    )
    this.#reloads.push({ agent: name, at: performance.now(), connections: inbound + outbound })
  }

  /** What an agent said since the count began. */
  said(name: string): string {
    return this.#fleet.agent(name).log().slice(this.#marks.get(name))
  }

  /** Waits for what comes late, and sums up. */
  async end(): Promise<Figures> {
    await sleep(1_500)
    const losses = this.#traffic.losses.slice(this.#lossesBefore)
    const counted = (pattern: RegExp): ReadonlyMap<string, number> =>
      new Map(this.#fleet.names.map((name) => [name, this.said(name).match(pattern)?.length ?? 0]))
    return {
      label: this.#label,
      requests: this.#traffic.sent - this.#sentBefore,
      losses,
      signals: counted(/^==> Caught signal: hangup$/gm),
      renewals: counted(/agent: reloading HTTP server with new TLS configuration$/gm),
      reloads: this.#reloads.map(({ agent, at, connections }, index) => {
        const next = this.#reloads[index + 1]?.at ?? Infinity
        const own = losses.filter((loss) => loss.at >= at && loss.at < next)
        const lost = own.flatMap(({ failures }) => failures.filter(isConnection)).length
        const astray = own.filter((loss) => loss.failures.some(isListener) && loss.agent !== agent)
        return { agent, lost, bound: connections, astray }
      }),
      complaints: this.#complaints(),
    }
  }

  /** What `probe` offered is left out: as many lines as it said that it cost, and not one more. */
  #complaints(): readonly string[] {
    const all = this.#fleet.names.flatMap((name) =>
      this.said(name)
        .split('\n')
        .filter((line) => aboutTls.test(line) && !harmless.test(line))
        .map((line) => `${name}: ${line.trim()}`),
    )
    const own = all.filter((line) => offered.test(line)).length
    const known = this.#fleet.offers - this.#offersBefore
    return own > known ? all : all.filter((line) => !offered.test(line))
  }
}

/**
 * A connection between agents had ended: Nomad's own price of a reload (nomad#4413). An agent that answers 500 with
 * what the kernel said of the connection was the first to write on it (yamux v0.1.2 session.go:483-518), which is a
 * broken pipe or a reset; Nomad may name the step of opening a stream before it (nomad/client_rpc.go:259-266,
 * helper/pool/pool.go:457-472). Where the connection ended before the first write on a stream, it is `stream closed`
 * (stream.go:189). Such an answer may have several lines. Without the 500 it is our own connection that ended.
 */
export const isConnection = (message: string): boolean =>
  /rpc error: EOF|session shutdown|stream closed|^500 [^]*: (broken pipe|connection reset by peer)/.test(
    message,
  )

/**
 * A new connection came in the instant in which the reloaded agent had closed its HTTPS listener and
 * not yet opened it again (command/agent/command.go:1166-1180).
 */
export const isListener = (message: string): boolean => /ECONNREFUSED|ECONNRESET/.test(message)

/**
 * A server looked for a client that had been reloaded and was not yet back, or was leaving while it was
 * asked (nomad/client_rpc.go, NodeRpc: the error of the connection as it is).
 */
export const isDetour = (message: string): boolean => /No path to node|^500 EOF$/.test(message)

/** One line for people. */
export function figuresText({
  label,
  requests,
  losses,
  signals,
  reloads,
  complaints,
}: Figures): string {
  const sum = (numbers: Iterable<number>): number => [...numbers].reduce((a, b) => a + b, 0)
  const kinds = new Map<string, number>()
  for (const { kind, failures, healed } of losses) {
    const said = failures.map((message) =>
      message
        .replace(/\s+/g, ' ')
        .replace(/127\.0\.0\.1:\d+/g, 'HOST')
        .slice(0, 120),
    )
    const text =
      healed && said.length === 1
        ? said[0]!
        : `${kind}: ${said.join(', then ')}${healed ? '' : ', for good'}`
    kinds.set(text, (kinds.get(text) ?? 0) + 1)
  }
  const once = losses.filter(({ failures, healed }) => healed && failures.length === 1).length
  return [
    `${label}: ${sum(signals.values())} reloads of ${signals.size} agents`,
    `${requests} requests`,
    `${losses.length} lost, ${once} of them healed by one retry` +
      (kinds.size === 0 ? '' : ` (${[...kinds].map(([kind, n]) => `${n} × ${kind}`).join('; ')})`),
    `${sum(reloads.map(({ bound }) => bound))} pooled connections to reloaded agents`,
    `${complaints.length} TLS complaints`,
  ].join(', ')
}
