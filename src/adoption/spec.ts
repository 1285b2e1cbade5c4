/**
 * The spec of what was adopted: keys and lifetimes as they are, because a difference from this
 * project's own defaults is no reason to make anything anew.
 *
 * @module
 */

import { authorityNameOf, type AgentRole } from '../address.js'
import { isAgent } from '../nomad/roles.js'
import { algorithmOf } from '../keys/algorithms.js'
import { groupBy } from '../grouping.js'
import { formatDuration } from '../duration.js'
import { longestSpan } from '../cluster/terms.js'
import type { ListedEntry, ListedNode, NewSpec } from '../cluster/new-spec.js'
import type { Plain } from '../cluster/yaml-write.js'
import { fingerprintText, type Certificate } from '../x509/certificate.js'
import { formatName } from '../x509/name.js'
import { keylessNote } from './notes.js'
import type { AdoptedAuthority } from './adopted.js'
import { fitNode } from './fit.js'
import type { Leaf } from './leaves.js'
import { valueOf, type BareAgent, type Placed } from './placed.js'
import type { Survey } from './survey-agents.js'

const day = 86_400_000
const hour = 3_600_000

/** What the spec is made from. */
export interface SpecParts {
  readonly authorities: readonly AdoptedAuthority[]
  readonly placed: readonly Placed[]
  readonly bare: readonly BareAgent[]
  /** The authority of each region: its name. */
  readonly signers: ReadonlyMap<string, string>
  readonly survey: Survey['spec']
  readonly now: number
}

/** Writes the parts of a spec. */
export function specOf(parts: SpecParts): Omit<NewSpec, 'cluster'> {
  const { placed, bare, survey } = parts
  const agents = placed.filter(({ role }) => isAgent(role))
  const common = commonTerms(agents)
  const listed: ListedNode[] = []
  for (const one of agents) {
    const { value, notes } = valueOf(one)
    const place = { kind: one.role as AgentRole, region: one.region, name: one.name }
    const fitted = fitNode({ ...place, value: { ...value, ...ownTerms(one.leaf, common) } })
    const dropped = fitted.dropped.map(
      ({ value: left, message }) =>
        `its certificate names ${JSON.stringify(left)}, which the next one will not: ${message}`,
    )
    listed.push({ ...place, value: fitted.value, notes: [...one.notes, ...notes, ...dropped] })
  }
  for (const {
    agent: { node },
    note,
  } of bare) {
    listed.push({ ...node, notes: [...node.notes, note] })
  }
  const [anyone] = placed
  if (listed.length === 0) listed.push(exampleIn(anyone?.region ?? 'global'))
  const regions = new Set(listed.map(({ region }) => region))
  const people = placed
    .filter(({ role, region }) => !isAgent(role) && regions.has(region))
    .map(({ name, role, region, leaf, notes }): ListedEntry => {
      const kind = role === 'machine' && { kind: role }
      return { name, value: { region, ...kind, ...termsOf(leaf) }, notes }
    })
  const clamp = endsBeforeLeaves(parts)
  const defaults = {
    ...(common ?? { key: 'ecdsa-p256', lifetime: '90d' }),
    ...(clamp && { beyondIssuer: 'clamp' }),
  }
  return {
    ...(survey.stanza && { stanza: survey.stanza }),
    ...(survey.notes && { notes: survey.notes }),
    listed,
    authorities: authorityEntries(parts),
    ...((common !== undefined || clamp) && {
      defaults: { value: defaults, notes: clamp ? [clampNote] : [] },
    }),
    regions: regionsOf(parts, listed),
    people,
  }
}

/** A spec has one node at least. */
function exampleIn(region: string): ListedNode {
  const note =
    'no certificate of an agent is adopted, so this node is an example: put yours in its place before the first apply'
  return { kind: 'server', region, name: 's1', value: {}, notes: [note] }
}

const clampNote =
  'beyondIssuer: clamp, because the authority ends before certificates of the lifetime that was found: they end with it'

type Terms = Readonly<Record<string, string>>

/** Key and lifetime of a leaf, as far as the spec has words for them. */
function termsOf({ certificate }: Leaf): Terms {
  const { algorithm } = certificate.publicKey
  const key = algorithm !== undefined && algorithmOf(algorithm).agentsTake ? algorithm : undefined
  return { ...(key && { key }), lifetime: lifetimeText(certificate) }
}

/** What most agents' certificates have. */
function commonTerms(agents: readonly Placed[]): Terms | undefined {
  let most: { readonly terms: Terms; readonly count: number } | undefined
  for (const [, group] of groupBy(agents, ({ leaf }) => JSON.stringify(termsOf(leaf)))) {
    if (group.length > (most?.count ?? 0)) {
      most = { terms: termsOf(group[0]!.leaf), count: group.length }
    }
  }
  if (most === undefined) return undefined
  return { key: 'ecdsa-p256', ...most.terms }
}

/** What a leaf has otherwise than most. */
function ownTerms(leaf: Leaf, common: Terms | undefined): Terms {
  return Object.fromEntries(
    Object.entries(termsOf(leaf)).filter(([key, value]) => common?.[key] !== value),
  )
}

/** A life in the spec's words: tools set the beginning back by a minute or five. */
function lifetimeText({ notBefore, notAfter }: Certificate): string {
  // Tools that set no bound make certificates that live longer than a spec can say.
  const life = Math.min(notAfter - notBefore, longestSpan)
  for (const unit of [day, hour]) {
    const whole = Math.round(life / unit) * unit
    if (whole > 0 && Math.abs(life - whole) <= 5 * 60_000 + 1000) return formatSpan(whole)
  }
  return formatSpan(Math.max(60_000, Math.floor(life / 60_000) * 60_000))
}

