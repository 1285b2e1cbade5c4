/**
 * A plan for the comment of a pull request. Nothing in it is read as markup: what a spec, a configuration or a
 * certificate says stands in one block of code, which mentions, links and HTML do not leave.
 *
 * @module
 */

import type { Plan } from '../plan/plan.js'
import { planText, waitingFor, waitingText } from './plan.js'
import { count, plainStyle, printable, thousands } from './style.js'
import { formatMinute } from './time.js'

/** GitHub takes 65,536 characters, GitLab a million. */
const limit = 60_000

/** The line that finds an earlier comment again: nomad-pki writes it first. */
export const planMark = '<!-- nomad-pki plan -->'

/**
 * A plan as Markdown.
 *
 * @param options `now`: epoch milliseconds; `of`: when the inventory was taken, where the plan is made from one.
 * @returns At most 60,000 characters; lines beyond are counted.
 */
export function planMarkdown(
  plan: Plan,
  options: { readonly all: boolean; readonly now: number; readonly of?: number | undefined },
): string {
  const errors = plan.findings.filter(({ severity }) => severity === 'error').length
  const warnings = plan.findings.filter(({ severity }) => severity === 'warning').length
  const held = plan.held?.length ?? 0
  const waiting = waitingFor(plan).length
  const verdict =
    errors > 0
      ? `**${count(errors, 'error')}** in the way of apply`
      : plan.steps.length > 0
        ? `**${count(plan.steps.length, 'step')}** to apply`
        : waiting > 0
          ? `**${waitingText(waiting)}**`
          : 'nothing to do'
  const more = [
    ...(held > 0 ? [`, ${thousands(held)} held`] : []),
    ...(warnings > 0 ? [`, ${count(warnings, 'warning')}`] : []),
  ].join('')
  const of = options.of === undefined ? '' : `, of the inventory of ${formatMinute(options.of)}`
  const lines = planText(plan, plainStyle, options).split('\n').map(printable)
  const { text, left } = cut(lines)
  const fence = '`'.repeat(Math.max(3, longestRun(text) + 1))
  return [
    planMark,
    `### nomad-pki plan for \`${codeOf(plan.cluster)}\``,
    '',
    `${verdict}${more}${of}.`,
    '',
    `${fence}text`,
    text,
    fence,
    ...(left === 0 ? [] : ['', `${count(left, 'more line')}: \`nomad-pki plan\` shows all.`]),
    '',
  ].join('\n')
}

/** Whole lines, as many as fit; one line alone may be cut. */
function cut(lines: readonly string[]): { readonly text: string; readonly left: number } {
  const room = limit - 5000
  const kept: string[] = []
  let size = 0
  for (const line of lines) {
    const piece = line.slice(0, 2000)
    size += piece.length + 1
    if (size > room) break
    kept.push(piece)
  }
  return { text: kept.join('\n'), left: lines.length - kept.length }
}

function longestRun(text: string): number {
  return Math.max(0, ...(text.match(/`+/g) ?? []).map(({ length }) => length))
}

/** A name of a cluster has none of these; a plan that somebody made may. */
function codeOf(name: string): string {
  return name.replace(/[^A-Za-z0-9._-]/g, '_')
}
