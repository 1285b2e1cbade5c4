/**
 * What a revocation does, and what it does not: who could use the key, for how long, and what shuts it out.
 *
 * @module
 */

import { shortOf } from '../address.js'
import type { Revocation } from '../inventory/revoked.js'
import { alwaysHoldsIn, holdsIn, versionGates } from '../nomad/versions.js'
import type { Cure } from '../rotation/cure.js'
import type { RevocationReason } from '../revocation-reasons.js'
import type { CrlEntry } from '../x509/make-crl.js'
import type { Document } from './json.js'
import { requestCommand } from '../plan/held-by-node.js'
import { recipeLines } from './recipe.js'
import { revokedThereLines, type RevokedThere } from './revoked-in-engine.js'
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
  /** The command that asks a key on another machine for it; absent where that is not the obstacle. */
  readonly ask?: string | undefined
  /** Whether readers need it: not those of an authority that has ended or was removed. */
  readonly needed: boolean
  /** Whether its root is marked: then others may sign such lists too. */
  readonly compromised: boolean
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
  readonly renewal?: Renewal | undefined
  readonly cure: Cure
}

/** Where a new key is made. */
export interface Renewal {
  readonly by: 'store' | 'node'
  /** What must come first: the store and the spec differ about where the key is. */
  readonly first?: string | undefined
  /** What gives a node that renews itself another key; nothing is brought to it. Default: it does not. */
  readonly itself?: string | undefined
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
  /** What became of it in Vault or OpenBao; empty where no engine signed it. */
  readonly engine: readonly RevokedThere[]
  /** The issuers there that make their lists themselves: `pki/nomad/issuer/us-west-1`. */
  readonly engineLists: readonly string[]
  readonly consequences: readonly Consequence[]
  /** Where agents have their files; absent: they read the store itself. */
  readonly tls: string | undefined
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
    ...revokedThereLines(
      facts.engine,
      { listPaths: facts.engineLists, again: command('nomad-pki revoke', facts.flag) },
      style,
    ),
    ...listLines(facts, style),
    ...facts.consequences.map((one) => consequenceText(one, facts, style)),
    ...introductionLines(facts, style),
    ...(revoked.length + before + facts.lists.length + facts.engine.length === 0
      ? [`nothing is revoked as of ${formatMinute(at)}`]
      : []),
  ].join('\n\n')
}

function listLines(
  { lists, location, dryRun, flag }: RevocationFacts,
  style: Style,
): readonly string[] {
  if (lists.length === 0) return []
  const texts = lists.flatMap(
    ({ address, number, entries, nextUpdate, obstacle, needed, compromised }) => {
      if (obstacle !== undefined) {
        const text = printable(`no revocation list of ${address}: ${obstacle}`)
        return [needed ? style.bad(text) : style.faint(text)]
      }
      const made = `revocation list of ${address}, for other software: number ${number}, ${count(entries.length, 'certificate')}, ${dryRun ? 'would be ' : ''}in ${printable(`${location}/${address}/crl.pem`)}; readers take it until ${formatMinute(nextUpdate)}`
      return compromised
        ? [
            made,
            `  its root is marked as compromised: others may sign lists in its name; take the root out of software that reads them`,
          ]
        : [made]
    },
  )
  const missing = lists.filter(({ obstacle, needed }) => needed && obstacle !== undefined)
  const asked = [...new Set(missing.flatMap(({ ask }) => (ask === undefined ? [] : [ask])))]
  const noted = dryRun ? '' : 'the ledger has what was revoked; '
  if (missing.some(({ ask }) => ask === undefined)) {
    texts.push(`${noted}when the authority can sign: ${command('nomad-pki revoke', flag)}`)
  }
  for (const ask of asked) {
    const request = ask.slice(ask.lastIndexOf(' ') + 1)
    const answer = request.replace(/request$/, 'answer')
    texts.push(
      `${noted}to have the list signed:`,
      `  here: ${command(ask, flag)}`,
      `  on the machine that has the key: nomad-pki authority accept ${request} --out ${answer}`,
      `  here, with the answer: ${command(`nomad-pki authority accept ${answer}`, flag)}`,
    )
  }
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
  { renewal, address, node = 'the node', cure, client, server }: Consequence,
  { flag, tls }: RevocationFacts,
): readonly string[] {
  if (renewal === undefined) return []
  const agent = client || server
  if (renewal.itself !== undefined) {
    return [
      'a new key for it (the old one stays usable for who has it):',
      `  ${renewal.itself}`,
      '  in the engine: revoke its login where that was stolen too',
    ]
  }
  return [
    'a new key for it (the old one stays usable for who has it):',
    ...(renewal.first === undefined
      ? renewal.by === 'store'
        ? [`  ${command(`nomad-pki apply ${address}`, flag)}`]
        : requestLines(address, node, { flag, tls })
      : [`  first: ${renewal.first}`]),
    ...(agent && cure.cheapest !== 'dropped' ? [`  ${command('nomad-pki rollout', flag)}`] : []),
  ]
}

