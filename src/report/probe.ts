/**
 * What a probe saw: a line an agent, alike ones together, and what it cost.
 *
 * @module
 */

import { parseIdentity } from '../address.js'
import { groupBy } from '../grouping.js'
import type { AgentVerdict } from '../evidence/judge-agents.js'
import { copiesRemedy, copiesText, type Copies } from '../evidence/copies.js'
import type { Members } from '../evidence/evidence.js'
import { stateWords } from '../evidence/state-words.js'
import type { UnknownMember } from '../evidence/unknown-members.js'
import type { RevokedSeen } from '../inventory/revoked.js'
import type { Cost } from '../probe/probe-cluster.js'
import type { HalfRotation } from '../rotation/half-rotated.js'
import { fold, rangesOf } from './fold.js'
import { authorityEditText } from './rotation.js'
import type { Document } from './json.js'
import { count, printable, type Paint, type Style } from './style.js'
import { table } from './table.js'
import { formatMinute } from './time.js'

/** What is told. */
export interface ProbeFacts {
  readonly cluster: string
  readonly at: number
  readonly verdicts: readonly AgentVerdict[]
  readonly cost: Cost
  readonly halfRotated: readonly HalfRotation[]
  readonly copies: Copies
  /** Revoked leaves that agents present. */
  readonly revoked: readonly RevokedSeen[]
  /** What Nomad itself said; absent where it was not asked. */
  readonly nomad?: NomadSaid | undefined
}

/** Who belongs to the cluster, by Nomad's own word. */
export interface NomadSaid {
  readonly members: readonly Members[]
  /** Regions that could not be asked about, and why. */
  readonly faults: readonly {
    readonly region: string
    readonly message: string
    /** A token lacks a right there: that must be cured before anything is known of the region. */
    readonly denied: boolean
  }[]
  /** Regions that gossip names and the spec does not have. */
  readonly strange: readonly string[]
  /** Those that the spec does not have. */
  readonly unknown: readonly UnknownMember[]
  /** Why nobody could be asked at all. */
  readonly missing?: string | undefined
}

/** How each state is written. */
const wordOf: Readonly<Record<AgentVerdict['state'], string>> = { ...stateWords, seen: 'seen' }

function paint(style: Style, state: AgentVerdict['state']): Paint {
  if (state === 'proven') return style.good
  if (state === 'seen') return style.strong
  return state === 'unobservable' || state === 'unknown' || state === 'excepted'
    ? style.doubtful
    : style.bad
}

