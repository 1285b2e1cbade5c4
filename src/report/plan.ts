/**
 * A plan as text: what will change, why, and how to go on.
 *
 * @module
 */

import type { ApplyEvent } from '../apply/events.js'
import { reasons } from '../checks/reasons.js'
import type { Finding } from '../diagnostics.js'
import type { Action, Plan, Step } from '../plan/plan.js'
import { contentOf } from '../plan/plan-file.js'
import { findingsText } from './diagnostics.js'
import { fold } from './fold.js'
import { count, printable, symbolOf, thousands, type Style } from './style.js'
import { table } from './table.js'
import { formatDay } from './time.js'

/** What the text of a plan may be told. */
export interface PlanTextOptions {
  /** Each step on a line of its own. Default: alike ones are folded into ranges. */
  readonly all: boolean
  /** Epoch milliseconds. */
  readonly now: number
}

const verbs: Readonly<Record<Action, string>> = {
  create: 'to create',
  renew: 'to renew',
  refresh: 'to refresh',
  cross: 'to cross',
  finish: 'to finish',
  repair: 'to repair',
  write: 'to write',
  remove: 'to remove',
}

/**
 * The whole plan.
 *
 * @returns Text without a newline at its end; `nothing to do` where it has no steps.
 */
export function planText(plan: Plan, style: Style, options: PlanTextOptions): string {
  const parts: string[] = []
  if (plan.steps.length > 0) {
    parts.push(
      options.all
        ? longStepsText(plan.steps, style, options)
        : stepsText(plan.steps, style, options),
    )
  }
  if (plan.orphans.length > 0) parts.push(orphansText(plan, style, options))
  if (plan.findings.length > 0) parts.push(findingsText(plan.findings, style, options))
  const errors = plan.findings.filter(({ severity }) => severity === 'error').length
  const { held = [] } = plan
  if (held.length > 0 && plan.steps.length > 0) {
    parts.splice(1, 0, `${style.strong('held by errors')}\n${stepsText(held, style, options)}`)
  }
  const blocked =
    errors === 0
      ? ''
      : style.bad(
          plan.steps.length > 0
            ? heldText(errors, held.length)
            : `${count(errors, 'error')} in the way of apply`,
        )
  const work =
    plan.steps.length > 0
      ? `${style.strong(count(plan.steps.length, 'step'))}: ${planSummary(plan)}`
      : ''
  const waiting = waitingFor(plan).length
  const waits = waiting === 0 ? '' : style.doubtful(waitingText(waiting))
  const last = [work, waits, blocked].filter((text) => text !== '').join('; ')
  parts.push(last === '' ? style.good('nothing to do') : last)
  return parts.join('\n\n')
}

/** Steps as aligned lines: symbol, address, action, why. */
function stepsText(steps: readonly Step[], style: Style, options: PlanTextOptions): string {
  const rows = fold(steps, {
    all: options.all,
    keyOf: ({ action, reasons: given }) =>
      `${action}\n${given.map(({ reason }) => reason).join(' ')}`,
  }).map(({ label, members }) => {
    const { action, reasons: given } = members[0]!
    const [first, ...others] = given
    const alike = members.every((step) => step.reasons[0]?.message === first?.message)
    const message = first === undefined ? '' : alike ? first.message : reasons[first.reason]
    const rest = others.map(({ reason }) => reason).join(', ')
    return [
      symbolOf(style, action),
      label,
      members.length > 1 ? thousands(members.length) : '',
      action,
      first?.reason ?? '',
      style.faint(printable(message) + (rest === '' ? '' : `; also ${rest}`)),
    ]
  })
  return table(rows, { right: [2] })
}

/** Each step with what it certifies or writes, a line for each. */
function longStepsText(steps: readonly Step[], style: Style, options: PlanTextOptions): string {
  const lines = stepsText(steps, style, { ...options, all: true }).split('\n')
  return steps
    .flatMap((step, index) => [
      lines[index]!,
      ...[...contentOf(step)].map(
        ([name, text]) => `     ${style.faint(`${name}: ${printable(text)}`)}`,
      ),
    ])
    .join('\n')
}

/** `1 error holds 3 steps`; `1 error` where nothing waits for it. */
export function heldText(errors: number, held: number): string {
  const who = count(errors, 'error')
  return held === 0 ? who : `${who} ${errors === 1 ? 'holds' : 'hold'} ${count(held, 'step')}`
}

/** What waits for a request by its node. */
export function waitingFor({ findings }: Plan): readonly Finding[] {
  return findings.filter(
    ({ reason, severity }) => reason === 'request-needed' && severity !== 'error',
  )
}

/** `3 wait for a request by their node` */
export function waitingText(waiting: number): string {
  return waiting === 1
    ? '1 waits for a request by its node'
    : `${thousands(waiting)} wait for a request by their node`
}

/** `14 to create, 3 to renew` */
function planSummary(plan: Plan): string {
  const counts = new Map<Action, number>()
  for (const { action } of plan.steps) counts.set(action, (counts.get(action) ?? 0) + 1)
  return [...counts].map(([action, number]) => `${thousands(number)} ${verbs[action]}`).join(', ')
}

function orphansText(plan: Plan, style: Style, { all, now }: PlanTextOptions): string {
  const removed = plan.steps.some(({ reasons: given }) => given[0]?.reason === 'orphan')
  const rows = fold(plan.orphans, { all, keyOf: () => '' }).map(({ label, members }) => {
    const ends = members.flatMap(({ notAfter }) => (notAfter === undefined ? [] : [notAfter]))
    const last = Math.max(...ends)
    const until =
      ends.length === 0
        ? ''
        : last > now
          ? `still counts: valid until ${formatDay(last)}`
          : `over since ${formatDay(last)}`
    return ['-', label, members.length > 1 ? thousands(members.length) : '', style.faint(until)]
  })
  const own = plan.orphans.some(({ seenOwn }) => seenOwn === true)
  const how = removed ? 'this plan removes them' : 'kept; removed by: nomad-pki apply --prune'
  return `${style.strong(own ? 'no longer used, or the spec no longer names it' : 'the spec no longer names')} ${style.faint(`(${how})`)}\n${table(
    rows,
    {
      right: [2],
    },
  )}`
}

/** What came of a plan. */
export function appliedText(
  plan: Plan,
  events: readonly ApplyEvent[],
  style: Style,
  options: PlanTextOptions & { readonly dryRun: boolean },
): string {
  const done = events.flatMap((event) => (event.type === 'done' ? [event.step] : []))
  if (plan.steps.length === 0) {
    const waiting = waitingFor(plan).length
    return waiting === 0 ? style.good('nothing to do') : style.doubtful(waitingText(waiting))
  }
  const stopped = done.length < plan.steps.length
  const what = options.dryRun ? 'would be done' : 'done'
  const head = stopped
    ? style.doubtful(`${thousands(done.length)} of ${count(plan.steps.length, 'step')} ${what}`)
    : style.good(`${count(done.length, 'step')} ${what}`)
  const nothing = options.dryRun ? style.faint('; this was a rehearsal, nothing was touched') : ''
  return done.length === 0
    ? head + nothing
    : `${stepsText(done, style, options)}\n\n${head}${nothing}`
}
