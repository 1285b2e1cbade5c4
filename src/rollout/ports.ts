/**
 * What a rollout needs of the world, how it is done, and what happens meanwhile.
 *
 * @module
 */

import { NomadPkiError } from '../errors.js'
import type { MachinePlace } from '../cluster/spec.js'
import type { AgentVerdict } from '../evidence/judge-agents.js'
import type { Hosts } from '../hosts/host.js'
import type { Override } from '../overrides.js'
import type { NodesAnswer, RaftAnswer, RaftServer } from '../probe/raft.js'
import type { ConfigPut } from './config-scripts.js'
import type { RolloutNode, RolloutStep } from './order.js'
import type { Obstacle } from './preflight.js'

/** An archive for one agent. */
export interface Packed {
  /** The gzip'd tar, with the private key in it. */
  readonly archive: Uint8Array
  /** SHA-256 of it, hex. */
  readonly fingerprint: string
  /** When its leaf begins, epoch milliseconds. */
  readonly notBefore: number
}

/** A guard, and what it refuses. */
export type Guard = Pick<Override, 'code' | 'value'>

/** What becomes of the configuration of an agent. */
export type NodeConfigs =
  { readonly puts: readonly ConfigPut[] } | { readonly fault: string; readonly remedy: string }

/** What a rollout needs of the world. */
export interface RolloutPorts {
  readonly hosts: Hosts
  /** Where a machine has its files; `undefined`: it is an agent. Default: all are agents. */
  readonly machine?: ((address: string) => MachinePlace | undefined) | undefined
  /** What ssh knows an agent's host as; `undefined`: nothing says it; `false`: it is brought by other means. */
  readonly destination: (node: RolloutNode) => string | false | undefined
  /** Packs an agent's newest generation. */
  readonly pack: (address: string) => Promise<Packed>
  /** The files of an agent's configuration that were edited here; or why they cannot be brought. */
  readonly configs: (node: RolloutNode) => Promise<NodeConfigs>
  /** Remembers that the host of an agent has these files. */
  readonly configsPlaced: (node: RolloutNode) => Promise<void>
  /** Shakes hands with agents and judges; notes what was seen unless told otherwise. */
  readonly prove: (
    addresses: readonly string[],
    options?: { readonly note: boolean },
  ) => Promise<readonly AgentVerdict[]>
  /**
   * Notes the receipt of an installer, and nothing else that its host may say.
   *
   * @returns The number of the generation that it is of; `undefined` where it is not of this address.
   */
  readonly receive: (receipt: string, address: string) => Promise<number | undefined>
  /** The addresses of all servers that the spec has in a region. */
  readonly servers: (region: string) => readonly string[]
  /** Why an agent must not go back to a generation, by what the others have; `undefined`: nothing speaks against it. */
  readonly whyNotBack: (address: string, directory: string) => Promise<string | undefined>
  /** Notes which guards a person overrode, each once. */
  readonly accept: (used: readonly Guard[]) => Promise<void>
  /** Asks a region's servers. */
  readonly raft: (region: string) => Promise<RaftAnswer>
  /** Asks a region's servers for its clients. */
  readonly nodes: (region: string) => Promise<NodesAnswer>
  /** Whether a server of the region is this agent. */
  readonly isServer: (address: string, server: RaftServer) => boolean
  /** `templates/install.sh` */
  readonly installer: Uint8Array
  /** Epoch milliseconds. */
  readonly clock: () => number
  /** Waits, milliseconds. */
  readonly sleep: (span: number) => Promise<void>
}

