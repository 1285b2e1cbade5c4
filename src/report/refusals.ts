/**
 * Which agents refuse a root: a line an agent.
 *
 * @module
 */

import type { Document } from './json.js'
import { count, printable, type Style } from './style.js'
import { table } from './table.js'

/** One agent and a root. */
export interface Refusal {
  readonly address: string
  /** `undecided`: it was not learned whether it trusts the root. */
  readonly state: 'refuses' | 'accepts' | 'undecided'
  /** Why; empty for one that refused a certificate. */
  readonly message: string
}

const words = { refuses: 'refuses', accepts: 'trusts', undecided: 'not decided' } as const

/** The whole of it, as text. */
export function refusalsText(root: string, agents: readonly Refusal[], style: Style): string {
  const paint = { refuses: style.good, accepts: style.bad, undecided: style.doubtful }
  const of = (state: Refusal['state']): number => agents.filter((one) => one.state === state).length
  const rows = agents.map(({ address, state, message }) => [
    address.replace(/^identity\//, ''),
    paint[state](words[state]),
    printable(message),
  ])
  const sum = [
    `${of('refuses')} of ${count(agents.length, 'agent')} refuse ${root}`,
    ...(of('accepts') > 0 ? [`${of('accepts')} trust it`] : []),
    ...(of('undecided') > 0 ? [`${of('undecided')} not decided`] : []),
  ].join('; ')
  const isDone = agents.length > 0 && of('refuses') === agents.length
  return [
    ...(rows.length === 0 ? [] : [table(rows), '']),
    isDone ? style.good(sum) : style.bad(sum),
  ].join('\n')
}

/** The same as a document. */
export function refusalsDocument(root: string, agents: readonly Refusal[]): Document {
  return {
    format: 'nomad-pki/refusals',
    version: 1,
    authority: root,
    agents: agents.map(({ address, state, message }) => ({ address, state, message })),
  }
}
