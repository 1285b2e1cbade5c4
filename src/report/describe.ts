/**
 * What a certificate, a key or a request is, as plain data for `--json` and as text. Never a secret.
 *
 * @module
 */

import { sameBytes } from '../bytes.js'
import type { PublicKey } from '../keys/algorithms.js'
import { keyIdentifierOf } from '../keys/public-key.js'
import { classifyName } from '../nomad/names.js'
import { fingerprintOf, type Certificate, type GeneralName } from '../x509/certificate.js'
import { commonNames, formatName } from '../x509/name.js'
import { isKnownSignature, verifySignature } from '../x509/signature.js'
import { printable, type Style } from './style.js'
import { table } from './table.js'
import { formatMinute, formatRelative } from './time.js'

/** A description: plain data. */
export type Description =
  | CertificateDescription
  | KeyDescription
  | RequestDescription
  | EndpointDescription
  | UnreadableDescription

/** A certificate. */
export interface CertificateDescription {
  readonly kind: 'certificate'
  /** Where it was found: a file, an address, its place in a chain. */
  readonly where: string
  readonly subject: string
  readonly issuer: string
  readonly selfIssued: boolean
  readonly authority: boolean
  readonly pathLength?: number | undefined
  readonly serial: string
  readonly notBefore: number
  readonly notAfter: number
  readonly key: string
  readonly keyIdentifier: string
  readonly fingerprint: string
  readonly names: readonly string[]
  readonly ips: readonly string[]
  readonly uris: readonly string[]
  readonly emails: readonly string[]
  readonly keyUsage: readonly string[]
  readonly extendedKeyUsage: readonly string[]
  readonly permitted: readonly string[]
  readonly excluded: readonly string[]
  readonly subjectKeyIdentifier?: string | undefined
  readonly authorityKeyIdentifier?: string | undefined
  /** What Nomad takes it for: `server of global`. Empty: for nothing. */
  readonly nomad: readonly string[]
}

/** A private key, of which only the public half is told. */
export interface KeyDescription {
  readonly kind: 'key'
  readonly where: string
  readonly encrypted: boolean
  readonly key?: string | undefined
  readonly keyIdentifier?: string | undefined
  /** Fingerprints of the certificates described beside it that hold its public half. */
  readonly belongsTo: readonly string[]
}

/** A request (CSR). */
export interface RequestDescription {
  readonly kind: 'request'
  readonly where: string
  readonly subject: string
  readonly key: string
  readonly keyIdentifier: string
  readonly names: readonly string[]
  readonly ips: readonly string[]
  readonly uris: readonly string[]
  readonly emails: readonly string[]
}

/** What a listener says of itself in a handshake, besides its certificates. */
export interface EndpointDescription {
  readonly kind: 'endpoint'
  readonly where: string
  /** `TLSv1.3` */
  readonly protocol: string
  readonly asksForCertificate: boolean
  /** The authorities whose certificates it asks for; absent where nothing authenticates them. */
  readonly authorities?: readonly string[] | undefined
}

/** Something that could not be read. */
export interface UnreadableDescription {
  readonly kind: 'unreadable'
  readonly where: string
  /** An error code, `ERR_CERTIFICATE_MALFORMED`. */
  readonly code: string
  readonly message: string
}

/** Describes a certificate. */
export function describeCertificate(
  certificate: Certificate,
  where: string,
): CertificateDescription {
  const sans = certificate.subjectAltName ?? []
  const { basicConstraints, nameConstraints } = certificate
  return {
    kind: 'certificate',
    where,
    subject: formatName(certificate.subject),
    issuer: formatName(certificate.issuer),
    selfIssued: isSelfSigned(certificate),
    authority: basicConstraints?.ca === true,
    pathLength: basicConstraints?.pathLength,
    serial: serialText(certificate),
    notBefore: certificate.notBefore,
    notAfter: certificate.notAfter,
    ...describeKey(certificate.publicKey),
    fingerprint: fingerprintOf(certificate),
    ...describeNames(sans),
    keyUsage: certificate.keyUsage ?? [],
    extendedKeyUsage: certificate.extendedKeyUsage ?? [],
    permitted: (nameConstraints?.permitted ?? []).map(subtreeText),
    excluded: (nameConstraints?.excluded ?? []).map(subtreeText),
    subjectKeyIdentifier: certificate.subjectKeyIdentifier,
    authorityKeyIdentifier: certificate.authorityKeyIdentifier,
    nomad: basicConstraints?.ca === true ? [] : nomadRoles(certificate),
  }
}

/** By its signature; where agents know no such signature, by its name. */
function isSelfSigned(certificate: Certificate): boolean {
  if (!sameBytes(certificate.subject.der, certificate.issuer.der)) return false
  return (
    !isKnownSignature(certificate.signatureAlgorithm) || verifySignature(certificate, certificate)
  )
}

/** A negative number is written in two's complement. */
function serialText({ serial, serialNegative }: Certificate): string {
  if (!serialNegative) return serial
  const magnitude = (1n << BigInt(serial.length * 4)) - BigInt(`0x${serial}`)
  const digits = magnitude.toString(16)
  return `-${digits.length % 2 === 0 ? digits : `0${digits}`}`
}

