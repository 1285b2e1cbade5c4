/**
 * Roots and intermediates: which signs which, their generations, and whether it all fits.
 *
 * @module
 */

import { keyMark, keyMarkLength } from '../authority/subject.js'
import { didYouMean } from '../diagnostics.js'
import { subjectFault } from '../lint/subject.js'
import { classifyName } from '../nomad/names.js'
import type { SubjectAttributes } from '../x509/name.js'
import { fingerprintsOf, generationsOf } from './generations.js'
import { expandTemplate, parseTemplate } from './pattern.js'
import type { RawAuthority, Resolving } from './raw.js'
import { signersOf } from './signers.js'
import type { AuthoritySpec } from './spec.js'
import { builtIn, spanText, usableSpan } from './terms.js'
import { engineOf } from './vault.js'

const day = 86_400_000
const defaultLifetime = { root: 3650 * day, intermediate: 1095 * day }

/** An authority before its regions are known. */
export interface AuthorityDraft extends Omit<
  AuthoritySpec,
  'renewBefore' | 'constraints' | 'roleBounds'
> {
  /** As written; else it follows from what the authority signs. */
  readonly renewBefore: number | undefined
}

/**
 * Resolves `authorities`.
 *
 * @param resolving The spec as read.
 * @returns By name: roots first, then intermediates with a good issuer. What is broken is left out.
 */
export function resolveAuthorities(resolving: Resolving): ReadonlyMap<string, AuthorityDraft> {
  const { raw, sources, report } = resolving
  const { authorities } = raw
  if (authorities === undefined) {
    if (sources.has(raw, 'authorities')) return new Map()
    return new Map([['agent', draft(resolving, 'agent', {}, undefined)]])
  }
  if (authorities.size === 0) {
    report.error('spec/authority-choice', sources.at(authorities), 'the spec has no authority', {
      expected: 'one root at least, agent: {}',
      hint: 'without the key authorities there is one root named agent',
    })
  }
  const roots = new Map<string, AuthorityDraft>()
  const intermediates = new Map<string, AuthorityDraft>()
  for (const [name, entry] of authorities) {
    // Its issuer may be broken; then it is not a root.
    if (!sources.has(entry, 'issuer')) roots.set(name, draft(resolving, name, entry, undefined))
  }
  for (const [name, entry] of authorities) {
    if (!sources.has(entry, 'issuer')) continue
    const issuer = entry.issuer
    if (issuer === undefined || !hasGoodIssuer(resolving, authorities, name, issuer)) continue
    const root = roots.get(issuer)
    if (root === undefined) continue
    intermediates.set(name, draft(resolving, name, entry, root))
  }
  const all = new Map([...roots, ...intermediates])
  checkSubjects(resolving, all)
  return all
}

function hasGoodIssuer(
  { sources, report }: Resolving,
  authorities: ReadonlyMap<string, RawAuthority>,
  name: string,
  issuer: string,
): boolean {
  const at = sources.at(authorities.get(name), 'issuer')
  const found = authorities.get(issuer)
  if (found === undefined) {
    const near = didYouMean(
      issuer,
      [...authorities.keys()].filter((other) => other !== name),
    )
    report.error('spec/unknown-authority', at, `unknown authority ${JSON.stringify(issuer)}`, {
      expected: [...authorities.keys()].filter((other) => other !== name).join(', ') || 'a root',
      hint: near === undefined ? undefined : `did you mean ${near}?`,
    })
    return false
  }
  const way = [name]
  for (
    let next: string | undefined = issuer;
    next !== undefined;
    next = authorities.get(next)?.issuer
  ) {
    if (next === name) {
      report.error(
        'spec/issuer-cycle',
        at,
        `authorities sign each other in a circle: ${[...way, name].join(' → ')}`,
        {
          hint: 'one of them must be a root, without issuer',
        },
      )
      return false
    }
    if (way.includes(next)) return false
    way.push(next)
  }
  if (sources.has(found, 'issuer')) {
    report.error('spec/issuer-depth', at, `${JSON.stringify(issuer)} is itself an intermediate`, {
      expected: 'a root',
      hint: 'intermediates are made with a path length of 0: they sign agents and nothing else',
    })
    return false
  }
  return true
}

