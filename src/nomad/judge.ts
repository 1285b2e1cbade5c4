/**
 * Whether a connection between two agents stands, judged from their certificates alone: the chain of
 * each under the trust of the other, and the name checks of what is spoken. What real agents do in a
 * handshake and after it, in their order: the dialer looks first.
 *
 * @module
 */

import type { Role } from '../address.js'
import { sameBytes } from '../bytes.js'
import { memoByObject, memoByText, memoLast } from '../memo.js'
import type { Certificate } from '../x509/certificate.js'
import { verifyChain } from '../x509/verify-chain.js'
import {
  hostnameFault,
  nodeNameFault,
  raftNameFault,
  requestNameFault,
  rpcNameFault,
  serverNameFault,
} from './checks.js'
import { handshakeKeyFault } from './load-fault.js'
import { parseFault } from './parse-fault.js'
import { isAgent } from './roles.js'

/** One end of a connection: an agent's three files and what its stanza says. */
export interface AgentFacts {
  /** What `cert_file` holds: leaf, then intermediates. Empty: no certificate is presented. */
  readonly chain: readonly Certificate[]
  /** What `ca_file` holds, as Nomad loads it: each of them is an anchor, whatever it is. */
  readonly trust: readonly Certificate[]
  /** The agent's configured region; letters count. */
  readonly region: string
  readonly role: Role
  /** `verify_server_hostname`: with `false` no name is looked at, by dialers and listeners alike. */
  readonly verifyServerHostname: boolean
  /** `verify_https_client`. Default: true. With `false` its HTTPS asks for no certificate. */
  readonly verifyHttpsClient?: boolean | undefined
  /** `rpc_upgrade_mode`. Default: false. With `true` raft is open to every role (nomad/rpc.go:912). */
  readonly rpcUpgradeMode?: boolean | undefined
}

/**
 * What is spoken. `rpc`: any RPC connection, and what every role may ask; `raft`: among the servers of
 * a region; `server-only-rpc`, `client-only-rpc`: what auth.go reserves for them; `http`: the HTTPS
 * API; `node-api`: the HTTPS of a client agent, dialed by another.
 */
export type Protocol = 'rpc' | 'raft' | 'http' | 'server-only-rpc' | 'client-only-rpc' | 'node-api'

/** How to judge. */
export interface JudgeOptions {
  readonly protocol: Protocol
  /** The region whose name the dialer asks for. Default: the dialer's own, as clients and raft do. */
  readonly targetRegion?: string | undefined
  /** For `http`: the name by which the listener is dialed; by default none is looked at. */
  readonly serverName?: string | undefined
  /** Epoch milliseconds. */
  readonly now: number
}

/** Whether the connection is accepted; if not, which side's certificate is refused, and by which check. */
export type Verdict =
  | { readonly ok: true }
  | {
      readonly ok: false
      /** The number of the name check; or its chain, or that an agent can't load or use it. */
      readonly check: 1 | 2 | 3 | 4 | 5 | 'chain' | 'load'
      /** The side whose certificate is refused: `listener` means that the dialer refuses. */
      readonly side: 'dialer' | 'listener'
      /** One sentence: lower case, no full stop. */
      readonly message: string
    }

type Refusal = Extract<Verdict, { readonly ok: false }>

const accepted: Verdict = { ok: true }

/**
 * Decides whether Nomad lets one agent connect to another, by the checks of both sides in their order.
 *
 * @param dialer The agent that connects.
 * @param listener The agent that it connects to.
 * @param options What is spoken, and when.
 * @returns Accepted, or the first check that fails.
 */
export function judgeConnection(
  dialer: AgentFacts,
  listener: AgentFacts,
  options: JudgeOptions,
): Verdict {
  const { protocol, now } = options
  const https = protocol === 'http' || protocol === 'node-api'
  return (
    loaded(listener, 'listener') ??
    loaded(dialer, 'dialer') ??
    chained(listener, dialer.trust, 'listener', now) ??
    listenerNamed(dialer, listener, options) ??
    (https && listener.verifyHttpsClient === false
      ? undefined
      : (sent(dialer, listener, https) ??
        chained(dialer, listener.trust, 'dialer', now) ??
        (https ? undefined : dialerNamed(dialer, listener, protocol)))) ??
    accepted
  )
}

/**
 * What an agent refuses when it loads its files. An operator's tools refuse no key: an Ed25519
 * certificate works against the API and even against RPC.
 */
