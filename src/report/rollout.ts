/**
 * The order in which what was made reaches the agents, with the commands of each step.
 *
 * @module
 */

import { shortOf } from '../address.js'
import type { Finding } from '../diagnostics.js'
import { stateWords } from '../evidence/state-words.js'
import type { Rollout, RolloutStep } from '../rollout/order.js'
import { shellQuote } from '../shell-quote.js'
import { costText } from './costs.js'
import { findingsText } from './diagnostics.js'
import { foldAbove, rangesOf } from './fold.js'
import type { Document } from './json.js'
import {
  commandLines,
  commandsOf,
  firstStanza,
  lastOf,
  needsStanza,
  unitOf,
  whereOf,
  type CommandPlace,
} from './rollout-commands.js'
import { whomText } from './roll-out.js'
import { fingerprintPlace } from './shell-install.js'
import { count, printable, thousands, type Style } from './style.js'

/** What the whole order needs to know. */
export interface RolloutPlace extends CommandPlace {
  /** How many steps of the plan make something for agents and were not applied. */
  readonly unapplied: number
  /** Errors of the plan, which hold a part of it. */
  readonly errors: readonly Finding[]
}

/** The whole order, as text. */
export function rolloutText(rollout: Rollout, style: Style, place: RolloutPlace): string {
  const { steps, agents, proven, leaderless, missing } = rollout
  const nodes = steps.filter(({ kind }) => kind !== 'machines').flatMap((step) => step.nodes)
  const machines = steps.reduce((sum, step) => sum + step.nodes.length, 0) - nodes.length
  const open = place.unapplied > 0 || place.errors.length > 0
  const heads = [
    ...(place.errors.length > 0
      ? [
          findingsText(place.errors, style, { all: false }),
          style.bad(
            `${count(place.errors.length, 'error holds', 'errors hold')} a part of the plan: what is not made cannot be delivered`,
          ),
        ]
      : []),
    ...(place.unapplied > 0
      ? [
          style.doubtful(
            `first: nomad-pki apply${place.fileFlag} (${count(place.unapplied, 'step', 'steps')} of the plan)`,
          ),
        ]
      : []),
    ...missing
      .slice(0, foldAbove)
      .map((address) =>
        style.doubtful(`nothing was made yet for ${address}: nomad-pki plan ${address} says why`),
      ),
    ...(missing.length > foldAbove
      ? [style.doubtful(`and for ${thousands(missing.length - foldAbove)} more`)]
      : []),
  ]
  const doubts = [
    ...rollout.doubtful
      .slice(0, foldAbove)
      .map(({ address, state, message, remedy }) =>
        style.doubtful(
          printable(
            `${shortOf(address)} is not proven (${stateWords[state]}): ${message}${remedy === undefined ? '' : `; ${remedy}`}`,
          ),
        ),
      ),
    ...(rollout.doubtful.length > foldAbove
      ? [
          style.doubtful(
            `and ${thousands(rollout.doubtful.length - foldAbove)} more are not proven`,
          ),
        ]
      : []),
    ...rollout.excepted.map(({ address, message }) =>
      style.faint(printable(`${shortOf(address)} is not waited for: ${message}`)),
    ),
  ]
  if (steps.length === 0 && rollout.doubtful.length > 0) {
    return [
      ...heads,
      ...doubts,
      style.doubtful(
        `nothing to deliver${open ? ' yet' : ''}, and not finished: ${thousands(proven)} of ${count(agents, 'agent', 'agents')} proven on the newest generation`,
      ),
    ].join('\n')
  }
  if (steps.length === 0) {
    return [
      ...heads,
      ...doubts,
      open
        ? style.doubtful(
            `nothing to deliver yet: ${thousands(proven)} of ${count(agents, 'agent', 'agents')} ${proven === 1 ? 'has' : 'have'} the newest generation that was made`,
          )
        : style.good(
            `nothing to deliver: ${thousands(proven)} of ${count(agents, 'agent', 'agents')} ${proven === 1 ? 'has' : 'have'} the newest generation`,
          ),
    ].join('\n')
  }
  const loads = place.plaintext === true ? 'none' : unitOf(place)
  const parts = [
    [
      ...heads,
      `${count(steps.length, 'step', 'steps')} to ${whomText(nodes.length, machines)}; ${thousands(proven)} of ${thousands(agents)} have the newest generation already`,
    ].join('\n'),
    ...(nodes.length === 0
      ? []
      : [
          costText(nodes.length, style, {
            restarts: nodes.filter(({ restart }) => restart).length,
            plaintext: place.plaintext,
          }),
        ]),
    ...(place.tls !== undefined && nodes.some(({ configs }) => configs.length > 0)
      ? [
          style.doubtful(
            'apply edits configurations on this host, and no archive carries them: copy each to its node before the agent loads its files',
          ),
        ]
      : []),
    ...(needsStanza(nodes, place) ? [style.doubtful(firstStanza)] : []),
    ...(rollout.notReloaded.length === 0
      ? []
      : [
          style.doubtful(
            printable(
              `a consul or vault block names a file of tls, which a reload does not load again: restart ${rangesOf(rollout.notReloaded.map(shortOf))}`,
            ),
          ),
        ]),
    ...(nodes.some(({ overrides }) => overrides.length > 0)
      ? [
          style.doubtful(
            'the cluster was renamed: each node accepts the new name once, with --override',
          ),
        ]
      : []),
    ...(leaderless.length === 0
      ? []
      : [
          style.doubtful(
            `the leader of ${leaderless.join(', ')} is unknown: nomad-pki probe asks for it; or: --leader SERVER`,
          ),
        ]),
    ...(doubts.length === 0 ? [] : [doubts.join('\n')]),
    ...steps.map((step) => stepText(step, style, place)),
    [
      'stop at the first step that fails, fix it, and run this command again: proven agents are left out',
      ...(place.tls === undefined
        ? []
        : [
            `  ${fingerprintPlace} is what pack printed, and does not come with the archive; without sha256sum: shasum -a 256 -c -`,
            `  on a node with Node: nomad-pki install ARCHIVE --fingerprint ${fingerprintPlace} --reload ${loads}`,
            `  to go back on a node, in nomad-pki: sh install.sh --rollback --tls ${shellQuote(place.tls)} --reload ${loads}`,
          ]),
    ]
      .map((line, at) => (at === 0 ? line : style.faint(line)))
      .join('\n'),
  ]
  return parts.join('\n\n')
}

