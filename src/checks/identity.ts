/**
 * Checks of one generation of an identity against what is wanted: each answers with a reason, or nothing. Plan and
 * verify ask the same ones; only of the end of its life they ask *should we act?* and *is it good?*
 *
 * @module
 */

import { count } from '../count.js'
import { isIP } from 'node:net'
import { sameBytes } from '../bytes.js'
import { formatDuration } from '../duration.js'
import type { FoundGeneration, FoundIdentity } from '../inventory/inventory.js'
import { commonNames } from '../x509/name.js'
import { algorithmOf } from '../keys/algorithms.js'
import { lint } from '../lint/lint.js'
import { leafNames } from '../nomad/leaf-names.js'
import { handshakeKeyFault } from '../nomad/load-fault.js'
import { nameFault } from '../nomad/names.js'
import { isAgent, profileOf, wantedCommonName } from '../nomad/roles.js'
import type { DesiredIdentity, IdentityProfile } from '../cluster/desired.js'
import { fingerprintOf, sameCertificate, type Certificate } from '../x509/certificate.js'
import type { CheckContext } from './context.js'
import { keepsSigner } from './deferral.js'
import { isIssuedBy } from './issued-by.js'
import { reasons, type ReasonGiven } from './reasons.js'

/** What a check is given: the leaf is there, everything else is up to it. */
export interface Subject {
  readonly wanted: DesiredIdentity
  readonly found: FoundIdentity
  readonly generation: FoundGeneration
  readonly leaf: Certificate
}

/** Compares one thing of an identity: the reason to act, or `undefined`. */
export type IdentityCheck = (subject: Subject, context: CheckContext) => ReasonGiven | undefined

/** What plan and verify both ask, gravest first. */
const identityChecks: readonly IdentityCheck[] = [
  ({ leaf }, { revoked }) => revoked(leaf),
  keyThere,
  keyBelongs,
  keyOwn,
  keyAlgorithm,
  roleNamed,
  namesAgree,
  issuerCurrent,
  chainWhole,
  trustCurrent,
  withinIssuer,
]

/** What only the plan asks: is it time to renew, and where is the key to be? */
export const actChecks: readonly IdentityCheck[] = [...identityChecks, keyPlace, renewalDue, begun]

/** Only verify asks: is it valid now? */
export const goodChecks: readonly IdentityCheck[] = [...identityChecks, validNow]

/** Runs checks and gathers what they say. */
export function runChecks(
  checks: readonly IdentityCheck[],
  subject: Subject,
  context: CheckContext,
): ReasonGiven[] {
  return checks.flatMap((check) => check(subject, context) ?? [])
}

function keyThere({ generation: { key } }: Subject): ReasonGiven | undefined {
  switch (key.state) {
    case 'present':
    case 'node':
      return undefined
    case 'elsewhere':
      return { reason: 'key-elsewhere', message: reasons['key-elsewhere'] }
    case 'absent':
      return { reason: 'incomplete', message: 'key.pem is missing' }
    case 'encrypted':
      return { reason: 'key-unusable', message: 'key.pem is encrypted: agents cannot read it' }
    case 'malformed':
      return { reason: 'incomplete', message: `key.pem cannot be parsed: ${key.message}` }
  }
}

/** What is in use is not wrong: the key is to move to the node. */
function keyPlace({ wanted, generation: { key } }: Subject): ReasonGiven | undefined {
  const moves = wanted.profile.keyHeld === 'node' && key.state === 'present'
  return moves ? { reason: 'key-held', message: reasons['key-held'] } : undefined
}

function keyBelongs({ generation: { key }, leaf }: Subject): ReasonGiven | undefined {
  if (key.state !== 'present') return undefined
  if (sameBytes(key.publicKey.spki, leaf.publicKey.spki)) return undefined
  return { reason: 'key-mismatch', message: 'key.pem does not belong to the certificate' }
}

function keyOwn({ wanted }: Subject, context: CheckContext): ReasonGiven | undefined {
  const [other, ...more] = context.sharedKeys.get(wanted.address) ?? []
  if (other === undefined) return undefined
  const others = more.length === 0 ? other : `${other} and ${more.length} more`
  return {
    reason: 'key-shared',
    message: `its key is also that of ${others}: one stolen file is all of them`,
  }
}

