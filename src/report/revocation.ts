/**
 * What a revocation does, and what it does not: who could use the key, for how long, and what shuts it out.
 *
 * @module
 */

import type { Revocation } from '../inventory/revoked.js'
import { alwaysHoldsIn, holdsIn, versionGates } from '../nomad/versions.js'
import type { Cure } from '../rotation/cure.js'
import type { RevocationReason } from '../revocation-reasons.js'
import type { CrlEntry } from '../x509/make-crl.js'
import type { Document } from './json.js'
import { count, printable, type Style } from './style.js'
import { formatMinute, formatRelative } from './time.js'

/** A list, or why there is none. */
export interface NewList {
  /** The authority. */
  readonly address: string
  readonly name: string
  readonly generation: number
  readonly number: number
  /** Until when readers take it, epoch milliseconds. */
  readonly nextUpdate: number
  readonly entries: readonly CrlEntry[]
  /** Absent where it could not be signed. */
  readonly pem?: string | undefined
  /** Why not, one sentence: lower case, no full stop. */
  readonly obstacle?: string | undefined
}

/** What follows for one identity under one root. */
export interface Consequence {
  /** The identity; the authority, where only the serial number is known. */
  readonly address: string
  readonly reason: RevocationReason
  /** Whether its key is that of a client, and no server's. */
  readonly client: boolean
  readonly server: boolean
  /** The name of its node, where the spec has it. */
  readonly node?: string | undefined
  /** As `reachOf` says it; empty where its role is not known. */
  readonly reach: readonly string[]
  /** How it gets a new key; absent where the spec does not have it. */
  readonly renewal?: 'store' | 'node' | undefined
  readonly cure: Cure
}

/** What is told. */
export interface RevocationFacts {
  readonly at: number
  /** ` --file …` as it was given. */
  readonly flag: string
  readonly dryRun: boolean
  /** Where the store is. */
  readonly location: string
  /** The new lines of the ledger. */
  readonly revoked: readonly Revocation[]
  /** How many of the named certificates were revoked already. */
  readonly before: number
  readonly lists: readonly NewList[]
  readonly consequences: readonly Consequence[]
  /** What the spec says; absent: any. */
  readonly nomadVersion: string | undefined
}

/** What is true whatever is revoked. */
const readsNoList =
  'Nomad reads no revocation list and no OCSP: agents take a revoked certificate until it ends, or until they no longer trust its root.'

/** The whole of it, as text. */
export function revocationText(facts: RevocationFacts, style: Style): string {
  const { revoked, before, dryRun, at } = facts
  const verb = dryRun ? 'would be revoked' : 'revoked'
  const lines = revoked.map(
    ({ address, serial, reason, notAfter }) =>
      `${verb}: ${style.strong(printable(address))}, serial ${serial} (${reason})${notAfter === undefined ? '' : `, ends ${formatMinute(notAfter)}`}`,
  )
  if (before > 0)
    lines.push(`${count(before, 'certificate was', 'certificates were')} revoked before`)
  return [
    readsNoList,
    ...(lines.length === 0 ? [] : [lines.join('\n')]),
    ...listLines(facts, style),
    ...facts.consequences.map((one) => consequenceText(one, facts, style)),
    ...introductionLines(facts, style),
    ...(revoked.length + before + facts.lists.length === 0
      ? [`nothing is revoked as of ${formatMinute(at)}`]
      : []),
  ].join('\n\n')
}

function listLines({ lists, location, dryRun }: RevocationFacts, style: Style): readonly string[] {
  if (lists.length === 0) return []
  const texts = lists.map(({ address, number, entries, nextUpdate, obstacle }) =>
    obstacle === undefined
      ? `revocation list of ${address}, for other software: number ${number}, ${count(entries.length, 'certificate')}, ${dryRun ? 'would be ' : ''}in ${printable(`${location}/${address}/crl.pem`)}; readers take it until ${formatMinute(nextUpdate)}`
      : style.doubtful(printable(`no revocation list of ${address}: ${obstacle}`)),
  )
  return [texts.join('\n')]
}

function consequenceText(one: Consequence, facts: RevocationFacts, style: Style): string {
  const { address, reach, reason, cure } = one
  const title = style.strong(printable(address))
  const stolen = reason === 'key-compromise' || reason === 'unspecified'
  const inReach =
    reach.length === 0
      ? ['  what its key reaches is not known here: count on the worst, a server of each region']
      : reach.map((sentence) => `  ${printable(sentence)}`)
  return [
    ...(stolen && cure.cheapest !== 'over'
      ? [`${title}: what its key reaches`, ...inReach]
      : [`${title}: ${reason}`]),
    `  ${untilText(cure, facts.at)}`,
    ...renewalLines(one, facts),
    ...cureLines(cure, facts),
    ...(stolen && one.server && cure.cheapest !== 'over' ? keyringLines(facts) : []),
  ].join('\n')
}

