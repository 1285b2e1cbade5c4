/**
 * What running agents are proven to have loaded: the judgement that `probe` and `status` read, as
 * findings.
 *
 * @module
 */

import type { Finding, Severity } from '../diagnostics.js'
import { wasDelivered } from '../evidence/delivered.js'
import { evidenceIn } from '../evidence/evidence.js'
import { judgeAll } from '../evidence/judge.js'
import type { AgentState, Judgement, Judgements } from '../evidence/judgement.js'
import { selfRenewedIn, type SelfRenewed } from '../evidence/self-renewed.js'
import { stateWords, withoutPorts } from '../evidence/state-words.js'
import type { Inventory } from '../inventory/inventory.js'
import { isAgent } from '../nomad/roles.js'
import { renewsItself, type Desired, type DesiredIdentity } from '../cluster/desired.js'

/** How many agents are proven. */
export interface AgentProof {
  /** How many agents the spec has. */
  readonly agents: number
  /** How many of them are proven on their newest generation. */
  readonly proven: number
  /** Whether any agent was ever seen, or any installer reported. */
  readonly delivered: boolean
}

const severities: Readonly<Record<Exclude<AgentState, 'proven'>, Severity>> = {
  foreign: 'error',
  expired: 'error',
  lagging: 'warning',
  silent: 'warning',
  unobservable: 'warning',
  unknown: 'note',
  excepted: 'note',
}

/**
 * Counts the agents that are proven.
 *
 * @param options `now`: epoch milliseconds.
 */
export function agentProof(
  desired: Desired,
  inventory: Inventory,
  options: { readonly now: number },
): AgentProof {
  const agents = agentsOf(desired)
  const judged = judgementsIn(inventory, options)
  const self = selfRenewedIn(desired, inventory, options)
  const proven = agents.filter(
    ({ address }) => (self.get(address) ?? judged?.get(address))?.state === 'proven',
  )
  return { agents: agents.length, proven: proven.length, delivered: judged !== undefined }
}

/**
 * Names the agents that are not proven. Before the first delivery there is nothing to prove.
 *
 * @param said What was found of the files: a leaf that has ended is not told twice.
 * @param options `now`: epoch milliseconds.
 */
export function verifyAgents(
  desired: Desired,
  inventory: Inventory,
  said: readonly Finding[],
  options: { readonly now: number },
): readonly Finding[] {
  const self = [...selfRenewedIn(desired, inventory, options).values()]
  const own = self.flatMap((one) => (one.state === 'proven' ? [] : [ofItself(one)]))
  const judged = judgementsIn(inventory, options)
  if (judged === undefined) return own
  const ended = new Set(
    said.flatMap(({ address, reason, severity }) =>
      severity === 'error' && (reason === 'expired' || reason === 'not-yet-valid') ? [address] : [],
    ),
  )
  const others = agentsOf(desired).flatMap(({ address, profile }): readonly Finding[] => {
    if (renewsItself({ profile })) return []
    const judgement = judged.get(address)
    if (judgement === undefined || judgement.state === 'proven') return []
    if (ended.has(address) && isOfDates(judgement, options.now)) return []
    const { state, remedy } = judgement
    return [
      {
        severity: severities[state],
        address,
        reason: 'not-proven',
        message: `the agent is ${stateWords[state]}: ${withoutPorts(judgement)}`,
        ...(remedy !== undefined && { remedy }),
      },
    ]
  })
  return [...own, ...others]
}

/** A node that renews itself: what it presents is all that there is to find a fault with. */
function ofItself(self: SelfRenewed): Finding {
  const { address, state, reason = 'not-proven', remedy } = self
  const isGrave = reason === 'renewal-overdue' || state === 'expired' || state === 'foreign'
  return {
    severity: isGrave ? 'error' : 'warning',
    address,
    reason,
    message: withoutPorts(self),
    ...(remedy !== undefined && { remedy }),
  }
}

function agentsOf({ identities }: Desired): readonly DesiredIdentity[] {
  return identities.filter(({ profile }) => isAgent(profile.role))
}

/** `undefined` where no agent was ever seen. */
function judgementsIn(
  inventory: Inventory,
  { now }: { readonly now: number },
): Judgements | undefined {
  const evidence = evidenceIn(inventory.ledger, { now })
  return wasDelivered(evidence) ? judgeAll(inventory, { now, evidence }) : undefined
}

/** Whether nothing but the dates of the newest generation speaks against it, and the files say so too. */
function isOfDates({ state, known, newest }: Judgement, now: number): boolean {
  if (known?.number !== newest.number) return false
  return state === 'expired' || (state === 'lagging' && (newest.notBefore ?? 0) > now)
}