function keyAlgorithm(
  { wanted: { profile }, leaf }: Subject,
  context: CheckContext,
): ReasonGiven | undefined {
  const { algorithm, name } = leaf.publicKey
  if (algorithm === profile.key) return undefined
  const unusable = handshakeKeyFault(leaf.publicKey, profileOf(profile.role).agent)
  if (unusable !== undefined) {
    return { reason: 'key-unusable', message: `agents refuse a key of type ${name}: ${unusable}` }
  }
  // The spec has no word for it, so it cannot ask for it: RSA of 2560 bits, for instance.
  const sayable = algorithm !== undefined && algorithmOf(algorithm).agentsTake
  if (!sayable && isAdopted(leaf, context)) return undefined
  return { reason: 'key-algorithm', message: `the key is ${name}, the spec says ${profile.key}` }
}

/** Whether another tool made it: then Nomad's rules count, and the form of our own certificates does not. */
function isAdopted(leaf: Certificate, { adopted }: CheckContext): boolean {
  return adopted.size > 0 && adopted.has(fingerprintOf(leaf))
}

function roleNamed(
  { wanted: { profile }, leaf }: Subject,
  context: CheckContext,
): ReasonGiven | undefined {
  const { role, region } = profile
  if (isAdopted(leaf, context)) {
    const refused = lint(leaf, { profile: role, region, strictness: 'foreign' }).find(
      ({ rule, severity }) => severity === 'error' && rule.startsWith('nomad/'),
    )
    return refused && { reason: 'role-differs', message: refused.message }
  }
  const entry = profileOf(role)
  // Nomad reads the last CN of the subject (crypto/x509/pkix FillFromRDNSequence keeps the last one).
  const names = commonNames(leaf.subject)
  const wantedName = wantedCommonName(role, region, names)
  if (wantedName !== undefined) {
    const seen = names.length === 0 ? 'no common name' : `common name ${names.join(' and ')}`
    return { reason: 'role-differs', message: `it has ${seen} instead of ${wantedName}` }
  }
  const usages = leaf.extendedKeyUsage ?? []
  if (!sameSet(usages, entry.extendedKeyUsage)) {
    return {
      reason: 'role-differs',
      message: `its extended key usage is ${usages.join(', ') || 'absent'} instead of ${entry.extendedKeyUsage.join(', ')}`,
    }
  }
  return undefined
}

function namesAgree({ wanted, leaf }: Subject, context: CheckContext): ReasonGiven | undefined {
  if (isAdopted(leaf, context)) return ownNamesAgree(wanted, leaf)
  const { role, region } = wanted.profile
  const names = leafNames({
    role,
    region,
    names: wanted.names,
    ips: wanted.ips,
    uris: wanted.uris,
  })
  const has = leaf.subjectAltName ?? []
  let extra: string | undefined
  for (const name of has) {
    const list =
      name.type === 'dns'
        ? names.dns
        : name.type === 'ip'
          ? names.ips
          : name.type === 'uri'
            ? names.uris
            : undefined
    const value = 'value' in name ? name.value : `a ${name.type} name`
    if (list === undefined || !list.includes(value)) extra ??= value
  }
  if (
    extra === undefined &&
    has.length === names.dns.length + names.ips.length + names.uris.length
  ) {
    return undefined
  }
  const values = new Set(has.map((name) => ('value' in name ? name.value : '')))
  const missing = [...names.dns, ...names.ips, ...names.uris].filter((name) => !values.has(name))
  const parts = [
    missing.length > 0 ? `lacks ${missing.join(', ')}` : undefined,
    extra !== undefined ? `names ${extra}, which the spec does not` : undefined,
  ].filter((part) => part !== undefined)
  return { reason: 'names-differ', message: `it ${parts.join(' and ') || 'repeats a name'}` }
}

/**
 * The names of an adopted leaf: it has what the spec names, and of what the spec could name nothing
 * else. What every leaf of ours also has (`localhost`, `::1`, an operator's URI) its renewal brings.
 */
