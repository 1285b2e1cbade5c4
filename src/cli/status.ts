/**
 * What the exit status says: documented, stable, the same for every command.
 *
 * @module
 */

import { hasErrors, type Finding } from '../diagnostics.js'
import { isNomadPkiError } from '../errors.js'
import type { GateVerdict } from '../evidence/gate.js'
import type { AgentVerdict } from '../evidence/judge-agents.js'
import type { Plan } from '../plan/plan.js'
import { needsWork } from '../plan/needs-work.js'
import type { Schedule } from '../plan/schedule.js'
import type { Deadline } from '../rotation/deadlines.js'
import type { Rollout } from '../rollout/order.js'

/** The exit statuses, by what they mean. */
export const exitStatus = {
  /** It is true, or it is done. */
  ok: 0,
  /** Something went wrong. */
  error: 1,
  /** There is work to do, or there are findings. */
  work: 2,
  /** Refused: a stale plan, a lock held elsewhere, nobody to ask. */
  refused: 3,
  /** Called wrongly (EX_USAGE of sysexits.h). */
  usage: 64,
  /** Interrupted: 128 + SIGINT. */
  interrupted: 130,
} as const

/** One of the exit statuses. */
export type ExitStatus = (typeof exitStatus)[keyof typeof exitStatus]

/** The exit statuses as the documentation lists them. */
export const exitStatusSentences: readonly (readonly [ExitStatus, string])[] = [
  [0, 'nothing is wrong, or it is done'],
  [1, 'something went wrong, or errors hold a part of the work'],
  [2, 'there is work to do, or there are findings (with --strict: warnings too)'],
  [
    3,
    'refused: the plan is stale, another process holds the store, no store was begun, or there is no terminal to ask on',
  ],
  [64, 'wrong usage'],
  [130, 'interrupted; completed steps are kept'],
]

/** The exit status of a command that ended with an error. */
export function statusOfError(error: unknown): ExitStatus {
  if (!isNomadPkiError(error)) return exitStatus.error
  switch (error.code) {
    case 'ERR_USAGE':
      return exitStatus.usage
    case 'ERR_REFUSED':
    case 'ERR_ISSUER_REFUSED':
    case 'ERR_ARCHIVE_INVALID':
    case 'ERR_INSTALL_REFUSED':
    case 'ERR_REQUEST_REFUSED':
    case 'ERR_PLAN_STALE':
    case 'ERR_STORE_LOCKED':
    case 'ERR_STORE_NOT_BEGUN':
      return exitStatus.refused
    case 'ERR_INTERRUPTED':
      return exitStatus.interrupted
    default:
      return exitStatus.error
  }
}

/**
 * The exit status of a command that looked at something.
 *
 * @param findings What it found.
 * @param strict Whether warnings count.
 */
export function statusOfFindings(
  findings: readonly Pick<Finding, 'severity'>[],
  strict: boolean,
): ExitStatus {
  const bad = findings.some(
    ({ severity }) => severity === 'error' || (strict && severity === 'warning'),
  )
  return bad ? exitStatus.work : exitStatus.ok
}

/** The exit status of `plan`. */
export function statusOfPlan({ steps, findings }: Pick<Plan, 'steps' | 'findings'>): ExitStatus {
  const waits = findings.some(({ reason }) => reason === 'request-needed')
  return steps.length > 0 || waits || hasErrors(findings) ? exitStatus.work : exitStatus.ok
}

/**
 * The exit status of `status`.
 *
 * @param broken Whether the ledger is, or another copy of the store issues too.
 */
export function statusOfSchedule(
  { entries }: Schedule,
  deadlines: readonly Deadline[],
  broken: boolean,
): ExitStatus {
  const work = entries.some(needsWork) || deadlines.some(({ due }) => due) || broken
  return work ? exitStatus.work : exitStatus.ok
}

/** The exit status of `probe`, as far as agents go: of nobody nothing is proven. */
export function statusOfVerdicts(verdicts: readonly Pick<AgentVerdict, 'state'>[]): ExitStatus {
  const proven =
    verdicts.length > 0 && verdicts.every(({ state }) => state === 'proven' || state === 'seen')
  return proven ? exitStatus.ok : exitStatus.work
}

/**
 * The exit status of `rollout --dry-run --commands`.
 *
 * @param unapplied How many steps of the plan make something for agents that is not made yet.
 */
export function statusOfRollout(
  { steps, missing, doubtful }: Rollout,
  unapplied: number,
): ExitStatus {
  const work = steps.length + missing.length + doubtful.length + unapplied
  return work > 0 ? exitStatus.work : exitStatus.ok
}

/** The exit status of `rotate authority` that shows where a rotation stands. */
export function statusOfGate(gate: GateVerdict | undefined): ExitStatus {
  return gate?.open === false ? exitStatus.refused : exitStatus.ok
}
