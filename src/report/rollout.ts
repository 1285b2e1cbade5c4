/**
 * The order in which what was made reaches the agents, with the commands of each step.
 *
 * @module
 */

import type { Rollout, RolloutNode, RolloutStep } from '../rotation/rollout.js'
import { costText } from './costs.js'
import { foldAbove, rangesOf } from './fold.js'
import type { Document } from './json.js'
import { shellQuote } from './shell.js'
import { count, printable, thousands, type Style } from './style.js'

/** What the commands need to know. */
export interface RolloutPlace {
  /** ` --file other.yaml`, or nothing. */
  readonly fileFlag: string
  /** Where the agents have their files; `undefined` where they read the store itself. */
  readonly tls: string | undefined
  /** How many steps `plan` has that were not applied. */
  readonly unapplied: number
}

/** What is typed for one node, and where. */
interface NodeCommands {
  /** Here: makes the archive. */
  readonly pack?: string
  /** On the node. */
  readonly install: string
  /** On a node without Node, in the folder where the archive was unpacked. */
  readonly script?: string
}

/** The whole order, as text. */
export function rolloutText(rollout: Rollout, style: Style, place: RolloutPlace): string {
  const { steps, agents, proven, leaderless, missing } = rollout
  const nodes = steps.flatMap((step) => step.nodes)
  const heads = [
    ...(place.unapplied > 0
      ? [
          style.doubtful(
            `first: nomad-pki apply${place.fileFlag} (${count(place.unapplied, 'step', 'steps')} of the plan)`,
          ),
        ]
      : []),
    ...missing
      .slice(0, foldAbove)
      .map((address) => style.doubtful(`nothing was made yet for ${address}: nomad-pki apply`)),
    ...(missing.length > foldAbove
      ? [style.doubtful(`and for ${thousands(missing.length - foldAbove)} more`)]
      : []),
  ]
  if (steps.length === 0) {
    return [
      ...heads,
      style.good(
        `nothing to deliver: ${thousands(proven)} of ${count(agents, 'agent', 'agents')} ${proven === 1 ? 'has' : 'have'} the newest generation`,
      ),
    ].join('\n')
  }
  const archives = archiveNames(nodes)
  const parts = [
    [
      ...heads,
      `${count(steps.length, 'step', 'steps')} to ${count(nodes.length, 'agent', 'agents')}; ${thousands(proven)} of ${thousands(agents)} have the newest generation already`,
    ].join('\n'),
    costText(nodes.length, style),
    ...(leaderless.length === 0
      ? []
      : [
          style.doubtful(
            `nobody said who leads ${leaderless.join(', ')}; ask (nomad server members), then: --leader SERVER`,
          ),
        ]),
    ...steps.map((step) => stepText(step, archives, style, place)),
    'stop at the first step that does not get there, mend it, and ask again: what is proven drops out\n' +
      style.faint(
        `  to go back on a node: nomad-pki install --rollback${place.tls === undefined ? '' : ` --tls ${shellQuote(place.tls)}`} --reload nomad`,
      ),
  ]
  return parts.join('\n\n')
}

function stepText(
  step: RolloutStep,
  archives: ReadonlyMap<string, string>,
  style: Style,
  place: RolloutPlace,
): string {
  const { number, kind, region, nodes } = step
  const names = rangesOf(nodes.map(({ host, address }) => host ?? lastOf(address)))
  const who =
    kind === 'server' ? `server ${names}` : `${count(nodes.length, 'client', 'clients')} ${names}`
  const first = nodes[0]!
  const what = nodes.every(
    (node) => node.generation === first.generation && node.proven === first.proven,
  )
    ? `generation ${first.generation}${first.proven === undefined ? ', none proven yet' : ` after ${first.proven}`}`
    : 'the newest generation of each'
  const lines = [
    `${style.strong(`${number}`)}  ${region}: ${printable(who)}${first.leader ? ' (leader)' : ''}: ${what}`,
    ...commandLines(nodes, archives, place),
    ...proofLines(step, place),
  ]
  return lines.map((line, at) => (at === 0 ? line : `   ${line}`)).join('\n')
}