function ownNamesAgree(wanted: DesiredIdentity, leaf: Certificate): ReasonGiven | undefined {
  const { role, region } = wanted.profile
  if (!isAgent(role)) return undefined
  const base = leafNames({ role, region })
  const has = new Set<string>()
  for (const name of leaf.subjectAltName ?? []) {
    if (name.type === 'dns') has.add(name.value.toLowerCase())
    else if (name.type === 'ip') has.add(name.value)
  }
  const missing = [...wanted.names, ...wanted.ips].filter((name) => !has.has(name))
  if (missing.length > 0) {
    return { reason: 'names-differ', message: `it lacks ${missing.join(', ')}` }
  }
  const extra = [...has].find(
    (name) =>
      ![...base.dns, ...base.ips, ...wanted.names, ...wanted.ips].includes(name) &&
      (isIP(name) !== 0 || nameFault(name, role, region) === undefined),
  )
  if (extra === undefined) return undefined
  return { reason: 'names-differ', message: `it names ${extra}, which the spec does not` }
}

function issuerCurrent(
  { wanted, generation, leaf }: Subject,
  context: CheckContext,
): ReasonGiven | undefined {
  const { issuer } = wanted.profile
  if (keepsSigner(generation, wanted.profile.issuer.address, context)) return undefined
  const signing = context.authorities.get(issuer.address)
  if (signing === undefined) {
    return {
      reason: 'issuer-changed',
      message: `${issuer.address} must sign, and does not exist yet`,
    }
  }
  if (isIssuedBy(leaf, signing.certificate)) return undefined
  return { reason: 'issuer-changed', message: `it was not signed by ${issuer.address}` }
}

function chainWhole(
  { wanted, generation, leaf }: Subject,
  context: CheckContext,
): ReasonGiven | undefined {
  const signing = context.authorities.get(wanted.profile.issuer.address)
  if (keepsSigner(generation, wanted.profile.issuer.address, context)) return undefined
  // Without its issuer no chain can be compared; `issuerCurrent` has said so.
  if (signing === undefined || !isIssuedBy(leaf, signing.certificate)) return undefined
  const above = generation.chain.slice(1)
  const expected = signing.chain
  if (
    above.length === expected.length &&
    above.every((certificate, at) => sameCertificate(certificate, expected[at]!))
  ) {
    return undefined
  }
  const cross = expected.find((one) => !above.some((other) => sameCertificate(one, other)))
  if (cross !== undefined && signing.crosses.includes(cross)) {
    return { reason: 'chain-broken', message: 'cert.pem lacks a cross-certificate of its root' }
  }
  if (above.length < expected.length) {
    return {
      reason: 'chain-broken',
      message: `cert.pem holds ${above.length} of its ${count(expected.length, 'intermediate')}`,
    }
  }
  const surplus = above.slice(expected.length)
  // They leave with later renewals: a certificate too many is not worth a reload.
  const left = (one: Certificate): boolean =>
    signing.retired.some((other) => sameCertificate(one, other))
  if (
    surplus.every(left) &&
    expected.every((certificate, at) => sameCertificate(certificate, above[at]!))
  ) {
    return undefined
  }
  const missing = expected.filter((one) => !above.some((other) => sameCertificate(one, other)))
  if (missing.length === 0) {
    return {
      reason: 'chain-broken',
      message:
        above.length === expected.length
          ? 'the intermediates in cert.pem stand in wrong order: each certifies the one before it'
          : `cert.pem holds ${count(above.length - expected.length, 'certificate')} too many`,
    }
  }
  return {
    reason: 'chain-broken',
    message: 'the intermediates in cert.pem are not those of its issuer',
  }
}

function trustCurrent(
  { wanted, generation }: Subject,
  context: CheckContext,
): ReasonGiven | undefined {
  const bundle = context.bundles.get(wanted.profile.bundle)
  if (bundle !== undefined && generation.bundle === bundle) return undefined
  if (generation.bundle === '')
    return { reason: 'incomplete', message: 'ca.pem is missing or empty' }
  if (context.deferrals.get(wanted.profile.issuer.address)?.trustStays(generation) === true) {
    return undefined
  }
  return { reason: 'trust-changed', message: `ca.pem is not ${wanted.profile.bundle}` }
}