function draft(
  resolving: Resolving,
  name: string,
  entry: RawAuthority,
  root: AuthorityDraft | undefined,
): AuthorityDraft {
  const { raw, sources, report } = resolving
  const lifetime =
    usableSpan(resolving, entry, 'lifetime', entry.lifetime) ??
    defaultLifetime[root === undefined ? 'root' : 'intermediate']
  const renewBefore = usableSpan(resolving, entry, 'renewBefore', entry.renewBefore)
  if (renewBefore !== undefined && renewBefore >= lifetime) {
    report.error(
      'spec/renew-before',
      sources.at(entry, 'renewBefore'),
      `renewBefore does not fit into a lifetime of ${spanText(lifetime)}`,
      {
        expected: `less than ${spanText(lifetime)}`,
      },
    )
  }
  const beyondIssuer = entry.beyondIssuer ?? raw.defaults?.beyondIssuer ?? builtIn.beyondIssuer
  if (root === undefined && entry.beyondIssuer !== undefined) {
    report.warning(
      'spec/irrelevant',
      sources.keyAt(entry, 'beyondIssuer'),
      `${name} is a root: it has no issuer to outlive`,
      { hint: 'remove it' },
    )
  }
  if (root !== undefined && lifetime > root.lifetime && beyondIssuer === 'refuse') {
    report.error(
      'spec/beyond-issuer',
      entry.lifetime === undefined ? sources.keyAt(entry, 'issuer') : sources.at(entry, 'lifetime'),
      `${name} would live ${spanText(lifetime)}, longer than ${root.name}, which signs it (${spanText(root.lifetime)})`,
      { expected: `at most ${spanText(root.lifetime)}`, hint: 'or beyondIssuer: clamp' },
    )
  }
  const key = entry.key ?? builtIn.key
  if (key === 'ed25519' || key === 'ecdsa-p521') {
    report.warning(
      'spec/key-algorithm',
      sources.at(entry, 'key'),
      `browsers refuse certificates signed by ${key} keys: the Web UI cannot be opened`,
      {
        hint: 'agents and the command line take it; ecdsa-p384 is taken everywhere',
      },
    )
  }
  const generations = generationsOf(resolving, name, entry, root !== undefined)
  const signers = signersOf(entry, [
    ...new Set([...generations.trusted, ...signingOnes(entry, generations.signing)]),
  ])
  if (entry.sshKey !== undefined && !Object.values(signers).includes('ssh-agent')) {
    report.warning(
      'spec/irrelevant',
      sources.keyAt(entry, 'sshKey'),
      `${name} has no key in an SSH agent`,
      { hint: 'add signer: ssh-agent, or remove it' },
    )
  }
  return {
    name,
    issuer: root?.name,
    key,
    lifetime: root === undefined ? lifetime : Math.min(lifetime, root.lifetime),
    renewBefore,
    beyondIssuer,
    rollout: entry.rollout ?? root?.rollout ?? 'now',
    subject: subjectOf(resolving, name, entry),
    named: entry.subject?.commonName !== undefined,
    ...generations,
    signers,
    nextSigner: signersOf(entry, [generations.signing + 1])[generations.signing + 1]!,
    ...(entry.sshKey === undefined ? {} : { sshKey: entry.sshKey }),
    ...(entry.engine === undefined ? {} : { engine: engineOf(entry.engine, name) }),
    fingerprints: fingerprintsOf(resolving, name, entry, generations, root !== undefined),
  }
}

/** How far back an intermediate is looked for that signs until its successor is there. */
const generationsBack = 8

/** The generation that signs; below an engine those before it too: one of them signs until the new one is set up. */
function signingOnes(entry: RawAuthority, signing: number): readonly number[] {
  if (entry.engine === undefined) return [signing]
  const first = Math.max(1, signing - generationsBack)
  return Array.from({ length: signing - first + 1 }, (_, index) => first + index)
}