function loaded({ chain, role }: AgentFacts, side: Refusal['side']): Refusal | undefined {
  const [leaf] = chain
  if (leaf === undefined) {
    return side === 'listener' || isAgent(role)
      ? { ok: false, check: 'load', side, message: 'it has no certificate' }
      : undefined
  }
  const fault = parseFault(leaf) ?? handshakeKeyFault(leaf.publicKey, isAgent(role))
  return fault === undefined ? undefined : { ok: false, check: 'load', side, message: fault }
}

/**
 * The chain that is presented, under the other's trust: serverAuth for a listener, clientAuth for a
 * dialer (config.go:366-374), whether names are verified or not (config.go:300-339).
 */
function chained(
  { chain }: AgentFacts,
  trust: readonly Certificate[],
  side: Refusal['side'],
  now: number,
): Refusal | undefined {
  const [leaf, ...behind] = chain
  const refuse = (message: string): Refusal => ({ ok: false, check: 'chain', side, message })
  if (leaf === undefined) return refuse('it presents no certificate')
  // Go parses all that is presented, also what the path doesn't need.
  for (const [index, certificate] of behind.entries()) {
    const fault = parseFault(certificate)
    if (fault !== undefined) return refuse(`certificate ${index + 2} of its chain: ${fault}`)
  }
  const purpose = side === 'listener' ? 'serverAuth' : 'clientAuth'
  const verdict = verdictOf(chain)(trust)(purpose)(now)
  return verdict.ok ? undefined : refuse(verdict.message)
}

/**
 * A chain meets the same trust in every pair of a class, and its signatures cost more than all else. One
 * moment at a time is asked about.
 */
const verdictOf = memoByObject((chain: readonly Certificate[]) =>
  memoByObject((trust: readonly Certificate[]) =>
    memoByText((purpose: 'serverAuth' | 'clientAuth') =>
      memoLast((now: number) => {
        const [leaf, ...behind] = chain
        return verifyChain(leaf!, behind, trust, { now, purpose })
      }),
    ),
  ),
)

/** What the dialer demands of the listener's names: checks 1 and 5. */
function listenerNamed(
  dialer: AgentFacts,
  { chain }: AgentFacts,
  { protocol, targetRegion = dialer.region, serverName }: JudgeOptions,
): Refusal | undefined {
  const leaf = chain[0]!
  if (protocol === 'http') {
    const fault = serverName === undefined ? undefined : hostnameFault(leaf, serverName)
    return fault === undefined
      ? undefined
      : { ok: false, check: 'chain', side: 'listener', message: fault }
  }
  if (protocol === 'node-api') {
    const fault = nodeNameFault(leaf, targetRegion)
    return fault === undefined
      ? undefined
      : { ok: false, check: 5, side: 'listener', message: fault }
  }
  if (!dialer.verifyServerHostname) return undefined
  const fault = serverNameFault(leaf, targetRegion)
  return fault === undefined ? undefined : { ok: false, check: 1, side: 'listener', message: fault }
}

/** What the listener demands of the dialer's names: checks 2, 3 and 4. */
function dialerNamed(
  { chain }: AgentFacts,
  { region, verifyServerHostname, rpcUpgradeMode }: AgentFacts,
  protocol: Protocol,
): Refusal | undefined {
  if (!verifyServerHostname) return undefined
  const leaf = chain[0]!
  const refuse = (check: 2 | 3 | 4, message: string | undefined): Refusal | undefined =>
    message === undefined ? undefined : { ok: false, check, side: 'dialer', message }
  const connected = refuse(2, rpcNameFault(leaf, region))
  if (connected !== undefined) return connected
  switch (protocol) {
    case 'raft':
      return rpcUpgradeMode === true ? undefined : refuse(3, raftNameFault(leaf, region))
    case 'server-only-rpc':
      return refuse(4, requestNameFault(leaf, region, 'servers'))
    case 'client-only-rpc':
      return refuse(4, requestNameFault(leaf, region, 'clients'))
    default:
      return undefined
  }
}

/**
 * Go's HTTPS clients look at the names of the authorities that the listener trusts, and send no
 * certificate if none of theirs was issued by one (crypto/tls SupportsCertificate): the listener then
 * says that none was provided. RPC and raft always send theirs (GetClientCertificate).
 */
function sent(dialer: AgentFacts, listener: AgentFacts, https: boolean): Refusal | undefined {
  const { chain } = dialer
  const { trust } = listener
  if (!https || chain.length === 0 || trust.length === 0) return undefined
  for (const { issuer } of chain) {
    for (const { subject } of trust) if (sameBytes(issuer.der, subject.der)) return undefined
  }
  return {
    ok: false,
    check: 'chain',
    side: 'dialer',
    message:
      'it sends no certificate: none of its chain was issued by an authority that the listener names as trusted',
  }
}
