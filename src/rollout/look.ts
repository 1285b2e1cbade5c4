/**
 * Looks at one host, and packs what it is to receive.
 *
 * @module
 */

import { parseIdentity, sharedName } from '../address.js'
import type { AgentVerdict } from '../evidence/judge-agents.js'
import type { RolloutNode } from './order.js'
import type { RollOutOptions, RolloutPorts } from './ports.js'
import { judgeHost, type LookedHost, type Obstacle } from './preflight.js'
import { lookByHand } from './by-hand.js'
import { deliveryFor, isRunning } from './delivery-for.js'
import { whatBecameOf } from './left.js'
import { lookAtMachine } from './machines.js'
import { lookScript } from './scripts.js'
import { unitRemedy } from './other-units.js'
import { spokenBy, type Spoken } from './speaks-tls.js'

/** Looks at the host of an agent, and says what speaks against it. */
export async function lookAt(
  node: RolloutNode,
  ports: RolloutPorts,
  options: RollOutOptions,
): Promise<{
  readonly ready?: LookedHost | undefined
  readonly host?: string
  readonly obstacles: readonly Obstacle[]
  /** With `plaintext`: what its agent speaks, where it was asked. One that speaks TLS is not fit. */
  readonly spoken?: Spoken | undefined
}> {
  const { address } = node
  const { signal, plaintext } = options
  const machine = ports.machine?.(address)
  if (machine !== undefined) return lookAtMachine(node, machine, ports, options)
  const destination = ports.destination(node)
  const by = (message: string, remedy: string): { obstacles: readonly Obstacle[] } => ({
    obstacles: [{ host: node.host, address, message, remedy }],
  })
  if (parseIdentity(address).name === sharedName) {
    return by(
      'its hosts share one identity, so a handshake does not say which of them has what',
      'bring them their files as nomad-pki rollout --dry-run --commands prints it',
    )
  }
  if (destination === false) {
    const [verdict] = await ports.prove([address], { note: false })
    const ready = lookByHand(node, verdict)
    const spoken = plaintext === true ? spokenBy(node, ready.host, verdict) : undefined
    if (spoken?.endpoint !== undefined) return { host: ready.host, obstacles: [], spoken }
    return { host: ready.host, obstacles: [], spoken, ready: { ...ready, plaintext } }
  }
  if (destination === undefined) {
    return by('nothing says where ssh reaches its host', 'write ssh: at the node in the spec')
  }
  const own = await ports.configs(node)
  if ('fault' in own) return by(own.fault, own.remedy)
  const { delivery, notBefore } = await deliveryFor(node, ports, options)
  const target = ports.hosts.at(destination)
  const asked = { node, host: destination, notBefore }
  const run = async (script: string): Promise<ReturnType<typeof judgeHost>> =>
    judgeHost(asked, await target.run(script, { signal }), ports.clock())
  const first = await run(lookScript(delivery))
  const { left } = first
  // An earlier run was ended between switch and proof: that comes first, or is replaced. All else must hold.
  const { looked: fit, obstacles } =
    left === undefined ? first : await run(lookScript({ ...delivery, replaces: true }))
  const looked = fit && { ...fit, plaintext }
  // A host that is not fit already need not be asked more.
  if (looked === undefined) return { host: destination, obstacles }
  const [verdict] = await ports.prove([address], { note: false })
  const spoken = plaintext === true ? spokenBy(node, destination, verdict) : undefined
  if (spoken?.endpoint !== undefined) return { host: destination, obstacles, spoken }
  const unfit =
    handshakeObstacle(looked, verdict, options) ??
    (left === undefined ? undefined : leftObstacle(looked, left, verdict, options))
  return unfit === undefined
    ? { host: destination, obstacles, spoken, ready: { ...looked, left } }
    : { host: destination, obstacles: [...obstacles, unfit], spoken }
}

/** What could not be proven afterwards is not begun; and an agent that answers does run. */
function handshakeObstacle(
  looked: LookedHost,
  verdict: AgentVerdict | undefined,
  { unit, turning }: RollOutOptions,
): Obstacle | undefined {
  const { node, host, look } = looked
  const { seen = [], silent = [] } = verdict ?? {}
  const of = (message: string, remedy: string): Obstacle => ({
    ...{ host, address: node.address, message, remedy },
  })
  if (!isRunning(looked)) {
    return seen.length === 0
      ? undefined
      : of(`its agent answers, and ${unit} is ${look.unit}`, unitRemedy(look))
  }
  if (seen.length > 0 && silent.length === 0) return undefined
  // It speaks plaintext until the restart that turns TLS on, and is proven after that: its ports must be reached.
  const speaks = silent.some(({ unreached }) => unreached !== true)
  if (turning === true && node.restart && seen.length === 0 && speaks) return undefined
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

/** What was left there is replaced only where it is known what the agent has loaded instead. */
function leftObstacle(
  looked: LookedHost,
  left: string,
  verdict: AgentVerdict | undefined,
  { tls }: RollOutOptions,
): Obstacle | undefined {
  const { node, host } = looked
  if (whatBecameOf(left, { running: isRunning(looked) }, verdict) !== undefined) return undefined
  return {
    ...{ host, address: node.address },
    message: `${left} was put in place there and never proven, and what the agent presents is not its own: ${verdict?.message ?? 'nothing was seen'}`,
    remedy: `find out what the agent has loaded; then on the host: sh install.sh --tls ${tls} --proven, or --give-up with the next archive`,
  }
}
