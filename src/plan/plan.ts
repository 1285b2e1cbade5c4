/**
 * A plan: ordered steps, each with an address, an action and reasons. Plain data without secrets,
 * to be printed, saved and reviewed. It is never executed from a file: `apply --plan` makes the
 * plan anew and compares.
 *
 * @module
 */

import type { ReasonGiven } from '../checks/reasons.js'
import type { Finding } from '../diagnostics.js'

/** What a step does. */
export type Action =
  /** Make what is missing. */
  | 'create'
  /** A new generation beside the running one, with a new key. */
  | 'renew'
  /** A new generation with the same key and leaf: only what surrounds them changes (trust, chain). */
  | 'refresh'
  /** Finish what an interrupted run had made: turn the link to a whole generation. */
  | 'finish'
  /** Have another generation of the same root certify it: a cross-certificate. */
  | 'cross'
  /** Set modes right. */
  | 'repair'
  /** Write a trust bundle or a configuration. */
  | 'write'
  /** Remove what the spec no longer names (only with `--prune`), or generations beyond `keep`. */
  | 'remove'

/**
 * What a step certifies or writes, by its name: `names`, `ips`, `uris`, `key`, `lifetime`, `issuer`,
 * `publicKey`, `trusted`, `subject`, `regions`, `domains`, `networks`, `certifiedBy`, `leaf`, `file`, `changes`,
 * `tls`.
 */
export type StepContent = Readonly<Record<string, string | readonly string[]>>

/** One step. */
export interface Step {
  /** What the step is about. */
  readonly address: string
  /** What it does there. */
  readonly action: Action
  /** Why, most important first; never empty. */
  readonly reasons: readonly ReasonGiven[]
  /** Whether a renewal keeps the private key. */
  readonly keepKey?: true | undefined
  /** What it certifies or writes; absent where it does neither. */
  readonly content?: StepContent | undefined
}

/** A step that an error holds: it is not done before the error is gone. */
export interface HeldStep extends Step {
  /** The address of the error. */
  readonly heldBy: string
}

/** What the spec no longer names. */
export interface Orphan {
  /** `identity/client/global/c9` */
  readonly address: string
  /** When its last certificate ends, epoch milliseconds; it counts until then. */
  readonly notAfter?: number | undefined
  /** Whether the spec names it, and its node renews itself and was seen with a certificate of its own. Default: no. */
  readonly seenOwn?: true | undefined
}

/** A plan. */
export interface Plan {
  /** Says what the document is. */
  readonly format: 'nomad-pki/plan'
  /** The version of the document. */
  readonly version: 1
  /** The cluster's name. */
  readonly cluster: string
  /** Epoch milliseconds at which it was made. */
  readonly madeAt: number
  /** What will be done. */
  readonly steps: readonly Step[]
  /** What errors hold; everything, where the store or the ledger is broken. Absent where nothing is held. */
  readonly held?: readonly HeldStep[] | undefined
  /** What `prune` would remove. */
  readonly orphans: readonly Orphan[]
  /** What no step can cure: an error holds the address that it is about and what depends on it. */
  readonly findings: readonly Finding[]
}