function stepText(step: RolloutStep, style: Style, place: RolloutPlace): string {
  const { number, kind, region, nodes } = step
  const names = rangesOf(nodes.map(({ host, address }) => host ?? lastOf(address)))
  const who =
    kind === 'server'
      ? `server ${names}`
      : `${count(nodes.length, { clients: 'client', servers: 'server', machines: 'machine' }[kind])} ${names}`
  const first = nodes[0]!
  const what = nodes.every(
    (node) => node.generation === first.generation && node.proven === first.proven,
  )
    ? `generation ${first.generation}${first.proven === undefined ? ', none proven yet' : ` after ${first.proven}`}`
    : 'the newest generation of each'
  const lines = [
    `${style.strong(`${number}`)}  ${region}: ${printable(who)}${first.leader ? ' (leader)' : ''}: ${what}`,
    ...(kind === 'servers'
      ? [
          style.doubtful(
            'all of them before you wait: their certificates have ended, and no leader is elected before most have new ones',
          ),
        ]
      : []),
    ...commandLines(nodes, place),
    ...receiptLines(step),
    ...proofLines(step, place),
  ]
  return lines.map((line, at) => (at === 0 ? line : `   ${line}`)).join('\n')
}

/** Trust that cannot be seen is proven by receipts alone. */
function receiptLines({ kind, nodes }: RolloutStep): readonly string[] {
  if (kind === 'machines') {
    return ['then its receipt is all that can be had: nomad-pki probe --evidence receipt.json']
  }
  const some = nodes.filter(({ receipt }) => receipt)
  if (some.length === 0) return []
  const all = some.length === nodes.length
  return [
    `${all ? '' : `${whereOf(some)}: `}no certificate is asked for there, so a receipt must prove it: nomad-pki probe --evidence receipt.json`,
  ]
}

/** What must be seen before the next step. */
function proofLines(step: RolloutStep, place: RolloutPlace): readonly string[] {
  const { probe, health } = proofOf(step, place)
  if (step.kind === 'machines') return []
  if (place.plaintext === true)
    return [`then, because it speaks plaintext and shows no certificate: ${probe}`]
  const until = step.kind !== 'clients' ? 'until it exits 0' : 'until each is ready'
  return [`then: ${probe}`, `${until}: ${health}`]
}

function proofOf(
  { kind, region, nodes }: RolloutStep,
  { fileFlag, plaintext }: RolloutPlace,
): { readonly probe: string; readonly health: string } {
  const addresses = [...new Set(nodes.map(({ address }) => address))]
  // Its receipt is all that can be had of a machine.
  if (kind === 'machines') {
    const probe = `nomad-pki probe --evidence receipt.json${fileFlag}`
    return { probe, health: `nomad-pki status${fileFlag}` }
  }
  return {
    probe:
      plaintext === true
        ? `nomad-pki probe --evidence receipt.json${fileFlag}`
        : `nomad-pki probe ${addresses.map((address) => shellQuote(shortOf(address))).join(' ')}${fileFlag}`,
    health:
      kind !== 'clients'
        ? // The agent answers 429 while a server is unhealthy (command/agent/operator_endpoint.go:235).
          `nomad operator autopilot health -region ${shellQuote(region)}`
        : `nomad node status -region ${shellQuote(region)}`,
  }
}

/** The same as a document. */
export function rolloutDocument(
  rollout: Rollout,
  options: RolloutPlace & { readonly cluster: string; readonly at: number },
): Document {
  const { steps, agents, proven, leaderless, missing } = rollout
  return {
    format: 'nomad-pki/rollout',
    version: 1,
    cluster: options.cluster,
    at: options.at,
    agents,
    proven,
    unapplied: options.unapplied,
    errors: options.errors.map(({ address, reason, message, remedy }) => ({
      ...{ address, reason, message },
      remedy: remedy ?? null,
    })),
    notReloaded: rollout.notReloaded,
    missing,
    leaderless,
    doubtful: rollout.doubtful.map((one) => ({ ...one, remedy: one.remedy ?? null })),
    excepted: rollout.excepted.map((one) => ({ ...one, remedy: one.remedy ?? null })),
    steps: steps.map((step) => ({
      number: step.number,
      kind: step.kind,
      region: step.region,
      nodes: step.nodes.map((node) => ({
        ...node,
        host: node.host ?? null,
        proven: node.proven ?? null,
        ...commandsOf(node, options),
      })),
      ...proofOf(step, options),
    })),
  }
}
