/**
 * What is typed for each host of a rollout, where a person brings the files.
 *
 * @module
 */

import { parseIdentity, shortOf } from '../address.js'
import { archiveName } from '../delivery/archive.js'
import type { MachinePlace } from '../cluster/spec.js'
import { groupBy } from '../grouping.js'
import type { RolloutNode } from '../rollout/order.js'
import { shellQuote } from '../shell-quote.js'
import { foldAbove, rangesOf } from './fold.js'
import { fingerprintPlace, overrideFlags, shellInstall } from './shell-install.js'
import { printable, type Style } from './style.js'

/** What the commands of a host need to know. */
export interface CommandPlace {
  /** ` --file other.yaml`, or nothing. */
  readonly fileFlag: string
  /** Where the agents have their files; `undefined` where they read the store itself. */
  readonly tls: string | undefined
  /** The agents' unit of systemd. */
  readonly unit: string
  /** Where machines have their files, by their addresses. Default: no machine is in the order. */
  readonly machines?: ReadonlyMap<string, MachinePlace> | undefined
  /** Whether the agents speak plaintext, so that nothing is reloaded. */
  readonly plaintext?: boolean | undefined
}

/** What is typed for one node, and where. */
interface NodeCommands {
  /** Here: makes the archive. */
  readonly pack?: string
  /** On a node with this command. */
  readonly install: string
  /** On any node, in the folder with the archive; `FINGERPRINT` is what pack printed. */
  readonly script?: string
  /** On the node, after its configuration is there; absent: `install` and `script` load the files. */
  readonly load?: string
}

/** Agents that have no TLS yet. */
export const firstStanza =
  'an agent without a tls stanza needs one the first time: add --stanza /etc/nomad.d/tls.hcl to its line, and restart it; a reload does not turn TLS on'

export function needsStanza(
  nodes: readonly RolloutNode[],
  { tls, plaintext }: CommandPlace,
): boolean {
  return (
    tls !== undefined &&
    plaintext !== true &&
    nodes.some(({ proven, configs }) => proven === undefined && configs.length === 0)
  )
}

/** The commands of hosts that a person brings their files. */
export function byHandText(
  nodes: readonly RolloutNode[],
  style: Style,
  place: CommandPlace,
): string {
  const names = printable(rangesOf(nodes.map(({ host, address }) => host ?? lastOf(address))))
  const lines = commandLines(nodes, place)
  return [
    style.strong(`   ${names}: bring ${nodes.length === 1 ? 'its' : 'their'} files yourself`),
    ...lines.map((line) => `     ${line}`),
    ...(needsStanza(nodes, place) ? [style.doubtful(`     ${firstStanza}`)] : []),
    ...(place.tls === undefined
      ? []
      : [
          style.faint(
            `     ${fingerprintPlace} is what pack printed, and does not come with the archive`,
          ),
        ]),
  ].join('\n')
}

/** The same for programs. */
export function byHandDocument(
  nodes: readonly RolloutNode[],
  place: CommandPlace,
): readonly object[] {
  return nodes.map((node) => ({
    ...{ address: node.address, host: node.host ?? null, generation: node.generation },
    ...commandsOf(node, place),
  }))
}

