/**
 * What `applyPlan` tells while it works; text, JSON and progress are views of this one stream.
 *
 * @module
 */

import type { Finding } from '../diagnostics.js'
import type { Step } from '../plan/plan.js'

/** One event. `done` comes only after the step's links have turned and are on disk. */
export type ApplyEvent =
  | { readonly type: 'started'; readonly steps: number }
  | { readonly type: 'healed'; readonly finding: Finding }
  /** Work on the step began. */
  | { readonly type: 'doing'; readonly step: Step }
  | { readonly type: 'done'; readonly step: Step; readonly detail?: StepDetail | undefined }
  /** Stopped at a step, by the signal: everything `done` stays, the rest was not begun. */
  | { readonly type: 'stopped'; readonly done: number; readonly steps: number }
  | { readonly type: 'finished'; readonly done: number }

/** What came of a step. */
export interface StepDetail {
  /** Of the certificate, hex. */
  readonly serial?: string | undefined
  /** SHA-256 of the certificate, hex. */
  readonly fingerprint?: string | undefined
  /** Epoch milliseconds. */
  readonly notAfter?: number | undefined
  /** The directory or file that was written. */
  readonly path?: string | undefined
}
