/**
 * Where turning TLS on stands, what its gate waits for, and what the next stage costs.
 *
 * @module
 */

import { formatDuration } from '../duration.js'
import type { Transport } from '../cluster/transport.js'
import type { GateVerdict } from '../evidence/gate.js'
import { graceNeeded, type HeartbeatGrace } from '../rotation/heartbeat-grace.js'
import type { TransportPosition } from '../rotation/transport-stages.js'
import { rangesOf } from './fold.js'
import type { Document } from './json.js'
import { gateText } from './rotation.js'
import { count, type Style } from './style.js'

/** What is told. */
export interface TransportFacts {
  readonly transport: Transport
  readonly position: TransportPosition
  readonly gate: GateVerdict
  readonly grace: HeartbeatGrace
  /** What each server made of a plain ping; nobody was asked while all speak plaintext. */
  readonly plain: readonly {
    readonly address: string
    readonly endpoint: string
    readonly state: 'answered' | 'refused' | 'silent'
    readonly message?: string | undefined
  }[]
  readonly agents: { readonly servers: number; readonly clients: number }
}

/** The whole of it, as text. */
export function transportText(
  facts: TransportFacts,
  style: Style,
  { flags }: { readonly flags: string },
): string {
  const { transport, position, gate, plain } = facts
  const { next } = position
  const done = next === undefined && gate.open
  const parts = [
    `${style.strong(`transport: ${transport}`)}, stage ${position.stage}: ${done ? 'TLS is on' : position.title}`,
    ...(next === undefined
      ? []
      : [
          [
            `next: ${next.title}`,
            style.faint(`  transport: ${next.transport}`),
            ...costLines(facts, style),
          ].join('\n'),
        ]),
    [
      gateText(gate, style),
      ...(gate.open ? [] : [style.faint(`  it waits for ${position.waitsFor}`)]),
      ...plainLines(plain, style),
    ].join('\n'),
    gate.open
      ? next === undefined
        ? style.good('nothing remains to do')
        : `to take this stage: nomad-pki rotate tls --next${flags}`
      : `to open the gate: ${gate.holds[0]!.remedy}`,
  ]
  return parts.join('\n\n')
}

/** What a person has to know before it begins. */
function costLines({ position, grace, agents }: TransportFacts, style: Style): readonly string[] {
  const { restarts } = position.next!
  const who = restarts
    .map((kind) => count(agents[kind], kind === 'servers' ? 'server' : 'client'))
    .join(', then ')
  const { short, unknown } = grace
  const names = (all: readonly string[]): string => rangesOf(all.map(lastOf))
  const needed = formatDuration(graceNeeded)
  const set = `set server { heartbeat_grace = "${needed}" } and restart the servers before this stage, the leader last; take it back at the end`
  return [
    `  one restart of each of ${who}; a reload does not apply these settings`,
    '  servers: one at a time, the leader last, and soon after each other',
    '  a region of three or more servers has no leader for the seconds of one election; one of fewer has none while its leader restarts',
    ...(short.length > 0
      ? [
          style.doubtful(
            `  heartbeat_grace of ${names(short.map(({ address }) => address))} is too short (${formatDuration(Math.min(...short.map(({ grace: one }) => one)))}): a client that is not heard loses its allocations; ${set}`,
          ),
        ]
      : []),
    ...(unknown.length > 0
      ? [
          style.doubtful(
            `  heartbeat_grace of ${names(unknown)} is not known, because their configurations are not here: unless it is ${needed} already, ${set}`,
          ),
        ]
      : []),
    ...(short.length + unknown.length === 0
      ? [`  heartbeat_grace is long enough (${needed} or more on each server)`]
      : []),
  ]
}

function plainLines(plain: TransportFacts['plain'], style: Style): readonly string[] {
  if (plain.length === 0) return []
  const of = (state: 'answered' | 'refused' | 'silent'): string =>
    rangesOf(plain.filter((one) => one.state === state).map(({ address }) => lastOf(address)))
  const told = [
    ['accept plaintext RPC', of('answered')],
    ['refuse plaintext RPC', of('refused')],
    ['were not reached', of('silent')],
  ].flatMap(([what = '', names = '']) => (names === '' ? [] : [`${what}: ${names}`]))
  return [style.faint(`  servers that ${told.join('; ')}`)]
}

function lastOf(address: string): string {
  return address.slice(address.lastIndexOf('/') + 1)
}

/** The same as a document. */
export function transportDocument(
  { transport, position, gate, plain, grace, agents }: TransportFacts,
  { taken }: { readonly taken: boolean },
): Document {
  const { stage, title, next } = position
  return {
    format: 'nomad-pki/transport',
    version: 1,
    transport,
    stage,
    title,
    agents,
    next: next ?? null,
    gate,
    plain: plain.map(({ message, ...one }) => ({ ...one, message: message ?? null })),
    heartbeatGrace: { needed: graceNeeded, ...grace },
    taken,
  }
}