/** The whole of it, as text. */
export function probeText(
  { cluster, verdicts, cost, halfRotated, nomad, copies, revoked }: ProbeFacts,
  style: Style,
  options: { readonly all: boolean; readonly fileFlag: string },
): string {
  const groups = fold(verdicts, {
    all: options.all,
    keyOf: ({ state, message, address, seen, silent }) =>
      `${state}\n${general(message, address, [...seen, ...silent])}`,
  })
  const rows = groups.map(({ label, members }) => {
    const { state, message, address, seen, silent } = members[0]!
    const text = members.length === 1 ? message : general(message, address, [...seen, ...silent])
    return [label.replace(/^identity\//, ''), paint(style, state)(wordOf[state]), printable(text)]
  })
  const seen = verdicts.filter(({ state }) => state === 'seen').length
  const bad = verdicts.filter(({ state }) => state !== 'proven' && state !== 'seen')
  // What cures the store is told with it.
  const storeCure = copies.leaves.length === 0 ? undefined : copiesRemedy(copies)
  const remedies = groupBy(
    bad.flatMap(({ remedy, address }) =>
      remedy === undefined || remedy === storeCure ? [] : [{ remedy, address }],
    ),
    ({ remedy, address }) => general(remedy, address, []),
  )
  const good = verdicts.length - bad.length
  const sum =
    verdicts.length === 0
      ? 'no agent was asked: nothing is proven'
      : seen > 0
        ? `${good} of ${count(verdicts.length, 'agent')} seen; without the ledger their generations are unknown`
        : `${good} of ${count(verdicts.length, 'agent')} proven on the newest generation`
  return [
    ...(rows.length === 0 ? [] : [table(rows), '']),
    ...[...remedies].map(
      ([every, alike]) =>
        `${style.faint('fix:')} ${printable(alike.length === 1 ? alike[0]!.remedy : every)}`,
    ),
    ...revoked.map(({ address, endpoint, serial, at, reason }) =>
      style.bad(
        printable(
          `${address} presents a revoked certificate at ${endpoint}: serial ${serial}, revoked ${formatMinute(at)} (${reason})`,
        ),
      ),
    ),
    ...halfRotated.flatMap((one) => [halfRotatedText(one, style, options.fileFlag), '']),
    ...(nomad === undefined ? [] : nomadLines(nomad, style)),
    ...(storeCure === undefined
      ? []
      : [
          style.bad(printable(`store: ${copiesText(copies)}`)),
          `${style.faint('fix:')} ${printable(storeCure)}`,
        ]),
    `${style.strong(printable(cluster))}: ${good > 0 && bad.length === 0 ? style.good(sum) : style.bad(sum)}`,
    style.faint(handshakesText(cost, verdicts)),
  ].join('\n')
}

function handshakesText({ handshakes, noted }: Cost, verdicts: readonly AgentVerdict[]): string {
  const seen = verdicts.flatMap((one) => one.seen.filter(({ rpc }) => rpc))
  const ports = new Set(seen.map(({ endpoint }) => endpoint)).size
  const who =
    noted === 0
      ? 'no agent logged any'
      : noted === 1
        ? 'the RPC port logged one'
        : noted === ports
          ? `each of the ${count(ports, 'RPC port')} logged one`
          : `RPC ports logged ${noted} of them`
  return `${count(handshakes, 'handshake')}; ${who}${noted === 0 ? '' : ', at WARN: failed TLS handshake'}`
}

function halfRotatedText(
  { authority, message, sides, edits, way, obstacle, agents }: HalfRotation,
  style: Style,
  fileFlag: string,
): string {
  const namesOf = (addresses: readonly string[]): string =>
    rangesOf(
      addresses.map((address) => {
        const { region, name } = parseIdentity(address)
        return `${region}/${name}`
      }),
    )
  const everybody = `each of the ${count(agents, 'agent')}`
  const steps = [
    ...(edits.length === 0
      ? []
      : [`write into the spec: ${edits.map((edit) => authorityEditText(edit)).join('; ')}`]),
    `nomad-pki apply${fileFlag}`,
    way === 'crossed'
      ? `pack, install and reload ${everybody}, in any order: an agent with the new files talks to all others; no restart is needed`
      : `pack, install and reload ${everybody}, as close together as possible (${obstacle ?? 'without a cross-certificate'}): until all are done, agents with the new files and agents that trust only another root refuse each other`,
    `nomad-pki probe${fileFlag}, then: nomad-pki rotate authority ${authority}${fileFlag}`,
  ]
  return [
    style.bad(printable(message)),
    ...sides.map(({ roots, trusts, agents: all }) =>
      printable(
        `  ${namesOf(all)}: ${roots.length === 0 ? 'a leaf of an unknown authority' : `leaf under ${roots.join(' and ')}`}, ${
          trusts === null ? 'trust not observable' : `trusts ${trusts.join(' and ') || 'no root'}`
        }`,
      ),
    ),
    'repair:',
    ...steps.map((step, index) => `  ${index + 1}. ${printable(step)}`),
  ].join('\n')
}

function nomadLines(
  { members, faults, unknown, strange, missing }: NomadSaid,
  style: Style,
): readonly string[] {
  return [
    ...members.map(({ region, servers, clients }) =>
      style.faint(
        `Nomad names ${count(servers.length, 'server')} and ${count(clients.length, 'client')} in ${region}`,
      ),
    ),
    ...members.flatMap((one) => notableLines(one, style)),
    ...strange.map((region) =>
      style.bad(
        printable(
          `the spec lacks the region ${region}, which Nomad names: add it to the spec, or end its federation`,
        ),
      ),
    ),
    ...unknown.map(({ region, name, kind }) =>
      style.bad(
        printable(
          `the spec lacks the ${kind} ${name} of ${region}, which Nomad has: nomad-pki add ${kind} ${region}/${name}`,
        ),
      ),
    ),
    ...faults.map(({ region, message }) =>
      style.doubtful(printable(`Nomad was not asked for the members of ${region}: ${message}`)),
    ),
    ...(missing === undefined
      ? []
      : [
          style.doubtful(
            `Nomad was not asked for the members of the cluster: ${printable(missing)}`,
          ),
        ]),
  ]
}

/** Two hosts of one name, members that do not answer, and clocks that differ. */
function notableLines(
  { region, nodes = [], skew, incomplete }: Members,
  style: Style,
): readonly string[] {
  const clients = nodes.filter(({ kind }) => kind === 'client')
  const twins = [...groupBy(clients, ({ name }) => name)].filter(([, alike]) => alike.length > 1)
  const lost = nodes.filter(({ status }) => status !== 'ready' && status !== 'alive')
  const words = lost.map(({ name, status, since }) => {
    const date = since === undefined ? '' : ` since ${new Date(since).toISOString().slice(0, 16)}Z`
    return `${name} ${status}${date}`
  })
  const seconds = Math.round(Math.abs(skew ?? 0) / 1000)
  return [
    ...twins.map(([name, alike]) =>
      style.bad(
        printable(
          `Nomad has ${alike.length} clients named ${name} in ${region} (${alike
            .map(({ id, endpoint }) => `${id.slice(0, 8)} at ${endpoint ?? 'no address'}`)
            .join(', ')}): each was asked; give each host its own name`,
        ),
      ),
    ),
    ...(words.length === 0
      ? []
      : [style.doubtful(printable(`Nomad says of ${region}: ${words.join(', ')}`))]),
    ...(incomplete === undefined
      ? []
      : [style.doubtful(printable(`only gossip tells the members of ${region}: ${incomplete}`))]),
    ...(skew === undefined
      ? []
      : [
          style.bad(
            `the clock of the server that answered for ${region} is ${seconds} s ${
              skew > 0 ? 'ahead of' : 'behind'
            } the clock of this host: set both, then: nomad-pki probe`,
          ),
        ]),
  ]
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
export function probeDocument(facts: ProbeFacts): Document {
  const { cluster, at, verdicts, cost, halfRotated, nomad, copies, revoked } = facts
  return {
    format: 'nomad-pki/probe',
    version: 1,
    cluster,
    at,
    handshakes: cost.handshakes,
    warned: cost.noted,
    copies: copies.leaves,
    revoked,
    halfRotated: halfRotated.map((one) => ({ ...one, obstacle: one.obstacle ?? null })),
    nomad: nomad === undefined ? null : { ...nomad, missing: nomad.missing ?? null },
    agents: verdicts.map(
      ({
        address,
        state,
        generation,
        newest,
        message,
        remedy,
        at: seenAt,
        seen,
        silent,
        selfRenewed,
      }) => ({
        ...{ address, state, generation, newest, message },
        ...(selfRenewed !== undefined && {
          renewedBy: 'node',
          notAfter: selfRenewed.leaf?.notAfter ?? null,
          issuer: selfRenewed.issuer ?? null,
          since: selfRenewed.since ?? null,
        }),
        at: seenAt ?? null,
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
