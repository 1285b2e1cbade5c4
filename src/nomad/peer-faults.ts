/**
 * Whether an agent whose files load will reach a peer with them: its chain under its own trust, and
 * its names for its role and region. Peers are taken to trust what it trusts.
 *
 * @module
 */

import type { AgentRole } from '../address.js'
import type { Certificate } from '../x509/certificate.js'
import { verifyChain } from '../x509/verify-chain.js'
import {
  nodeNameFault,
  raftNameFault,
  requestNameFault,
  rpcNameFault,
  serverNameFault,
} from './checks.js'
import type { AgentFacts } from './judge.js'
import { runsClient, runsServer } from './roles.js'

/** What is known of the agent. */
export interface PeerFacts extends Omit<AgentFacts, 'role'> {
  /** Absent: it is not known, and names are not looked at. */
  readonly role?: AgentRole | undefined
  readonly http: boolean
  readonly rpc: boolean
}

/** Why peers refuse it. */
export interface PeerFault {
  /** `all`: no peer is reached; `some`: what needs this one check fails. */
  readonly effect: 'all' | 'some'
  /** One sentence: lower case, no full stop. */
  readonly message: string
}

/**
 * Asks the questions that every peer of the agent will ask.
 *
 * @param facts What it is, and what its files hold.
 * @param now Epoch milliseconds.
 * @returns What would be refused; each reason once. Empty where the chain is empty.
 */
export function peerFaults(facts: PeerFacts, now: number): readonly PeerFault[] {
  const { chain, trust, http, rpc } = facts
  const [leaf, ...behind] = chain
  if (leaf === undefined || (!http && !rpc)) return []
  const { role } = facts
  const purposes = [
    // Servers listen for RPC, and every agent with `http` listens for HTTPS.
    ...(http || runsServer(role) ? (['serverAuth'] as const) : []),
    ...(rpc ? (['clientAuth'] as const) : []),
  ]
  for (const purpose of purposes) {
    const verdict = verifyChain(leaf, behind, trust, { now, purpose })
    if (verdict.ok) continue
    const what = purpose === 'serverAuth' ? 'listens' : 'dials'
    const whole = purposes.length === 1 || verdict.code !== 'usage'
    const when = whole ? '' : ` when the agent ${what}`
    return [{ effect: 'all', message: `peers refuse its certificate${when}: ${verdict.message}` }]
  }
  return namesOf(leaf, facts)
}

function namesOf(leaf: Certificate, facts: PeerFacts): readonly PeerFault[] {
  const { role, region, http, rpc, verifyServerHostname, rpcUpgradeMode } = facts
  const faults: PeerFault[] = []
  const say = (effect: PeerFault['effect'], who: string, fault: string | undefined): void => {
    if (fault !== undefined) faults.push({ effect, message: `${who}: ${fault}` })
  }
  const names = rpc && verifyServerHostname
  if (names && runsServer(role)) {
    const raft = rpcUpgradeMode === true ? undefined : raftNameFault(leaf, region)
    const request = requestNameFault(leaf, region, 'servers')
    const fault = serverNameFault(leaf, region) ?? raft ?? request
    say('all', `every agent of ${region} refuses it as a server`, fault)
  }
  // An agent that is both is asked for more as a server.
  if (names && role === 'client') {
    const fault = rpcNameFault(leaf, region) ?? requestNameFault(leaf, region, 'clients')
    say('all', `every server of ${region} refuses it as a client`, fault)
  }
  if (http && faults.length === 0 && runsClient(role)) {
    say('some', 'other clients refuse its HTTPS (migration of disks)', nodeNameFault(leaf, region))
  }
  return faults
}