function untilText({ until, root, cheapest }: Cure, at: number): string {
  if (cheapest === 'over') return 'agents refuse it: it has ended'
  const end =
    until === undefined
      ? 'when it ends is not known here'
      : `it ends ${formatMinute(until)} (${formatRelative(until, at)})`
  return cheapest === 'dropped'
    ? `${end}; the spec no longer trusts ${root}, and each agent with its newest files refuses it`
    : `${end}; until then each agent that trusts ${root} takes it`
}

function renewalLines(
  { renewal, address, cure, client, server }: Consequence,
  { flag }: RevocationFacts,
): readonly string[] {
  if (renewal === undefined) return []
  const agent = client || server
  const key =
    renewal === 'store'
      ? command(`nomad-pki apply ${address}`, flag)
      : 'on the node, make a new key and a request with it: nomad-pki request'
  return [
    'a new key for it (the old one stays usable for who has it):',
    `  ${key}`,
    ...(agent && cure.cheapest !== 'dropped'
      ? [`  ${command('nomad-pki rotate rollout', flag)}`]
      : []),
  ]
}

function cureLines(cure: Cure, { flag, at }: RevocationFacts): readonly string[] {
  const { cheapest, until, root, agents, reloads } = cure
  const commands = cure.commands.map((one) => `  ${command(one, flag)}`)
  const replace = `replace ${root} in stages (${reloads} reloads of each of ${count(agents, 'agent')}); each --next waits for its gate:`
  switch (cheapest) {
    case 'over':
      return []
    case 'unneeded':
      return [
        'nobody else is known to have the key: its end is enough, and nothing has to be replaced',
      ]
    case 'dropped':
      return ['to see that each agent has its newest files, and refuses it:', ...commands]
    case 'foreign':
      return [`the spec does not have ${root}: take it out of ca_file of each agent that trusts it`]
    case 'rotating':
      return [
        `cheapest cure: end the rotation that is under way, it takes ${root} out:`,
        ...commands,
      ]
    case 'wait':
      return [
        `cheapest cure: wait until ${formatMinute(until!)} (${formatRelative(until!, at)}); replacing the root takes three rounds through the cluster`,
        `sooner: ${replace}`,
        ...commands,
      ]
    case 'replace':
      return [`cheapest cure: ${replace}`, ...commands]
  }
}

/** A new root takes no key of the keyring back. */
function keyringLines({ nomadVersion }: RevocationFacts): readonly string[] {
  const now = holdsIn(versionGates['keyring-rotate-now'], nomadVersion) ? ' -now' : ''
  return [
    'when agents refuse it: who read the keyring before still has those keys; new ones come from:',
    `  nomad operator root keyring rotate -full${now}`,
  ]
}

/** Tokens for clients that register for the first time: nomad/node_endpoint.go:193, :313 at v1.11.3. */
function introductionLines(
  { consequences, nomadVersion }: RevocationFacts,
  style: Style,
): readonly string[] {
  const concerned = consequences.find(
    ({ client, reason, cure }) =>
      client &&
      (reason === 'key-compromise' || reason === 'unspecified') &&
      cure.cheapest !== 'over' &&
      cure.cheapest !== 'dropped',
  )
  const gate = versionGates['client-introduction']
  if (concerned === undefined || !holdsIn(gate, nomadVersion)) return []
  const since = alwaysHoldsIn(gate, nomadVersion) ? '' : 'from Nomad 1.11 on, '
  return [
    [
      `${since}a client can also need a token when it registers for the first time: then its certificate alone registers no new node`,
      style.faint('  in the configuration of every server, then restart it:'),
      '    server {',
      '      client_introduction {',
      '        enforcement = "strict"',
      '      }',
      '    }',
      style.faint(
        '  for a new client, as NOMAD_CLIENT_INTRO_TOKEN or as intro_token.jwt in its state directory:',
      ),
      `    nomad node intro create -node-name ${concerned.node ?? 'NAME'} -ttl 5m`,
      style.faint(
        '  it stops no server’s key, no request to the HTTPS API, and nobody that has the secret of a registered node',
      ),
    ].join('\n'),
  ]
}

function command(text: string, flag: string): string {
  return `${text}${flag}`
}

/** The same as a document. */
export function revocationDocument({
  at,
  dryRun,
  revoked,
  before,
  lists,
  consequences,
  flag,
}: RevocationFacts): Document {
  return {
    format: 'nomad-pki/revocation',
    version: 1,
    at,
    written: !dryRun,
    note: readsNoList,
    revoked: revoked.map(({ address, serial, issuer, reason, fingerprint, notAfter }) => ({
      ...{ address, serial, issuer, reason },
      fingerprint: fingerprint ?? null,
      notAfter: notAfter ?? null,
    })),
    before,
    lists: lists.map(({ address, number, entries, nextUpdate, obstacle }) => ({
      ...{ address, number, nextUpdate },
      revoked: entries.length,
      obstacle: obstacle ?? null,
    })),
    consequences: consequences.map(({ address, reason, reach, renewal, cure }) => ({
      ...{ address, reason, reach },
      renewal: renewal ?? null,
      until: cure.until ?? null,
      cheapest: cure.cheapest,
      root: cure.root,
      agents: cure.agents,
      reloads: cure.reloads,
      commands: cure.commands.map((one) => command(one, flag)),
    })),
  }
}
