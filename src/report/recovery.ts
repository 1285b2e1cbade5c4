/**
 * A recovery in words: what has ended, what comes in which order, and why.
 *
 * @module
 */

import { formatInstant } from '../duration.js'
import type { Rollout } from '../rollout/order.js'
import {
  agentsOf,
  type Recovery,
  type RecoveryAgent,
  type RecoveryFault,
} from '../rotation/recovery.js'
import { foldAbove, rangesOf } from './fold.js'
import type { Document } from './json.js'
import { count, printable, type Style } from './style.js'

/** What is told. */
export interface RecoveryPlan {
  readonly recovery: Recovery
  /** Whom it brings, in which order. */
  readonly order: Rollout
  /** How many agents need a new certificate, which `apply` makes. */
  readonly unmade: number
  /** The operator who gets a new certificate, because the API is asked with it. */
  readonly operator: string | undefined
  /** Hosts that ssh did not reach, and why. */
  readonly away: readonly { readonly address: string; readonly message: string }[]
  /** How many hosts told their time, and it was that of here. */
  readonly timed: number
  /** ` --file other.yaml` */
  readonly flags: string
}

/** How things are. */
export function recoveryState(recovery: Recovery, style: Style): string {
  const { regions, faults } = recovery
  const ended = agentsOf(recovery).filter(({ life }) => life === 'ended')
  const ends = ended.flatMap(({ end }) => end ?? [])
  const all = agentsOf(recovery).length
  const when =
    ends.length === 0
      ? ''
      : `, the first on ${formatInstant(Math.min(...ends))}, the last on ${formatInstant(Math.max(...ends))}`
  return [
    style.bad(`the certificates of ${ended.length} of ${count(all, 'agent')} have ended${when}`),
    ...regions.map(({ region, servers, clients, quorumLost }) => {
      const say = [partText(servers, 'server'), partText(clients, 'client')].filter(
        (text) => text !== '',
      )
      const quorum = !quorumLost
        ? 'its servers can elect a leader'
        : servers.some(({ life }) => life === 'unknown')
          ? 'too few of its servers are seen to live for a leader to be elected'
          : 'its servers refuse each other: no leader can be elected'
      return printable(`  ${region}: ${say.join(', ')}; ${quorum}`)
    }),
    ...faults.map((fault) => style.bad(`  ${faultText(fault)}`)),
    ...unknownLines(recovery, style),
  ].join('\n')
}

function partText(agents: readonly RecoveryAgent[], one: string): string {
  if (agents.length === 0) return ''
  const ended = agents.filter(({ life }) => life === 'ended').length
  return `${ended} of ${count(agents.length, one)} ended`
}

function faultText({ address, fault, at }: RecoveryFault): string {
  switch (fault) {
    case 'ended':
      return `${address} itself ended on ${formatInstant(at!)}: nothing below it is accepted, and it signs nothing`
    case 'key-lost':
      return `${address} lives, and its key is not in the store: it signs nothing. A backup with ca-key.pem spares you a new one`
    case 'lost':
      return `${address} is not in the store. A backup of the store spares you a new one`
  }
}

function unknownLines(recovery: Recovery, style: Style): readonly string[] {
  const unknown = agentsOf(recovery).filter(({ life }) => life === 'unknown')
  if (unknown.length === 0) return []
  return [
    style.doubtful(
      printable(
        `  not known, because it does not answer: ${rangesOf(unknown.map(({ address }) => lastOf(address)))}`,
      ),
    ),
  ]
}

/** What to do, in which order, and why. */
export function recoveryText(plan: RecoveryPlan, style: Style): string {
  const steps = stepsOf(plan)
  return [
    style.strong('what to do, in this order'),
    ...steps.map(({ what, why }, at) =>
      [
        `  ${at + 1}  ${printable(what)}`,
        ...why.map((line) => style.faint(`     ${printable(line)}`)),
      ].join('\n'),
    ),
    ...plan.away
      .slice(0, foldAbove)
      .map(({ address, message }) =>
        style.doubtful(printable(`${lastOf(address)} is not reached by ssh: ${message}`)),
      ),
    ...(plan.away.length > foldAbove ? [`and ${plan.away.length - foldAbove} more`] : []),
    ...(plan.timed === 0 && plan.order.steps.length > 0
      ? [style.doubtful('no host told its time: look first whether the clock here is right')]
      : []),
    style.faint(
      `by hand: the same commands; nomad-pki rollout --dry-run --commands${plan.flags} prints those of each host`,
    ),
  ].join('\n')
}