/** In one unit: `365d`, `36h`. */
function formatSpan(milliseconds: number): string {
  if (milliseconds % day === 0) return `${milliseconds / day}d`
  if (milliseconds % hour === 0) return `${milliseconds / hour}h`
  return milliseconds % 60_000 === 0 ? `${milliseconds / 60_000}m` : formatDuration(milliseconds)
}

/** Whether leaves of the lifetimes that were found would outlive what signs them. */
function endsBeforeLeaves({ authorities, placed, now }: SpecParts): boolean {
  return placed.some(({ leaf }) => {
    const { notBefore, notAfter } = leaf.certificate
    return authorities.some(
      ({ certificate: above }) =>
        now + (notAfter - notBefore) > above.notAfter ||
        notAfter - notBefore > above.notAfter - above.notBefore - day,
    )
  })
}

/** Which generation of a root signs: one that has its key, that signs what lives, and is the newest. */
function signingOf(
  generations: readonly AdoptedAuthority[],
  { placed, authorities }: SpecParts,
): number {
  const signs = ({ address, certificate }: AdoptedAuthority): boolean =>
    authorities.some(({ issuer }) => issuer === address) ||
    placed.some(({ leaf }) => leaf.signer.certificate === certificate)
  const rank = (one: AdoptedAuthority): number => (one.key ? 2 : 0) + (signs(one) ? 1 : 0)
  return [...generations].sort((a, b) => rank(b) - rank(a) || b.generation - a.generation)[0]!
    .generation
}

function authorityEntries(parts: SpecParts): readonly ListedEntry[] {
  const entries: ListedEntry[] = []
  for (const [name, generations] of groupBy(parts.authorities, (one) => one.name)) {
    const signing = signingOf(generations, parts)
    const chosen = generations.find(({ generation }) => generation === signing)!
    const { certificate, issuer } = chosen
    const { algorithm } = certificate.publicKey
    const value: Record<string, Plain> = {}
    if (issuer !== undefined) value['issuer'] = authorityNameOf(issuer)
    if (algorithm !== undefined) value['key'] = algorithm
    const life = Math.min(certificate.notAfter - certificate.notBefore, longestSpan)
    value['lifetime'] = life >= day ? `${Math.floor(life / day)}d` : lifetimeText(certificate)
    const numbers = generations.map(({ generation }) => generation).sort((a, b) => a - b)
    if (signing !== 1 || numbers.length > 1) value['signing'] = signing
    if (issuer === undefined) {
      if (numbers.length > 1) {
        value['trusted'] = numbers
        // What the older roots signed stays until its own renewal.
        value['rollout'] = 'ride-along'
      }
      value['fingerprint'] =
        numbers.length === 1
          ? fingerprintText(certificate)
          : Object.fromEntries(
              generations.map((one) => [String(one.generation), fingerprintText(one.certificate)]),
            )
      if (crossedByAll(chosen, generations)) value['crossed'] = true
    }
    if (issuer !== undefined && numbers.length > 1) value['rollout'] = 'ride-along'
    const notes = generations.flatMap((one) => authorityNotes(one, parts.authorities))
    entries.push({ name, value, notes })
  }
  return entries
}

function crossedByAll(
  { generation, crossed }: AdoptedAuthority,
  generations: readonly AdoptedAuthority[],
): boolean {
  const others = generations.filter((one) => one.generation !== generation)
  return others.length > 0 && others.every((one) => crossed.has(one.generation))
}

function authorityNotes(
  { address, generation, certificate, places, key, notes, issuer }: AdoptedAuthority,
  all: readonly AdoptedAuthority[],
): readonly string[] {
  const name = formatName(certificate.subject) || 'an authority without a name'
  // Without the key of the root no other intermediate can be made.
  const isRootKeyless = all.some((one) => one.address === issuer && one.key === undefined)
  return [
    `generation ${generation}: ${name}, adopted from ${places[0]!}; the next generation gets the name that is the default here`,
    ...(key === undefined
      ? [keylessNote(address, issuer !== undefined && isRootKeyless ? issuer : address)]
      : []),
    ...notes,
  ]
}

/** Who signs in each region; and what an intermediate would have to be able to name. */
function regionsOf(
  { authorities, signers }: SpecParts,
  listed: readonly ListedNode[],
): ReadonlyMap<string, { readonly [key: string]: Plain }> {
  const regions = new Map<string, { readonly [key: string]: Plain }>()
  const between = new Set(
    authorities.filter(({ issuer }) => issuer !== undefined).map(({ name }) => name),
  )
  if (between.size === 0) return regions
  for (const [region, nodes] of groupBy(listed, (one) => one.region)) {
    const signer = signers.get(region)
    if (signer === undefined) continue
    const own = (key: string): readonly string[] => [
      ...new Set(nodes.flatMap(({ value }) => (value[key] ?? []) as readonly string[])),
    ]
    const ips = own('ips')
    regions.set(region, {
      authority: signer,
      ...(between.has(signer) && {
        ...(own('names').length > 0 && { domains: own('names') }),
        ...(ips.length > 0 && {
          networks: ips.map((ip) => `${ip}/${ip.includes(':') ? 128 : 32}`),
        }),
      }),
    })
  }
  return regions
}
