/**
 * One host goes back to the generation that it had before, and its agent is seen to present that.
 *
 * @module
 */

import { parseIdentity } from '../address.js'
import type { RaftServer } from '../probe/raft.js'
import { conclude, installFault, installTimeout, type Fault } from './bring.js'
import { isRunning } from './delivery-for.js'
import { runsServer } from '../nomad/roles.js'
import { shellQuote } from '../shell-quote.js'
import { isClient } from './look-all.js'
import type { RolloutNode } from './order.js'
import type { RolloutEvent, RollOutOptions, RolloutPorts } from './ports.js'
import { judgeHost, type LookedHost, type Obstacle } from './preflight.js'
import { backScript, readInstall } from './scripts.js'
import { guardsUsed, readingObstacle, unanswered, waitForClients, waitForGate } from './wait.js'

/**
 * Looks at the host, at the region and at what the others trust, and has the host go back.
 *
 * @param node The agent.
 * @returns Events as they happen. The last one is `refused`, `stopped` or `back`; with `dryRun` `ready`.
 */
export async function* goBack(
  node: RolloutNode,
  ports: RolloutPorts,
  options: RollOutOptions,
): AsyncGenerator<RolloutEvent, void, undefined> {
  const { address } = node
  const { region, role } = parseIdentity(address)
  const refused = (obstacle: Obstacle): RolloutEvent => ({
    event: 'refused',
    obstacles: [obstacle],
  })
  const host = ports.destination(node)
  if (host === undefined || host === false) {
    const { tls, unit } = options
    const remedy = `on its host, in the folder that its archive unpacked to: sh install.sh --tls ${shellQuote(tls)} --reload ${shellQuote(unit)} --rollback`
    yield refused({ host: node.host, address, message: 'ssh does not reach its host', remedy })
    return
  }
  const target = ports.hosts.at(host)
  const answer = await target.run(backScript(options, ports.installer, node.overrides, true))
  const { looked, obstacles } = judgeHost({ node, host, notBefore: 0 }, answer, ports.clock())
  yield { event: 'looked', node, host, ready: looked !== undefined }
  if (looked === undefined) {
    yield { event: 'refused', obstacles }
    return
  }
  const wanted = looked.look.installer?.wanted ?? ''
  const accepted = node.overrides.some(({ code, value }) => code === 'rollback' && value === wanted)
  const why = await ports.whyNotBack(address, wanted)
  if (why !== undefined && !accepted) {
    const remedy = `rollout brings the newest; to go back all the same: --override rollback=${wanted} --reason TEXT`
    yield refused({ host, address, message: why, remedy })
    return
  }
  const gated = isRunning(looked) && runsServer(role)
  const before = gated ? await ports.raft(region) : undefined
  if (before !== undefined) {
    const mends = (server: RaftServer): boolean => ports.isServer(address, server)
    const obstacle =
      before.state === 'read'
        ? readingObstacle(region, before.reading, mends, options)
        : unanswered(region, before)
    if (obstacle !== undefined) {
      yield refused(obstacle)
      return
    }
  }
  yield { event: 'ready', hosts: 1 }
  if (options.dryRun === true) return
  if (why !== undefined) await ports.accept([{ code: 'rollback', value: wanted }])
  if (before?.state === 'read') await ports.accept(guardsUsed(region, before.reading, options))
  yield { event: 'host', node, host, state: 'sending' }
  const outcome = await bringBack(looked, ports, options)
  if ('message' in outcome) {
    yield { event: 'stopped', obstacles: [{ host, address, ...outcome }] }
    return
  }
  yield { event: 'host', node, host, state: isRunning(looked) ? 'returned' : 'placed' }
  if (gated) {
    const closed = yield* waitForGate(region, undefined, ports, options)
    if (closed !== undefined) {
      yield { event: 'stopped', obstacles: [closed] }
      return
    }
  }
  if (isRunning(looked) && isClient(node)) {
    const down = yield* waitForClients(region, [node], ports, options)
    if (down !== undefined) {
      yield { event: 'stopped', obstacles: down }
      return
    }
  }
  const { generation } = outcome
  yield { event: 'back', node, host, generation, running: isRunning(looked) }
}

/**
 * Has the installer go back, and its agent load that, and looks whether it did.
 *
 * @returns The generation that is in place then; or why it is not, or is not seen.
 */
export async function bringBack(
  one: LookedHost,
  ports: RolloutPorts,
  options: RollOutOptions,
): Promise<Fault | { readonly generation: string }> {
  const { address, overrides } = one.node
  const target = ports.hosts.at(one.host)
  const script = backScript(options, ports.installer, overrides, false)
  const answer = await target.run(script, { timeout: installTimeout })
  const fault = installFault(answer, one.host)
  if (fault !== undefined) return fault
  const { installer } = readInstall(answer.reached ? answer.stdout : '')
  const generation = installer?.generation ?? ''
  if (!isRunning(one)) return { generation }
  const print = generation.slice(generation.indexOf('-') + 1)
  const end = ports.clock() + (options.patience ?? 30_000)
  for (;;) {
    const [verdict] = await ports.prove([address])
    const { seen = [], silent = [] } = verdict ?? {}
    const all = seen.length > 0 && silent.length === 0
    if (all && seen.every(({ fingerprint }) => fingerprint.startsWith(print))) {
      return (await conclude(target, address, options, 'proven', ports)) ?? { generation }
    }
    if (ports.clock() >= end) {
      return {
        message: `${generation} is in place again, and its agent is not seen to present it: ${verdict?.message ?? 'nothing was seen'}`,
        remedy: `its agent's log says why: journalctl -u ${options.unit} -n 50`,
      }
    }
    await ports.sleep(500)
  }
}