interface RunbookStep {
  readonly what: string
  readonly why: readonly string[]
}

function stepsOf({
  recovery,
  order,
  unmade,
  operator,
  flags,
}: RecoveryPlan): readonly RunbookStep[] {
  const steps: RunbookStep[] = []
  for (const { name, signing, trusted } of recovery.edits) {
    const set = [
      `signing: ${signing!}`,
      ...(trusted === undefined ? [] : [`trusted: [${trusted.join(', ')}]`]),
    ].join(', ')
    steps.push({
      what: `in the spec, for authority ${name}: ${set}`,
      why:
        trusted === undefined
          ? ['agents trust its root, and take its next generation as it comes']
          : [
              'a new root, trusted alone: no living certificate hangs from the old one, so no agent loses anything',
            ],
    })
  }
  if (unmade > 0 || recovery.edits.length > 0) {
    steps.push({
      what: `nomad-pki apply${flags}`,
      why: [`makes ${count(unmade, 'new certificate')}; nothing reaches an agent yet`],
    })
  }
  if (operator !== undefined) {
    steps.push({
      what: `nomad-pki apply ${operator}${flags}`,
      why: ['the gates ask the servers with it'],
    })
  }
  for (const { kind, region, nodes } of order.steps) {
    const names = rangesOf(nodes.map(({ host, address }) => host ?? lastOf(address)))
    const restarts = nodes.filter(({ restart }) => restart).length
    const how =
      restarts === 0
        ? 'a reload (SIGHUP) is enough: agents read the new files, and keep their data and their allocations'
        : `${count(restarts, 'agent')} restart: a reload does not apply what changed in their configuration`
    steps.push({
      what: `${region}: ${count(nodes.length, kind === 'clients' ? 'client' : 'server')} ${names}${nodes.length > 1 ? ', all at once' : ''}`,
      why: [...reasonsFor(kind, region, recovery), how],
    })
  }
  return steps
}

function reasonsFor(
  kind: Rollout['steps'][number]['kind'],
  region: string,
  { regions }: Recovery,
): readonly string[] {
  switch (kind) {
    case 'servers':
      return [
        'there is no quorum to keep: a server with a new certificate talks only to servers that have one, and a majority elects the leader',
        'until then a handshake alone proves each; then three readings show one leader',
      ]
    case 'machines':
      return []
    case 'server':
      return ['the others keep the quorum: as in any rollout, it waits until the region is healthy']
    case 'clients': {
      const own = regions.find((one) => one.region === region)
      return own?.quorumLost === true
        ? [
            'within five minutes of the election (failover_heartbeat_ttl): then the leader takes a client that it has not heard for lost, and its allocations with it',
          ]
        : [
            'the servers are well, so this is an ordinary rollout of clients: nomad-pki rollout --only clients does it too',
            'the servers may have taken them for lost already; a client that comes back registers by itself',
          ]
    }
  }
}

function lastOf(address: string): string {
  return address.slice(address.lastIndexOf('/') + 1)
}

/** The same as one line of `rollout --json`. */
export function recoveryDocument(
  { recovery, order, unmade, operator, away }: RecoveryPlan,
  at: number,
): Document & { readonly at: number } {
  return {
    ...{ format: 'nomad-pki/rollout-event', version: 1, at, event: 'recovery' },
    regions: recovery.regions.map(({ region, quorumLost, servers, clients }) => ({
      ...{ region, quorumLost },
      agents: [...servers, ...clients].map(({ address, life, end }) => ({
        ...{ address, life },
        end: end ?? null,
      })),
    })),
    authorities: recovery.faults.map(({ address, fault }) => ({ address, fault })),
    edits: recovery.edits.map(({ name, signing, trusted }) => ({
      ...{ name, signing: signing ?? null },
      trusted: trusted ?? null,
    })),
    ...{ unmade, operator: operator ?? null },
    steps: order.steps.map(({ number, kind, region, nodes }) => ({
      ...{ number, kind, region },
      addresses: nodes.map(({ address }) => address),
    })),
    away: away.map(({ address, message }) => ({ address, message })),
  }
}
