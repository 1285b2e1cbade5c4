/**
 * What `applyPlan` tells while it works; text, JSON and progress are views of this one stream.
 *
 * @module
 */

import type { Finding } from '../diagnostics.js'
import type { Step } from '../plan/plan.js'

/** One event. `done` comes only after the step's links have turned and are on disk. */
export type ApplyEvent =
  | {
      readonly type: 'started'
      /** How many steps the plan has. */
      readonly steps: number
    }
  | {
      readonly type: 'healed'
      /** What an earlier, interrupted run left, and what became of it. */
      readonly finding: Finding
    }
  | {
      readonly type: 'unanswered'
      /** A certificate that may exist beside the one that was made: its answer was lost, and it was asked for again. */
      readonly finding: Finding
    }
  | {
      readonly type: 'doing'
      /** The step on which work began. */
      readonly step: Step
    }
  | {
      readonly type: 'done'
      /** The step that is finished. */
      readonly step: Step
      /** What came of it; absent where nothing was made. */
      readonly detail?: StepDetail | undefined
    }
  /** The signal stopped it: everything `done` stays, the rest was not begun. */
  | {
      readonly type: 'stopped'
      /** How many steps are finished. */
      readonly done: number
      /** How many steps the plan has. */
      readonly steps: number
    }
  | {
      readonly type: 'finished'
      /** How many steps are finished: all. */
      readonly done: number
    }

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