/** Each node's own lines; for many, one line that says it of all. */
function commandLines(
  nodes: readonly RolloutNode[],
  archives: ReadonlyMap<string, string>,
  place: RolloutPlace,
): readonly string[] {
  if (nodes.length <= foldAbove) {
    return nodes.flatMap((node) => {
      const { pack, install } = commandsOf(node, archives, place)
      return [...(pack === undefined ? [] : [pack]), `on ${printable(whereOf(node))}: ${install}`]
    })
  }
  const { address } = nodes[0]!
  const parent = shortOf(address.slice(0, address.lastIndexOf('/') + 1))
  const alike = nodes.every(
    (node) => archives.get(node.address) === `${lastOf(node.address)}.tar.gz`,
  )
  const words = nodes.map((node) => lastOf(node.address)).join(' ')
  const [to, archive] = alike ? ['$n', '$n.tar.gz'] : ['$n', `${address.split('/')[2]!}-$n.tar.gz`]
  return [
    ...(place.tls === undefined
      ? []
      : [
          `for n in ${words}; do nomad-pki pack ${parent}${to} --out ${archive}${place.fileFlag} || break; done`,
        ]),
    `on each: ${place.tls === undefined ? reload : `nomad-pki install ${archive.replace('$n', 'NODE')} --reload nomad`}`,
  ]
}

const reload = 'systemctl reload nomad'

function commandsOf(
  { address }: RolloutNode,
  archives: ReadonlyMap<string, string>,
  { fileFlag, tls }: RolloutPlace,
): NodeCommands {
  if (tls === undefined) return { install: reload }
  const archive = shellQuote(archives.get(address)!)
  return {
    pack: `nomad-pki pack ${shellQuote(shortOf(address))} --out ${archive}${fileFlag}`,
    install: `nomad-pki install ${archive} --reload nomad`,
    script: `tar -xzf ${archive} && cd nomad-pki && sh install.sh --tls ${shellQuote(tls)} --reload nomad --archive ../${archive}`,
  }
}

/** What must be seen before the next step. */
function proofLines(step: RolloutStep, place: RolloutPlace): readonly string[] {
  const { probe, health } = proofOf(step, place)
  const until = step.kind === 'server' ? 'until it exits 0' : 'until each is ready'
  return [`then: ${probe}`, `${until}: ${health}`]
}

function proofOf(
  { kind, region, nodes }: RolloutStep,
  { fileFlag }: RolloutPlace,
): { readonly probe: string; readonly health: string } {
  const addresses = [...new Set(nodes.map(({ address }) => address))]
  return {
    probe: `nomad-pki probe ${addresses.map((address) => shellQuote(shortOf(address))).join(' ')}${fileFlag}`,
    health:
      kind === 'server'
        ? // The agent answers 429 while a server is unhealthy (command/agent/operator_endpoint.go:235).
          `nomad operator autopilot health -region ${shellQuote(region)}`
        : `nomad node status -region ${shellQuote(region)}`,
  }
}

function whereOf({ host, address }: RolloutNode): string {
  return host ?? `each host that has ${shortOf(address)}, one after the other`
}

/** `server/global/s1`: an end of an address that is nobody else's. */
function shortOf(address: string): string {
  return address.slice('identity/'.length)
}

function lastOf(address: string): string {
  return address.slice(address.lastIndexOf('/') + 1)
}

/** `s1.tar.gz`; with its region and role where there are two of that name. */
function archiveNames(nodes: readonly RolloutNode[]): ReadonlyMap<string, string> {
  const byName = new Map<string, Set<string>>()
  for (const { address } of nodes) {
    const name = lastOf(address)
    byName.set(name, (byName.get(name) ?? new Set()).add(address))
  }
  return new Map(
    nodes.map(({ address }) => {
      const [, role, region, name] = address.split('/')
      const alone = byName.get(name!)!.size === 1
      return [address, `${alone ? name! : `${region!}-${role!}-${name!}`}.tar.gz`]
    }),
  )
}

/** The same as a document. */
export function rolloutDocument(
  rollout: Rollout,
  options: RolloutPlace & { readonly cluster: string; readonly at: number },
): Document {
  const { steps, agents, proven, leaderless, missing } = rollout
  const archives = archiveNames(steps.flatMap((step) => step.nodes))
  return {
    format: 'nomad-pki/rollout',
    version: 1,
    cluster: options.cluster,
    at: options.at,
    agents,
    proven,
    unapplied: options.unapplied,
    missing,
    leaderless,
    steps: steps.map((step) => ({
      number: step.number,
      kind: step.kind,
      region: step.region,
      nodes: step.nodes.map((node) => ({
        ...node,
        host: node.host ?? null,
        proven: node.proven ?? null,
        ...commandsOf(node, archives, options),
      })),
      ...proofOf(step, options),
    })),
  }
}
