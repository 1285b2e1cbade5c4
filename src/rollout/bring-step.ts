/**
 * The hosts of one step: each gets its files, by ssh or by hand, and all are counted.
 *
 * @module
 */

import { bring } from './bring.js'
import { waitByHand, type HandEnd } from './by-hand.js'
import { bringBack } from './go-back.js'
import { awaited, isHand, runs, type Looked } from './look-all.js'
import { bringMachine } from './machines.js'
import type { RolloutNode, RolloutStep } from './order.js'
import { events } from './events.js'
import { inParallel } from '../in-parallel.js'
import {
  stopIfAborted,
  type HostState,
  type RolloutEvent,
  type RollOutOptions,
  type RolloutPorts,
} from './ports.js'
import type { LookedHost, Obstacle } from './preflight.js'
import { isEnough } from './recovery.js'

/** What came of the steps so far. */
export interface Tally {
  /** Agents that a handshake proved. */
  proven: number
  /** Agents that present the leaf and do not show whom they trust: their receipts do. */
  settled: number
  /** Agents that do not run: their next start loads the files. */
  placed: number
  /** Machines that have their files. */
  delivered: number
  /** Clients that failed, where some may. */
  readonly failures: Obstacle[]
  /** Regions whose servers were waited for once: an earlier run may have ended a moment ago. */
  readonly waited: Set<string>
}

/** What came of the hosts of a step: those that run with their new files, or what stops the rollout. */
export type Brought =
  { readonly running: readonly RolloutNode[] } | { readonly stops: readonly Obstacle[] }

/**
 * Brings the hosts of a step their files; those that a person brings are waited for meanwhile.
 *
 * @param tally Is added to.
 * @throws {NomadPkiError} `ERR_INTERRUPTED`: after the hosts at work have ended.
 */
export async function* bringStep(
  step: RolloutStep,
  ready: Looked,
  tally: Tally,
  ports: RolloutPorts,
  options: RollOutOptions,
): AsyncGenerator<RolloutEvent, Brought, undefined> {
  const { kind, region, nodes } = step
  const failed: Obstacle[] = []
  /** By their addresses: a handshake showed that they have what a person brought. */
  const shown = new Set<string>()
  const said = events<RolloutEvent>()
  const mayFail = mayFailOf(kind, options)
  const tooMany = (): boolean =>
    failed.length > 0 && tally.failures.length + failed.length > mayFail
  const isOver = (): boolean => tooMany() || options.signal?.aborted === true
  const tell = ({ node, host }: LookedHost, state: HostState, message?: string): void => {
    said.push({ event: 'host', node, host, state, message })
  }
  const ended = (one: LookedHost, end: HandEnd | 'placed' | 'delivered'): void => {
    if (typeof end === 'object') {
      failed.push({ host: one.host, address: one.node.address, ...end })
      tell(one, 'failed', end.message)
    } else if (end !== 'unseen') {
      tally[end] += 1
      if (end !== 'placed') shown.add(one.node.address)
    }
  }
  // What it had before was accepted a moment ago.
  const goesBack = async (one: LookedHost): Promise<string> => {
    const back = await bringBack(one, ports, options)
    return 'message' in back
      ? `and it did not go back: ${back.message}`
      : `it went back to ${back.generation}, and its agent presents that`
  }
  const hands = nodes.filter((node) => isHand(node, ready))
  const unseen = awaited(hands, ready)
  if (unseen.length > 0) yield { event: 'by-hand', nodes: unseen }
  // Without a server the region may have no quorum: of them none may fail, and each comes alone.
  const width = kind === 'server' ? 1 : (options.concurrency ?? 8)
  const sent = nodes.filter((node) => !isHand(node, ready))
  const sending = inParallel(sent, width, async (node) => {
    if (isOver()) return
    const one = ready.get(node)!
    const told = (state: HostState, message?: string): void => {
      tell(one, state, message)
    }
    const machine = ports.machine?.(node.address)
    ended(
      one,
      machine === undefined
        ? await bring(one, ports, options, told, goesBack)
        : await bringMachine(one, machine, ports, told),
    )
  })
  const byHand = hands.map((node) => ready.get(node)!)
  const waiting = waitByHand(byHand, ports, options, tell, ended, isOver)
  const working = Promise.allSettled([sending, waiting]).then(async () => {
    await Promise.all([sending, waiting])
  })
  yield* said.until(working)
  const away = new Set(failed.map(({ address }) => address))
  const brought = new Set(nodes.filter(({ address }) => !away.has(address)))
  if (tooMany() || !isEnough(step, brought, ports.servers(region))) {
    return { stops: [...tally.failures, ...failed] }
  }
  tally.failures.push(...failed)
  stopIfAborted(options)
  const isRunning = (node: RolloutNode): boolean =>
    isHand(node, ready) ? shown.has(node.address) : runs(ready.get(node))
  return { running: [...brought].filter(isRunning) }
}

/** How many hosts of a step may fail before the others are not touched. */
function mayFailOf(kind: RolloutStep['kind'], { recover, maxFailures }: RollOutOptions): number {
  if (recover === true && kind !== 'server') {
    return kind === 'clients' ? (maxFailures ?? Infinity) : Infinity
  }
  return kind === 'clients' || kind === 'machines' ? (maxFailures ?? 0) : 0
}