function withinIssuer({ wanted, leaf }: Subject, context: CheckContext): ReasonGiven | undefined {
  const signing = context.authorities.get(wanted.profile.issuer.address)
  if (signing === undefined || leaf.notAfter <= signing.notAfter) return undefined
  if (!isIssuedBy(leaf, signing.certificate) || isAdopted(leaf, context)) return undefined
  return {
    reason: 'beyond-issuer',
    message: `it ends ${formatDuration(leaf.notAfter - signing.notAfter)} after its issuer does`,
  }
}

function renewalDue({ wanted, leaf }: Subject, context: CheckContext): ReasonGiven | undefined {
  const left = leaf.notAfter - context.now
  if (left <= 0) {
    return { reason: 'expired', message: `it expired ${formatDuration(-left)} ago` }
  }
  const due = renewBeforeOf(wanted, leaf)
  if (left >= due) return undefined
  const signing = context.authorities.get(wanted.profile.issuer.address)
  if (endsWithIssuer(leaf, signing?.notAfter)) return undefined
  // What rode along is said where it gets off.
  const rode =
    context.deferrals.has(wanted.profile.issuer.address) &&
    (signing === undefined || !isIssuedBy(leaf, signing.certificate))
      ? `; ${wanted.profile.issuer.address} will sign the next`
      : ''
  return {
    reason: 'nearing-expiry',
    message: `${formatDuration(left)} left, renewed when less than ${formatDuration(due)} is${rode}`,
  }
}

/**
 * Whether a leaf ends when its issuer does: it can't be renewed into a longer life, the authority is
 * what ages.
 *
 * @param leaf The certificate.
 * @param issuerEnd The earliest end above it, epoch milliseconds; `undefined` if it is not known.
 */
export function endsWithIssuer(leaf: Certificate, issuerEnd: number | undefined): boolean {
  return issuerEnd !== undefined && leaf.notAfter >= Math.floor(issuerEnd / 1000) * 1000
}

/** A certificate that lives longer belongs to a tool, which does not ask for it each morning. */
const longestOnDemand = 7 * 86_400_000

/**
 * Whether a certificate is made on demand, so that an expired one is not due: a person's with a life of at
 * most a week.
 */
export function isOnDemand({ role, lifetime }: IdentityProfile): boolean {
  return profileOf(role).onDemand && lifetime <= longestOnDemand
}

/**
 * How long before its end a leaf is due, milliseconds: the spec's `renewBefore`, and a third of its
 * own life where that is not longer (a clamped leaf would be due from its first day).
 *
 * @param wanted The identity.
 * @param leaf The certificate that it has.
 */
export function renewBeforeOf(wanted: DesiredIdentity, leaf: Certificate): number {
  const life = leaf.notAfter - leaf.notBefore
  return wanted.profile.renewBefore < life ? wanted.profile.renewBefore : life / 3
}

function validNow({ leaf }: Subject, context: CheckContext): ReasonGiven | undefined {
  if (leaf.notAfter < context.now) {
    return {
      reason: 'expired',
      message: `it expired ${formatDuration(context.now - leaf.notAfter)} ago`,
    }
  }
  if (leaf.notBefore > context.now) {
    return {
      reason: 'not-yet-valid',
      message: `it begins in ${formatDuration(leaf.notBefore - context.now)}; is the clock right?`,
    }
  }
  return undefined
}

/** A clock that was ahead made it: what is made now is valid now, where its issuer is. */
function begun({ wanted, leaf }: Subject, context: CheckContext): ReasonGiven | undefined {
  if (leaf.notBefore <= context.now) return undefined
  const signing = context.authorities.get(wanted.profile.issuer.address)
  if (signing !== undefined && signing.notBefore > context.now) return undefined
  return {
    reason: 'not-yet-valid',
    message: `it begins in ${formatDuration(leaf.notBefore - context.now)}`,
  }
}

function sameSet(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((item) => b.includes(item))
}
