/**
 * Turning TLS on in a running cluster as successive edits of the spec.
 *
 * ```text
 * transport: plaintext ─files everywhere→ upgrading ─every agent seen with TLS→ tls ─no server answers plaintext→ done
 * ```
 *
 * A server with TLS always dials with TLS, and one without drops it (nomad/raft_rpc.go:113, nomad/rpc.go:336 of
 * 1.11.3). `rpc_upgrade_mode` is about what comes in alone. So servers are not waited for between plaintext and TLS: they
 * restart soon after each other, the leader last.
 *
 * @module
 */

import type { Transport } from '../cluster/transport.js'

/** The next edit, and what follows it. */
export interface TransportStage {
  /** What `transport` shall say. */
  readonly transport: Transport
  /** What it does, one sentence: lower case, no full stop. */
  readonly title: string
  /** Who restarts after it, in this order. */
  readonly restarts: readonly ('servers' | 'clients')[]
}

/** Where a cluster stands. */
export interface TransportPosition {
  /** `1 of 3`. */
  readonly stage: string
  /** What the stage is, one sentence. */
  readonly title: string
  /** What its gate waits for. */
  readonly waitsFor: string
  /** Absent at the end. */
  readonly next?: TransportStage | undefined
}

const positions: Readonly<Record<Transport, TransportPosition>> = {
  plaintext: {
    stage: '1 of 3',
    title: 'agents speak plaintext, and receive their files',
    waitsFor: 'the receipt of each installer',
    next: {
      transport: 'upgrading',
      title: 'servers speak TLS and accept plaintext; then clients speak TLS',
      restarts: ['servers', 'clients'],
    },
  },
  upgrading: {
    stage: '2 of 3',
    title: 'servers accept plaintext and TLS, and clients change to TLS',
    waitsFor: 'a handshake of each agent with its certificate',
    next: {
      transport: 'tls',
      title: 'servers accept TLS alone, and check the role of each certificate',
      restarts: ['servers'],
    },
  },
  tls: {
    stage: '3 of 3',
    title: 'agents speak TLS alone',
    waitsFor: 'a handshake of each agent, and servers that refuse plaintext RPC',
  },
}

/** Says where turning TLS on stands, and which edit of the spec comes next. */
export function transportPosition(transport: Transport): TransportPosition {
  return positions[transport]
}