/** Name and identifier of a public key. */
export function describeKey(key: PublicKey): {
  readonly key: string
  readonly keyIdentifier: string
} {
  return { key: key.name, keyIdentifier: keyIdentifierOf(key) }
}

/** Subject alternative names by their types. */
export function describeNames(sans: readonly GeneralName[]): {
  readonly names: readonly string[]
  readonly ips: readonly string[]
  readonly uris: readonly string[]
  readonly emails: readonly string[]
} {
  const of = (type: string): readonly string[] =>
    sans.flatMap((san) => (san.type === type && 'value' in san ? [san.value] : []))
  return { names: of('dns'), ips: of('ip'), uris: of('uri'), emails: of('email') }
}

/** One description as text. */
export function descriptionText(thing: Description, style: Style, now: number): string {
  const rows = rowsOf(thing, style, now)
    .filter(([, value]) => value !== '')
    .map(([name, value]) => [style.faint(name), value])
  return `${style.strong(printable(titleOf(thing)))}\n${table(rows, { indent: 2 })}`
}

function titleOf(thing: Description): string {
  if (thing.kind === 'key') return `private key: ${thing.where}`
  if (thing.kind === 'request') return `request: ${thing.where}`
  if (thing.kind === 'endpoint') return `listener: ${thing.where}`
  if (thing.kind === 'unreadable') return `cannot be read: ${thing.where}`
  const what = thing.authority
    ? thing.selfIssued
      ? 'root'
      : 'authority'
    : thing.nomad.length > 0
      ? thing.nomad.join(', ')
      : 'certificate'
  return `${what}: ${thing.where}`
}

function rowsOf(
  thing: Description,
  style: Style,
  now: number,
): readonly (readonly [string, string])[] {
  const list = (values: readonly string[]): string => values.map(printable).join(', ')
  if (thing.kind === 'key') {
    return [
      [
        'key',
        thing.encrypted
          ? 'encrypted'
          : printable(thing.key ?? 'of a kind or form that agents do not load'),
      ],
      ['key identifier', thing.keyIdentifier ?? ''],
      ['belongs to', list(thing.belongsTo)],
    ]
  }
  if (thing.kind === 'unreadable') return [['because', printable(thing.message)]]
  if (thing.kind === 'endpoint') {
    const asked = thing.authorities === undefined ? 'not known' : list(thing.authorities) || 'any'
    return [
      ['protocol', thing.protocol],
      ['asks for certificates of', thing.asksForCertificate ? asked : 'nobody: it asks for none'],
    ]
  }
  const names: readonly (readonly [string, string])[] = [
    ['names', list(thing.names)],
    ['addresses', list(thing.ips)],
    ['uris', list(thing.uris)],
    ['emails', list(thing.emails)],
  ]
  if (thing.kind === 'request') {
    return [
      ['subject', printable(thing.subject)],
      ...names,
      ['key', printable(thing.key)],
      ['key identifier', thing.keyIdentifier],
    ]
  }
  const life = (instant: number): string =>
    `${formatMinute(instant)}  ${style.faint(formatRelative(instant, now))}`
  const over = thing.notAfter < now
  const early = thing.notBefore > now
  return [
    ['subject', printable(thing.subject)],
    [
      'issuer',
      thing.selfIssued
        ? 'itself'
        : `${printable(thing.issuer)}${thing.issuer === thing.subject ? ' (the same name, by another key)' : ''}`,
    ],
    ['valid from', (early ? style.bad : (text: string) => text)(life(thing.notBefore))],
    ['valid until', (over ? style.bad : (text: string) => text)(life(thing.notAfter))],
    ...names,
    ['permitted', list(thing.permitted)],
    ['excluded', list(thing.excluded)],
    ['usage', list([...thing.keyUsage, ...thing.extendedKeyUsage])],
    ['path length', thing.pathLength === undefined ? '' : String(thing.pathLength)],
    ['key', printable(thing.key)],
    ['key identifier', thing.keyIdentifier],
    ['serial', thing.serial],
    ['sha-256', thing.fingerprint],
  ]
}

/**
 * Nomad reads SANs and the last common name alike, letter by letter (nomad/server.go:640,
 * nomad/auth/auth.go:429); without a purpose that agents ask for, no peer looks at the names.
 */
function nomadRoles(certificate: Certificate): readonly string[] {
  const { extendedKeyUsage: usages } = certificate
  if (usages?.some((one) => purposes.has(one)) === false) return []
  const common = commonNames(certificate.subject).at(-1)
  const { names } = describeNames(certificate.subjectAltName ?? [])
  const roles = [...names, ...(common === undefined ? [] : [common])].flatMap((name) => {
    const found = classifyName(name)
    // Wildcards cover names in the SAN alone.
    if (found.kind === 'wildcard') return names.includes(name) ? [`wildcard ${name}`] : []
    if (found.kind !== 'role' || !found.exact) return []
    return [`${found.label === 'cli' ? 'operator' : found.label} of ${found.region}`]
  })
  return [...new Set(roles)]
}

const purposes: ReadonlySet<string> = new Set(['serverAuth', 'clientAuth', 'any'])

function subtreeText(name: GeneralName): string {
  return 'value' in name ? name.value : name.type
}
