/**
 * What a rollout says while it goes on.
 *
 * @module
 */

import { shortOf } from '../address.js'
import { groupBy } from '../grouping.js'
import type { Doubtful, Rollout, RolloutNode } from '../rollout/order.js'
import type { HostState, RolloutEvent } from '../rollout/ports.js'
import type { Obstacle } from '../rollout/preflight.js'
import { costText } from './costs.js'
import { foldAbove, rangesOf } from './fold.js'
import type { Document } from './json.js'
import { byHandDocument, byHandText, type CommandPlace } from './rollout-commands.js'
import { count, printable, thousands, type Style } from './style.js'

/** The ACL policy that a rollout's token needs: it reads, and changes nothing. */
export const rolloutPolicy: string = `operator {
  policy = "read"
}

node {
  policy = "read"
}`

/**
 * The order, without the commands of each host.
 *
 * @param isHand Whether a person brings an agent its files.
 */
export function orderText(
  order: Rollout,
  style: Style,
  isHand: (node: RolloutNode) => boolean = () => false,
): string {
  const { steps, agents, proven, missing, doubtful, excepted } = order
  const nodes = steps.flatMap((step) => step.nodes)
  const notes = [
    ...few(
      missing,
      (address) =>
        `nothing was made yet for ${shortOf(address)}: nomad-pki plan ${shortOf(address)} says why`,
    ),
    ...few(doubtful, ({ address, message, remedy }) =>
      printable(
        `${shortOf(address)} is not proven: ${message}${remedy === undefined ? '' : `; ${remedy}`}`,
      ),
    ),
  ].map((line) => style.doubtful(line))
  const left = excepted.map(({ address, message }) =>
    style.faint(printable(`${shortOf(address)} is not waited for: ${message}`)),
  )
  if (steps.length === 0) {
    const open = missing.length + doubtful.length > 0
    // Of some agents, or of machines alone, the number of all agents says nothing.
    const isPart = !open && proven + excepted.length < agents
    const have = `${thousands(proven)} of ${count(agents, 'agent')} ${proven === 1 ? 'has' : 'have'}`
    const line = `nothing to bring: ${isPart ? 'what you named has' : have} the newest generation`
    return [...notes, ...left, open ? style.doubtful(line) : style.good(line)].join('\n')
  }
  const lines = steps.map(({ number, kind, region, nodes: own }) => {
    const names = printable(rangesOf(own.map(nameOf)))
    const what =
      kind === 'server'
        ? 'server'
        : count(own.length, { clients: 'client', servers: 'server', machines: 'machine' }[kind])
    const hands = own.filter(isHand)
    const hand = printable(rangesOf(hands.map(nameOf)))
    return [
      `  ${number}  ${region}: ${what} ${names}`,
      kind !== 'machines' && own.some(({ restart }) => restart) ? ', restarted' : '',
      hands.length === 0 ? '' : hands.length === own.length ? ', by you' : `, ${hand} by you`,
    ].join('')
  })
  const together = steps.some(({ kind }) => kind === 'servers')
  const how = together
    ? 'where no quorum is left to keep, the servers of a region are brought together'
    : 'of the servers of a region the leader comes last'
  const ofAgents = steps.filter(({ kind }) => kind !== 'machines').flatMap((step) => step.nodes)
  const restarts = ofAgents.filter(({ restart }) => restart).length
  const whom = whomText(ofAgents.length, nodes.length - ofAgents.length)
  return [
    ...notes,
    ...left,
    `${count(steps.length, 'step')} to ${whom}; ${ofAgents.length > 0 ? how : 'no region waits for them'}`,
    ...(lines.length > 2 * foldAbove
      ? [...lines.slice(0, foldAbove), style.faint(`  and ${lines.length - foldAbove} more`)]
      : lines),
    // Nothing runs there that a reload could cost.
    ...(together || ofAgents.length === 0 ? [] : [costText(ofAgents.length, style, { restarts })]),
  ].join('\n')
}

/** `3 agents and 1 machine` */
export function whomText(agents: number, machines: number): string {
  return [
    ...(agents > 0 || machines === 0 ? [count(agents, 'agent')] : []),
    ...(machines > 0 ? [count(machines, 'machine')] : []),
  ].join(' and ')
}

function few<Value>(all: readonly Value[], text: (one: Value) => string): readonly string[] {
  const more = all.length - foldAbove
  return [
    ...all.slice(0, foldAbove).map(text),
    ...(more > 0 ? [`and ${thousands(more)} more`] : []),
  ]
}

