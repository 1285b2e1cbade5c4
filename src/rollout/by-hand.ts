/**
 * Hosts that ssh does not reach: a person brings them their files, and a handshake shows that their agents load
 * them.
 *
 * @module
 */

import { parseIdentity } from '../address.js'
import type { AgentVerdict } from '../evidence/judge-agents.js'
import { formatDuration } from '../duration.js'
import type { Fault } from './bring.js'
import { readingPause } from './gate.js'
import type { RolloutNode } from './order.js'
import type { HostState, RollOutOptions, RolloutPorts } from './ports.js'
import type { LookedHost } from './preflight.js'

/** Milliseconds that a person has to bring an agent its files. */
const usualPatience = 3_600_000

/** A server logs each handshake on its RPC port: one that is waited for long is asked less often. */
const longestPause = 15_000

/** What a handshake says of a host that nothing else is known of. */
export function lookByHand(node: RolloutNode, verdict: AgentVerdict | undefined): LookedHost {
  const answers = verdict !== undefined && verdict.seen.length > 0
  return {
    node,
    host: node.host ?? parseIdentity(node.address).name,
    byHand: { seen: isShown(verdict) !== undefined },
    look: {
      ...{
        clock: undefined,
        user: undefined,
        free: undefined,
        missing: [],
        others: [],
        changed: [],
      },
      ...{ unit: answers ? 'active' : 'unknown', installer: undefined, fault: undefined },
    },
  }
}

/** How the newest files of an agent are shown; `undefined`: they are not. */
function isShown(verdict: AgentVerdict | undefined): 'proven' | 'settled' | undefined {
  if (verdict === undefined || verdict.seen.length === 0 || verdict.silent.length > 0) {
    return undefined
  }
  if (verdict.state === 'proven') return 'proven'
  return verdict.state === 'unobservable' ? 'settled' : undefined
}

/** What came of waiting for one host. */
export type HandEnd = 'proven' | 'settled' | 'unseen' | Fault

/**
 * Waits for agents that a person brings their files.
 *
 * @param hosts All of a step.
 * @param tell Says where a host stands.
 * @param ended Says how each ended.
 * @param isOver Whether nothing is waited for any more.
 */
export async function waitByHand(
  hosts: readonly LookedHost[],
  ports: RolloutPorts,
  options: RollOutOptions,
  tell: (one: LookedHost, state: HostState, message?: string) => void,
  ended: (one: LookedHost, end: HandEnd) => void,
  isOver: () => boolean,
): Promise<void> {
  const { handPatience = usualPatience, mayBeUnseen } = options
  const left = new Map<string, LookedHost>()
  for (const one of hosts) {
    const { address } = one.node
    if (options.plaintext === true) {
      tell(
        one,
        'unseen',
        'it speaks plaintext, so its receipt must show its files: nomad-pki probe --evidence receipt.json',
      )
      ended(one, 'unseen')
    } else if (mayBeUnseen?.has(address) === true) {
      await ports.accept([{ code: 'unseen', value: address }])
      tell(one, 'unseen', 'you answer for it')
      ended(one, 'unseen')
    } else left.set(address, one)
  }
  const began = ports.clock()
  const said = new Map<string, string>()
  while (left.size > 0 && !isOver()) {
    const verdicts = await ports.prove([...left.keys()])
    const waited = ports.clock() - began
    for (const verdict of verdicts) {
      const one = left.get(verdict.address)
      if (one === undefined) continue
      const how = isShown(verdict)
      const message = verdict.silent[0]?.message ?? verdict.message
      if (how !== undefined) {
        tell(one, how)
        ended(one, how)
        left.delete(verdict.address)
      } else if (waited >= handPatience) {
        ended(one, {
          message: `nobody brought its files within ${formatDuration(handPatience)}: ${message}`,
          remedy: `the same command waits again; to go on without it: --override unseen=${verdict.address} --reason TEXT`,
        })
        left.delete(verdict.address)
      } else if (said.get(verdict.address) !== message) {
        said.set(verdict.address, message)
        tell(one, 'waiting', message)
      }
    }
    const pause = Math.min(longestPause, Math.max(readingPause, waited / 20))
    for (let slept = 0; slept < pause && left.size > 0 && !isOver(); slept += readingPause) {
      await ports.sleep(readingPause)
    }
  }
}