/** Each node's own lines; for many, a loop over those that have one generation. */
export function commandLines(
  nodes: readonly RolloutNode[],
  place: CommandPlace,
): readonly string[] {
  const [first] = nodes
  const shared = nodes.every(({ address }) => address === first!.address)
  const isMachine = place.machines?.has(first!.address) === true
  if (nodes.length <= foldAbove || shared || isMachine) {
    const packs = new Set(nodes.flatMap((node) => commandsOf(node, place).pack ?? []))
    const onNode = (node: RolloutNode): string => {
      const { script, install } = commandsOf(node, place)
      return script ?? install
    }
    const end = (node: RolloutNode, where: string): readonly string[] => {
      const { load } = commandsOf(node, place)
      if (load === undefined) return []
      const copies = node.configs.map(
        (config) => `copy ${shellQuote(config)} to ${where}, over what its agent reads`,
      )
      return [...copies, `on ${where}: ${load}`]
    }
    if (shared) {
      const where = whereOf(nodes)
      return [...packs, `on ${where}: ${onNode(first!)}`, ...end(first!, where)]
    }
    return nodes.flatMap((node) => {
      const { pack } = commandsOf(node, place)
      const where = whereOf([node])
      return [
        ...(pack === undefined ? [] : [pack]),
        `on ${where}: ${onNode(node)}`,
        ...end(node, where),
      ]
    })
  }
  if (place.tls === undefined) {
    return [...groupBy(nodes, ({ restart }) => restart)].map(
      ([restart, group]) =>
        `on ${group.length === nodes.length ? 'each' : whereOf(group)}: ${loadText(restart, place)}`,
    )
  }
  const groups = groupBy(
    nodes,
    ({ generation, restart, configs, overrides }) =>
      `${generation} ${restart} ${configs.length > 0} ${overrides.length}`,
  )
  return [...groups.values()].flatMap((group) => {
    const { address, generation, restart, configs } = group[0]!
    const { role, region } = parseIdentity(address)
    const names = group.map((node) => lastOf(node.address)).join(' ')
    const archive = `${region}-NODE-${generation}.tar.gz`
    return [
      `nomad-pki pack $(printf '${role}/${region}/%s ' ${names}) --out-dir .${place.fileFlag}`,
      `on each: ${shellInstall(
        archive,
        `--tls ${shellQuote(place.tls!)}${overrideFlags(group[0]!)}`,
        installEnd(group[0]!, place),
      )}`,
      ...(configs.length > 0
        ? [
            'copy to each its configuration (`config` of the spec), over what its agent reads',
            `on each: ${loadText(restart, place)}`,
          ]
        : []),
    ]
  })
}

/** How an agent takes up its files. */
function loadText(restart: boolean, place: CommandPlace): string {
  return `systemctl ${restart ? 'restart' : 'reload'} ${unitOf(place)}`
}

/**
 * The unit as it is typed: systemctl knows `nomad` as nomad.service. A number would be a process for the installer, and
 * `none` nothing.
 */
export function unitOf({ unit }: CommandPlace): string {
  return shellQuote(
    /^([0-9]+|none)\.service$/.test(unit) ? unit : unit.replace(/(?<=.)\.service$/, ''),
  )
}

function installEnd({ address, restart, configs }: RolloutNode, place: CommandPlace): string {
  const machine = place.machines?.get(address)
  if (machine !== undefined) {
    const { reload } = machine
    if (reload === undefined) return '--reload none'
    return `--reload ${shellQuote(reload.unit)}${reload.how === 'restart' ? ' --restart' : ''}`
  }
  if (place.plaintext === true) return '--reload none'
  // Files first, then the configuration that names them, then the agent.
  if (configs.length > 0) return '--reload none'
  return restart ? `--reload none && ${loadText(restart, place)}` : `--reload ${unitOf(place)}`
}

export function commandsOf(node: RolloutNode, place: CommandPlace): NodeCommands {
  const { fileFlag } = place
  const tls = place.machines?.get(node.address)?.tls ?? place.tls
  if (tls === undefined) return { install: loadText(node.restart, place) }
  const archive = shellQuote(archiveName(node.address, node.generation))
  return {
    pack: `nomad-pki pack ${shellQuote(shortOf(node.address))} --out ${archive}${fileFlag}`,
    install: `nomad-pki install ${archive}${overrideFlags(node)} ${installEnd(node, place)}`,
    script: shellInstall(
      archiveName(node.address, node.generation),
      `--tls ${shellQuote(tls)}${overrideFlags(node)}`,
      installEnd(node, place),
    ),
    ...(node.configs.length > 0 && { load: loadText(node.restart, place) }),
  }
}

export function whereOf(nodes: readonly RolloutNode[]): string {
  const hosts = nodes.flatMap(({ host }) => host ?? [])
  return hosts.length > 0
    ? printable(rangesOf(hosts))
    : `each host that has ${shortOf(nodes[0]!.address)}, one after the other`
}

export function lastOf(address: string): string {
  return address.slice(address.lastIndexOf('/') + 1)
}