function subjectOf(
  { raw, sources, report }: Resolving,
  name: string,
  entry: RawAuthority,
): SubjectAttributes {
  const { subject } = entry
  const cluster = raw.cluster ?? 'nomad'
  const written = subject?.commonName ?? defaultCommonName(cluster, name, entry)
  const at =
    subject?.commonName === undefined
      ? sources.keyAt(raw.authorities ?? raw, raw.authorities === undefined ? 'cluster' : name)
      : sources.at(subject, 'commonName')
  const template = parseTemplate(
    written,
    { cluster, authority: name, generation: generationMark, key: keyMark },
    0,
    false,
  )
  let commonName = `${cluster} ${name} CA ${generationMark}`
  if ('fault' in template) {
    report.error('spec/template', at, `commonName: ${template.fault}`, {
      expected: '{cluster}, {authority}, {generation}, {key}',
      hint: template.hint,
    })
  } else commonName = expandTemplate(template.ok, { name, numbers: [] })
  const full = longest(commonNameOf(commonName, Math.max(entry.signing ?? 1, 1)))
  // RFC 5280 §A.1 ub-common-name.
  if (lengthOf(full) > 64) {
    report.error(
      'spec/subject',
      at,
      `the common name ${JSON.stringify(full)} has ${lengthOf(full)} characters, more than 64`,
      {
        hint: 'give a shorter one: subject: { commonName: "… {generation}" }',
      },
    )
  }
  const attributes = attributesOf(subject)
  const fault = lengthOf(full) > 64 ? undefined : subjectFault({ ...attributes, commonName: full })
  if (fault !== undefined) {
    // The same rules that would refuse to certify it.
    const where = subject === undefined ? at : sources.at(entry, 'subject')
    report.error('spec/subject', where, `the subject of ${name}: ${fault}`, {
      hint: 'correct it: it stands in every certificate',
    })
  }
  if (classifyName(full).kind !== 'plain') {
    // Nomad takes common names for identities (nomad/auth/auth.go:429).
    report.error(
      'spec/subject',
      at,
      `the common name ${JSON.stringify(full)} is one that Nomad would take for an agent's`,
      { hint: 'choose one that does not end in .nomad' },
    )
  }
  const several = (entry.trusted?.length ?? 1) > 1
  if (several && !commonName.includes(generationMark) && !commonName.includes(keyMark)) {
    report.warning('spec/subject', at, `all generations of ${name} have the same name`, {
      hint: 'put {generation} or {key} into commonName: agents report names of roots, not keys',
    })
  }
  return { ...attributes, commonName }
}

/**
 * A root carries a part of its key in its name, so that agents' reports tell it from a namesake; where
 * the name would be longer than a certificate allows, and below a root, it does without.
 */
function defaultCommonName(
  cluster: string,
  name: string,
  { issuer, signing }: RawAuthority,
): string {
  const plain = '{cluster} {authority} CA {generation}'
  if (issuer !== undefined) return plain
  const full = longest(`${cluster} ${name} CA ${Math.max(signing ?? 1, 1)} ${keyMark}`)
  return lengthOf(full) > 64 ? plain : `${plain} ${keyMark}`
}

/** A common name as long as it is with the key in it. */
function longest(commonName: string): string {
  return commonName.replaceAll(keyMark, '0'.repeat(keyMarkLength))
}

function attributesOf(subject: RawAuthority['subject']): Omit<SubjectAttributes, 'commonName'> {
  if (subject === undefined) return {}
  const { organization, organizationalUnit, country, province, locality } = subject
  const { streetAddress, postalCode } = subject
  const all = {
    ...{ organization, organizationalUnit, country, province, locality },
    ...{ streetAddress, postalCode },
  }
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined))
}

/** Stays in a common name until its generation is known. */
const generationMark = '{generation}'

/**
 * The common name of a generation.
 *
 * @param commonName As `AuthoritySpec.subject` holds it.
 * @param generation From 1.
 */
export function commonNameOf(commonName: string, generation: number): string {
  return commonName.replaceAll(generationMark, String(generation))
}

/** Two authorities of one name make chains that cannot be told apart. */
function checkSubjects(
  { raw, sources, report }: Resolving,
  all: ReadonlyMap<string, AuthorityDraft>,
): void {
  const seen = new Map<string, string>()
  for (const { name, subject } of all.values()) {
    const { commonName, ...others } = subject
    const key = JSON.stringify([commonName, ...Object.entries(others).sort()])
    const other = seen.get(key)
    if (other !== undefined) {
      report.error(
        'spec/subject',
        sources.keyAt(raw.authorities ?? raw, name),
        `${other} and ${name} have the same subject`,
        { hint: 'put {authority} into commonName' },
      )
    }
    seen.set(key, name)
  }
}

/** In code points, as X.509's upper bounds count. */
function lengthOf(text: string): number {
  return Array.from(text).length
}