/** How it is done. */
export interface RollOutOptions {
  /** Absolute path on the hosts. */
  readonly tls: string
  /** The agents' unit. */
  readonly unit: string
  /** How many hosts are looked at, or clients brought, at once. Default: 8. */
  readonly concurrency?: number | undefined
  /** How many clients may fail in all before it stops. Default: 0. */
  readonly maxFailures?: number | undefined
  /** Regions whose servers may all be away for a moment: they have one or two. */
  readonly withoutTolerance?: ReadonlySet<string> | undefined
  /** Servers that may be ill, as gossip calls them: `s3.global`. */
  readonly mayBeIll?: ReadonlySet<string> | undefined
  /** Agents, by their addresses, that a person brings their files and that are not waited for. */
  readonly mayBeUnseen?: ReadonlySet<string> | undefined
  /** Milliseconds that a person has to bring the files of a step to the hosts that ssh does not reach. Default: an hour. */
  readonly handPatience?: number | undefined
  /** Milliseconds that an agent has to present its new leaf. Default: 30,000. */
  readonly patience?: number | undefined
  /** Milliseconds that a region has to become healthy. Default: 120,000. */
  readonly gatePatience?: number | undefined
  /** Milliseconds that clients must stay `ready` after their reload: longer than Nomad takes to miss one. Default: by their number. */
  readonly heartbeat?: number | undefined
  /** The agents speak plaintext: files are placed, and nothing is reloaded. Default: false. */
  readonly plaintext?: boolean | undefined
  /** TLS is being turned on: an agent that waits for its restart may speak plaintext before it. Default: false. */
  readonly turning?: boolean | undefined
  /** A host whose agent does not load what it was brought goes back to what it had. Default: false. */
  readonly backOnFailure?: boolean | undefined
  /**
   * Certificates have ended, and what is left is brought as far as it can be: a host that is not fit is left out
   * where a quorum is possible without it, and a client that fails does not stop the others. Default: false.
   */
  readonly recover?: boolean | undefined
  /** Only look: nothing is changed. */
  readonly dryRun?: boolean | undefined
  readonly signal?: AbortSignal | undefined
}

/** Where a host stands. */
export type HostState =
  /** A person has to bring it its files, and its agent is waited for. */
  | 'waiting'
  | 'sending'
  /** The link leads to the new files. */
  | 'switched'
  /** Its agent was told to load them. */
  | 'reloaded'
  | 'proven'
  | 'settled'
  | 'placed'
  /** The files of a machine lie in their place: nothing shows more. */
  | 'delivered'
  | 'returned'
  | 'failed'
  /** It is not waited for, and nobody saw its files. */
  | 'unseen'

/** What happens, in its order. */
export type RolloutEvent =
  /** A host asks for a certificate, or would: before the order is worked out. */
  | {
      readonly event: 'requested'
      readonly address: string
      readonly host: string
      /** `new`: its key was made just now. `pending`: an earlier request made it. */
      readonly key: 'new' | 'pending'
      /** Of the public key; `undefined`: the key would be made. */
      readonly fingerprint: string | undefined
    }
  /** A host was looked at. */
  | {
      readonly event: 'looked'
      readonly node: RolloutNode
      readonly host: string
      readonly ready: boolean
    }
  /** Everything that speaks against it. The last event then. */
  | { readonly event: 'refused'; readonly obstacles: readonly Obstacle[] }
  /** Nothing speaks against it. */
  | { readonly event: 'ready'; readonly hosts: number }
  /** In a recovery: hosts that are left out, and why. */
  | { readonly event: 'left'; readonly obstacles: readonly Obstacle[] }
  | { readonly event: 'step'; readonly step: RolloutStep }
  /** A person brings these agents their files: in a step that has come, or with `dryRun` in any. */
  | { readonly event: 'by-hand'; readonly nodes: readonly RolloutNode[] }
  /** Where a host stands. */
  | {
      readonly event: 'host'
      readonly node: RolloutNode
      readonly host: string
      readonly state: HostState
      readonly message?: string | undefined
    }
  /** The region is waited for. */
  | {
      readonly event: 'gate'
      readonly region: string
      readonly open: boolean
      readonly message: string
    }
  /** It ends before its end; what was done stays. */
  | { readonly event: 'stopped'; readonly obstacles: readonly Obstacle[] }
  /** A host went back to the generation before. */
  | {
      readonly event: 'back'
      readonly node: RolloutNode
      readonly host: string
      /** `2-9f2c41ab` */
      readonly generation: string
      /** Whether its agent runs, and was seen to present it. */
      readonly running: boolean
    }
  /** All steps were done; some clients may have failed. */
  | {
      readonly event: 'done'
      readonly proven: number
      /** Agents that present the leaf and do not show whom they trust: their receipts do. */
      readonly settled: number
      /** Agents that do not run: their next start loads the files. */
      readonly placed: number
      /** Whether all agents speak plaintext, so that none loads its files yet. Default: no. */
      readonly plaintext?: boolean | undefined
      /** Machines that have their files: nothing shows that they have read them. Absent: none. */
      readonly delivered?: number | undefined
      readonly failures: readonly Obstacle[]
    }

/**
 * Ends a rollout between two hosts.
 *
 * @throws {NomadPkiError} `ERR_INTERRUPTED`
 */
export function stopIfAborted({ signal }: Pick<RollOutOptions, 'signal'>): void {
  if (signal?.aborted !== true) return
  throw new NomadPkiError('ERR_INTERRUPTED', 'interrupted between two hosts', {
    hint: 'the same command goes on',
  })
}
