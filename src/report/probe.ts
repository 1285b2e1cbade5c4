/**
 * What a probe saw: a line an agent, alike ones together, and what it cost.
 *
 * @module
 */

import type { AgentState, AgentVerdict } from '../rotation/judge-agents.js'
import { fold } from './fold.js'
import type { Document } from './json.js'
import { count, printable, type Paint, type Style } from './style.js'
import { table } from './table.js'

/** What is told. */
export interface ProbeFacts {
  readonly cluster: string
  readonly at: number
  readonly verdicts: readonly AgentVerdict[]
  /** How many handshakes were made, and how many of them on RPC ports that answered. */
  readonly handshakes: number
  readonly warned: number
}

const words: Readonly<Record<AgentState, string>> = {
  proven: 'proven',
  unobservable: 'not observable',
  old: 'old',
  mixed: 'mixed',
  foreign: 'foreign',
  unreachable: 'unreachable',
  unasked: 'not asked',
  unmade: 'none made',
}

function paint(style: Style, state: AgentState): Paint {
  if (state === 'proven') return style.good
  return state === 'unobservable' || state === 'unasked' ? style.doubtful : style.bad
}

/** The whole of it, as text. */
export function probeText(
  { cluster, verdicts, handshakes, warned }: ProbeFacts,
  style: Style,
  options: { readonly all: boolean },
): string {
  const groups = fold(verdicts, {
    all: options.all,
    keyOf: ({ state, message, address, seen, silent }) =>
      `${state}\n${general(message, address, [...seen, ...silent])}`,
  })
  const rows = groups.map(({ label, members }) => {
    const { state, message, address, seen, silent } = members[0]!
    const text = members.length === 1 ? message : general(message, address, [...seen, ...silent])
    return [label.replace(/^identity\//, ''), paint(style, state)(words[state]), printable(text)]
  })
  const bad = verdicts.filter(({ state }) => state !== 'proven')
  const remedies = new Map<string, string>()
  for (const { remedy, address } of bad) {
    if (remedy !== undefined) remedies.set(general(remedy, address, []), remedy)
  }
  const proven = verdicts.length - bad.length
  const sum = `${proven} of ${count(verdicts.length, 'agent')} proven on the newest generation`
  return [
    ...(rows.length === 0 ? [] : [table(rows), '']),
    ...[...remedies].map(([general_, one]) => {
      const alike = bad.filter(
        ({ remedy = '', address }) => general(remedy, address, []) === general_,
      )
      return `${style.faint('fix:')} ${printable(alike.length === 1 ? one : general_)}`
    }),
    `${style.strong(printable(cluster))}: ${bad.length === 0 ? style.good(sum) : style.bad(sum)}`,
    style.faint(
      `${count(handshakes, 'handshake')}; ${
        warned === 0
          ? 'no agent noted any of them'
          : `each of the ${count(warned, 'RPC port')} noted one in its log, at WARN: failed TLS handshake`
      }`,
    ),
  ].join('\n')
}

/** A text about one agent as it would be about all that are like it. */
function general(
  text: string,
  address: string,
  ports: readonly { readonly endpoint: string }[],
): string {
  return ports.reduce(
    (said, { endpoint }) => said.replaceAll(endpoint, '…'),
    text.replaceAll(address, '…'),
  )
}

/** The same as a document. */
export function probeDocument({ cluster, at, verdicts, handshakes, warned }: ProbeFacts): Document {
  return {
    format: 'nomad-pki/probe',
    version: 1,
    cluster,
    at,
    handshakes,
    warned,
    agents: verdicts.map(
      ({ address, state, generation, newest, message, remedy, seen, silent }) => ({
        ...{ address, state, generation, newest, message },
        remedy: remedy ?? null,
        ports: seen.map(
          ({ endpoint, rpc, fingerprint, generation: loaded, trusts, address: whose }) => ({
            ...{ endpoint, rpc, fingerprint, trusts },
            generation: loaded,
            leafOf: loaded === null ? null : whose,
          }),
        ),
        unreachable: silent.map(({ endpoint, message: why }) => ({ endpoint, message: why })),
      }),
    ),
  }
}