/** A revoked certificate vouches for no request: the fingerprint says whose it is. */
function requestLines(
  address: string,
  node: string,
  { flag, tls }: Pick<RevocationFacts, 'flag' | 'tls'>,
): readonly string[] {
  const name = shortOf(address)
  const file = `${node}.csr`
  return [
    `  on ${node}: ${requestCommand(name, file, { tls })}`,
    `  here, with the fingerprint that it printed: ${command(`nomad-pki sign ${file} --fingerprint SHA256:HEX`, flag)}`,
  ]
}

function cureLines(cure: Cure, { flag, at }: RevocationFacts): readonly string[] {
  const { cheapest, until, root, agents, held, reloads } = cure
  const commands = [
    ...recipeLines(cure.steps, flag),
    ...(held > 0 && cure.steps.some((one) => one.command === 'nomad-pki apply')
      ? [
          `  ${count(held, 'agent holds its own key', 'agents hold their own keys')}: where apply names one, it needs a request and \`nomad-pki sign\` before \`nomad-pki rollout\``,
        ]
      : []),
  ]
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

/**
 * Tokens for clients that register for the first time: nomad/node_endpoint.go:193, :313 at v1.11.3. A token
 * is for one pool (:334), and is made by any request that may write nodes: without ACLs that is each
 * (nomad/acl_endpoint.go:3217, nomad/auth/auth.go:232).
 */
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
      `${since}a client can also need a token when it registers for the first time: then its certificate alone registers no new node, where ACLs are enabled`,
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
        '  with -node-pool POOL where its node_pool is not default; without ACLs anyone that reaches the API makes such a token: then strict adds nothing',
      ),
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
  engine,
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
    lists: lists.map(({ address, number, entries, nextUpdate, obstacle, ask, needed }) => ({
      ...{ address, number, nextUpdate, needed },
      revoked: entries.length,
      obstacle: obstacle ?? null,
      ask: ask === undefined ? null : command(ask, flag),
    })),
    engine: engine.map(({ address, place, is, reason }) => ({
      ...{ address, place, state: is, reason: reason ?? null },
    })),
    consequences: consequences.map(({ address, reason, reach, renewal, cure }) => ({
      ...{ address, reason, reach },
      renewal: renewal?.by ?? null,
      until: cure.until ?? null,
      cheapest: cure.cheapest,
      root: cure.root,
      agents: cure.agents,
      reloads: cure.reloads,
      commands: cure.steps.flatMap((one) =>
        one.on === 'store' ? [command(one.command, flag)] : [],
      ),
      steps: cure.steps.map(({ on, command: line, edit }) => ({
        on,
        command: on === 'store' ? command(line, flag) : line,
        edit: edit ?? null,
      })),
    })),
  }
}