/** What an event does not say of itself. */
export interface EventFacts {
  /** For `done`: the order as it is worked out then. */
  readonly end?: Rollout | undefined
  /** For `by-hand`: what the commands name. */
  readonly place?: CommandPlace | undefined
}

/**
 * An event in words.
 *
 * @returns `undefined` for what nobody needs to read.
 */
export function eventText(
  event: RolloutEvent,
  style: Style,
  { end, place }: EventFacts = {},
): string | undefined {
  switch (event.event) {
    case 'requested': {
      const { host, fingerprint, key } = event
      const what =
        fingerprint === undefined
          ? 'would make a key, and ask for a certificate'
          : `asks for a certificate of ${fingerprint}, ${key === 'new' ? 'a new key' : 'the key of an earlier request'}`
      return printable(`   ${host}: ${what}`)
    }
    case 'looked':
      return undefined
    case 'ready':
      return style.good(`${count(event.hosts, 'host')} looked at: nothing speaks against it`)
    case 'left':
      return [
        ...obstacleLines(event.obstacles, style),
        style.doubtful('left out: the others are brought without them'),
      ].join('\n')
    case 'step': {
      const { number, region, nodes } = event.step
      return style.strong(`${number}  ${region}: ${printable(rangesOf(nodes.map(nameOf)))}`)
    }
    case 'by-hand':
      return place && byHandText(event.nodes, style, place)
    case 'host': {
      const { node, state, message } = event
      const line = printable(
        `   ${nameOf(node)}: ${hostWords[state]}${message === undefined ? '' : `: ${message}`}`,
      )
      return state === 'failed'
        ? style.bad(line)
        : state === 'proven'
          ? style.good(line)
          : state === 'placed' || state === 'settled' || state === 'unseen'
            ? style.doubtful(line)
            : state === 'waiting'
              ? style.faint(line)
              : line
    }
    case 'gate':
      return event.open
        ? `   ${event.region} is healthy: ${printable(event.message)}`
        : style.faint(printable(`   waiting for ${event.region}: ${event.message}`))
    case 'refused':
      return [...obstacleLines(event.obstacles, style), style.bad('nothing was changed')].join('\n')
    case 'stopped':
      return [
        ...obstacleLines(event.obstacles, style),
        style.bad(
          'stopped: what was done stays, and nothing further is touched; the same command goes on',
        ),
      ].join('\n')
    case 'back': {
      const { node, generation, running } = event
      const line = `${nameOf(node)} is back on ${generation}${running ? '' : ', which its next start loads'}; nomad-pki rollout brings the newest again`
      return running ? style.good(line) : style.doubtful(line)
    }
    case 'done':
      return doneText(event, end, style)
  }
}

function doneText(
  {
    proven,
    settled,
    placed,
    delivered = 0,
    failures,
    plaintext,
  }: Extract<RolloutEvent, { event: 'done' }>,
  end: Rollout | undefined,
  style: Style,
): string {
  const parts = [
    ...(proven > 0 || (delivered === 0 && plaintext !== true)
      ? [`${count(proven, 'agent')} brought and proven`]
      : []),
    ...(settled > 0 ? [`${settled} by the receipt of the installer`] : []),
    ...(plaintext === true
      ? [
          `${count(placed, 'agent has its', 'agents have their')} files; they speak plaintext, and load them when TLS is turned on`,
        ]
      : placed > 0
        ? [`${placed} not running: the next start loads the files`]
        : []),
    ...(delivered > 0
      ? [
          `${count(delivered, 'machine has its', 'machines have their')} files: nothing shows that they are read`,
        ]
      : []),
  ]
  const { doubtful = [], missing = [], excepted = [] } = end ?? {}
  const open = few(
    [...doubtful, ...missing.map((address) => ({ address, message: 'nothing was made yet' }))],
    ({ address, message }) =>
      style.doubtful(printable(`${shortOf(address)} is not proven: ${message}`)),
  )
  const rest = (end?.steps ?? []).reduce((sum, { nodes }) => sum + nodes.length, 0) - placed
  const left =
    rest > failures.length ? [`${rest - failures.length} not proven: the same command goes on`] : []
  const waived = excepted.length > 0 ? [`${excepted.length} not waited for: you answer for it`] : []
  if (failures.length > 0) {
    const failed = `${failures.length} failed: the same command goes on`
    return [
      ...obstacleLines(failures, style),
      ...open,
      style.bad([...parts, ...waived, failed].join('; ')),
    ].join('\n')
  }
  const line = [...parts, ...left, ...waived].join('; ')
  return [
    ...open,
    placed + open.length + left.length > 0 ? style.doubtful(line) : style.good(line),
  ].join('\n')
}

