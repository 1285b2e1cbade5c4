/**
 * What a certificate, a key or a request is, as plain data for `--json`. Never a secret.
 *
 * @module
 */

import { sameBytes } from '../bytes.js'
import type { PublicKey } from '../keys/algorithms.js'
import type { KeyLock } from '../keys/unlock-key.js'
import { keyIdentifierOf } from '../keys/public-key.js'
import { refusalOf, rolesOf } from '../nomad/taken-as.js'
import { fingerprintOf, type Certificate, type GeneralName } from '../x509/certificate.js'
import type { CfsslDocument } from '../x509/cfssl-json.js'
import type { RevocationList, RevokedEntry } from '../x509/crl.js'
import { formatName } from '../x509/name.js'
import { isKnownSignature, verifySignature } from '../x509/signature.js'

/** A description: plain data. */
export type Description =
  | CertificateDescription
  | KeyDescription
  | RequestDescription
  | EndpointDescription
  | CrlDescription
  | ContainerDescription
  | SettingsDescription
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
  /** Why Nomad does not take it: for what it says, its form, or what is inspected with it; absent where nothing speaks against it. */
  readonly refused?: string | undefined
}

/** A private key, of which only the public half is told. */
export interface KeyDescription {
  readonly kind: 'key'
  readonly where: string
  /** Whether a passphrase protects it; with it, {@link key} is told too. */
  readonly encrypted: boolean
  /** How it is encrypted; absent where that is not known here. */
  readonly encryption?: KeyLock | undefined
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
  /** Whether it was asked as an RPC port of Nomad, behind its first byte. */
  readonly rpc: boolean
  /** `TLSv1.3` */
  readonly protocol: string
  readonly asksForCertificate: boolean
  /** The authorities whose certificates it asks for; absent where nothing authenticates them. */
  readonly authorities?: readonly string[] | undefined
}

/** A certificate revocation list. */
export interface CrlDescription {
  readonly kind: 'crl'
  readonly where: string
  readonly issuer: string
  readonly thisUpdate: number
  readonly nextUpdate?: number | undefined
  /** How many certificates it revokes. */
  readonly revoked: number
  /** Its number, decimal: of two lists of an authority the higher one counts. */
  readonly number?: string | undefined
  /** What it revokes, in its order. */
  readonly entries: readonly RevokedEntry[]
}

/** A file around the things that follow it. */
export interface ContainerDescription {
  readonly kind: 'container'
  readonly where: string
  readonly form: 'PKCS#12' | 'output of cfssl'
  readonly certificates: number
  readonly keys: number
  /** The name that a browser shows. */
  readonly friendlyName?: string | undefined
}

/** A file that another tool reads, with neither key nor certificate in it. */
export interface SettingsDescription {
  readonly kind: 'settings'
  readonly where: string
  /** `signing configuration of cfssl` */
  readonly what: string
  /** Name and text of what it says. */
  readonly says: readonly (readonly [name: string, text: string])[]
}

/** Something that could not be read. */
export interface UnreadableDescription {
  readonly kind: 'unreadable'
  readonly where: string
  /** An error code, `ERR_CERTIFICATE_MALFORMED`. */
  readonly code: string
  readonly message: string
}

/**
 * Gives what a certificate says as a value for `inspect --json`.
 *
 * @param certificate What is described.
 * @param where Where it was found.
 * @param now Epoch milliseconds.
 * @param form Why agents do not read the form in which it stands, as {@link refusalOf} wants it.
 */
export function describeCertificate(
  certificate: Certificate,
  where: string,
  now: number,
  form?: string,
): CertificateDescription {
  const refused = refusalOf(certificate, now, form)
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
    nomad: basicConstraints?.ca === true ? [] : rolesOf(certificate),
    ...(refused !== undefined && { refused }),
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

/** Describes a revocation list. */
export function describeCrl(list: RevocationList, where: string): CrlDescription {
  const { issuer, thisUpdate, nextUpdate, revoked, number, entries } = list
  return {
    ...{ kind: 'crl', where, issuer: formatName(issuer), thisUpdate, revoked: revoked.size },
    ...(nextUpdate !== undefined && { nextUpdate }),
    ...(number !== undefined && { number: BigInt(`0x${number}`).toString() }),
    entries: entries.map(({ serial, at, reason }) => ({
      ...{ serial, at },
      ...(reason !== undefined && { reason }),
    })),
  }
}

/** Describes a file that cfssl reads. */
export function describeCfssl(
  document: Exclude<CfsslDocument, { kind: 'output' }>,
  where: string,
): SettingsDescription {
  if (document.kind === 'signing') {
    const says = [...document.profiles].map(([name, { expiry, usages }]) => {
      const text = [...(expiry === '' ? [] : [expiry]), ...usages].join(', ')
      return [name === 'default' ? 'default' : `profile ${name}`, text] as const
    })
    return { kind: 'settings', where, what: 'signing configuration of cfssl', says }
  }
  const { commonName, hosts, key } = document
  return {
    ...{ kind: 'settings', where, what: 'names for a request of cfssl' },
    says: [
      ['common name', commonName],
      ['hosts', hosts.join(', ')],
      ['key', key ?? ''],
    ],
  }
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

function subtreeText(name: GeneralName): string {
  return 'value' in name ? name.value : name.type
}
