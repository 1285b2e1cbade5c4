/**
 * Looks at one host, and packs what it is to receive.
 *
 * @module
 */

import { parseIdentity, sharedName } from '../address.js'
import type { AgentVerdict } from '../evidence/judge-agents.js'
import type { HostAnswer } from '../hosts/host.js'
import { parseGenerationName } from '../inventory/generation-name.js'
import type { RolloutNode } from './order.js'
import type { RollOutOptions, RolloutPorts } from './ports.js'
import { judgeHost, type LookedHost, type Obstacle } from './preflight.js'
import { conclude } from './bring.js'
import { deliveryFor, isRunning } from './delivery-for.js'
import { lookScript, readLook } from './scripts.js'

/** Looks at the host of an agent, and says what speaks against it. */
export async function lookAt(
  node: RolloutNode,
  ports: RolloutPorts,
  options: RollOutOptions,
): Promise<{
  readonly ready?: LookedHost | undefined
  readonly host?: string
  readonly obstacles: readonly Obstacle[]
}> {
  const { address } = node
  const { signal } = options
  const destination = ports.destination(node)
  const by = (message: string, remedy: string): { obstacles: readonly Obstacle[] } => ({
    obstacles: [{ host: node.host, address, message, remedy }],
  })
  if (destination === false) {
    return by(
      'it is brought its files by other means',
      'do what rotate rollout prints for it first',
    )
  }
  if (parseIdentity(address).name === sharedName) {
    return by(
      'its hosts share one identity, so a handshake does not say which of them has what',
      'bring them their files as rotate rollout prints it',
    )
  }
  if (destination === undefined) {
    return by('nothing says where ssh reaches its host', 'write ssh: at the node in the spec')
  }
  if (node.configs.length > 0) {
    return by(
      `${node.configs.join(', ')} was edited here, and a rollout carries no configuration`,
      'copy it to the host and restart the agent, as rotate rollout prints it',
    )
  }
  const { delivery, notBefore } = await deliveryFor(node, ports, options)
  const target = ports.hosts.at(destination)
  const script = lookScript(delivery)
  const asked = { node, host: destination, notBefore }
  let answer = await target.run(script, { signal })
  if (options.dryRun !== true && (await wasProven(node, answer, ports))) {
    if ((await conclude(target, address, delivery, 'proven', ports)) === undefined) {
      answer = await target.run(script, { signal })
    }
  }
  const { looked, obstacles } = judgeHost(asked, answer, ports.clock())
  // A host that is not fit already need not be asked more.
  if (looked === undefined) return { host: destination, obstacles }
  const [verdict] = await ports.prove([address], { note: false })
  const unfit = handshakeObstacle(looked, verdict, options)
  return unfit === undefined
    ? { host: destination, obstacles, ready: looked }
    : { host: destination, obstacles: [...obstacles, unfit] }
}

/** What could not be proven afterwards is not begun; and an agent that answers does run. */
function handshakeObstacle(
  looked: LookedHost,
  verdict: AgentVerdict | undefined,
  { unit }: RollOutOptions,
): Obstacle | undefined {
  const { node, host, look } = looked
  const { seen = [], silent = [] } = verdict ?? {}
  const of = (message: string, remedy: string): Obstacle => ({
    ...{ host, address: node.address, message, remedy },
  })
  if (!isRunning(looked)) {
    return seen.length === 0
      ? undefined
      : of(
          `its agent answers, and ${unit} is ${look.unit}`,
          'node.unit in the spec must name the unit of the agent',
        )
  }
  if (seen.length > 0 && silent.length === 0) return undefined
  const [first] = silent
  return of(
    first === undefined
      ? 'nothing says where its agent can be asked'
      : `its agent cannot be asked: ${first.message}`,
    first === undefined
      ? 'write http: and rpc: at the node in the spec'
      : (first.remedy ??
          'a rollout proves each agent by a handshake: make its ports reachable, or --via ssh'),
  )
}

/**
 * A rollout that was cut after the proof has left an installer that does not know of it, and refuses: the
 * agent presents what is in place there.
 */
async function wasProven(
  { address }: RolloutNode,
  answer: HostAnswer,
  ports: RolloutPorts,
): Promise<boolean> {
  const installer = answer.reached ? readLook(answer.stdout).installer : undefined
  if (installer?.reason !== 'unproven') return false
  const place = parseGenerationName(installer.generation ?? '')
  const [verdict] = await ports.prove([address])
  return place !== undefined && verdict?.generation === place.number && verdict.seen.length > 0
}