const hostWords: Readonly<Record<HostState, string>> = {
  waiting: 'waiting for you',
  sending: 'sending',
  switched: 'switched',
  reloaded: 'reloaded',
  proven: 'proven',
  settled: 'in place; the agent presents the leaf, and does not show which roots it trusts',
  placed: 'in place',
  delivered: 'in place',
  returned: 'back, and the agent presents what it had before',
  failed: 'failed',
  unseen: 'not waited for',
}

/** One problem of many hosts is told once. */
function obstacleLines(obstacles: readonly Obstacle[], style: Style): readonly string[] {
  const groups = groupBy(obstacles, ({ message, remedy }) => `${message}\n${remedy ?? ''}`)
  return [...groups.values()].flatMap((group) => {
    const { message, remedy } = group[0]!
    const where = printable(rangesOf(group.map(({ host, address }) => host ?? address)))
    const line = `${where}: ${message}${remedy === undefined ? '' : `; ${remedy}`}`
    // Of many hosts with one problem one log is enough.
    const told = group.find(({ log = [] }) => log.length > 0)
    const log = (told?.log ?? []).map((row) =>
      style.faint(printable(`  ${told!.host ?? told!.address} says: ${row}`)),
    )
    return [style.bad(printable(line)), ...log]
  })
}

function nameOf({ host, address }: RolloutNode): string {
  return host ?? address.slice(address.lastIndexOf('/') + 1)
}

/** The order, as the first line of JSON. */
export function orderEvent(order: Rollout, at: number): Document {
  return {
    ...{ ...eventBase(at), event: 'order', agents: order.agents, proven: order.proven },
    steps: order.steps.length,
    hosts: order.steps.reduce((sum, { nodes }) => sum + nodes.length, 0),
    ...standing(order),
  }
}

function eventBase(at: number): Document & { readonly at: number } {
  return { format: 'nomad-pki/rollout-event', version: 1, at }
}

/** Agents that delivering does not prove. */
function standing({ missing, doubtful, excepted }: Rollout): object {
  const of = ({ address, state, message, remedy }: Doubtful): object => ({
    ...{ address, state, message, remedy: remedy ?? null },
  })
  return { missing, doubtful: doubtful.map(of), excepted: excepted.map(of) }
}

/** An event as one line of JSON. */
export function eventDocument(
  event: RolloutEvent,
  at: number,
  { end, place }: EventFacts = {},
): Document {
  const base = { ...eventBase(at), event: event.event }
  const obstacles = (all: readonly Obstacle[]): readonly object[] =>
    all.map(({ host, address, message, remedy, log = [] }) => ({
      ...{ host: host ?? null, address, message, remedy: remedy ?? null, log },
    }))
  switch (event.event) {
    case 'requested': {
      const { address, host, key, fingerprint } = event
      return { ...base, address, host, key, fingerprint: fingerprint ?? null }
    }
    case 'looked':
      return { ...base, address: event.node.address, host: event.host, ready: event.ready }
    case 'ready':
      return { ...base, hosts: event.hosts }
    case 'step': {
      const { number, kind, region, nodes } = event.step
      return { ...base, number, kind, region, addresses: nodes.map(({ address }) => address) }
    }
    case 'by-hand':
      return { ...base, hosts: place === undefined ? [] : byHandDocument(event.nodes, place) }
    case 'host':
      return {
        ...base,
        address: event.node.address,
        host: event.host,
        state: event.state,
        message: event.message ?? null,
      }
    case 'gate':
      return { ...base, region: event.region, open: event.open, message: event.message }
    case 'back': {
      const { node, host, generation, running } = event
      return { ...base, address: node.address, host, generation, running }
    }
    case 'refused':
    case 'left':
    case 'stopped':
      return { ...base, obstacles: obstacles(event.obstacles) }
    case 'done':
      return {
        ...{ ...base, proven: event.proven, settled: event.settled, placed: event.placed },
        delivered: event.delivered ?? 0,
        failures: obstacles(event.failures),
        ...(end === undefined ? { missing: [], doubtful: [], excepted: [] } : standing(end)),
      }
  }
}
