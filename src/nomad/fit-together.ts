/**
 * What of several things belongs together: keys to certificates, certificates to their issuers, requests to keys,
 * lists to authorities; what fits nothing, and what is missing.
 *
 * @module
 */

import { sameBytes } from '../bytes.js'
import { formatInstant } from '../duration.js'
import type { PublicKey } from '../keys/algorithms.js'
import { samePublicKey } from '../keys/public-key.js'
import { sameCertificate, type Certificate } from '../x509/certificate.js'
import type { RevocationList } from '../x509/crl.js'
import { formatName } from '../x509/name.js'
import { isKnownSignature, isSignedBy, verifySignature, weakHashOf } from '../x509/signature.js'
import { maySign, verifyChain, type ChainVerdict } from '../x509/verify-chain.js'
import { orderFault } from './load-fault.js'
import { refusalOf, rolesOf } from './taken-as.js'

/** One of the things. */
export type Thing =
  | {
      readonly kind: 'certificate'
      readonly where: string
      readonly certificate: Certificate
      /** Whether a listener presents it, or the store keeps it: what is not beside it is not missing. */
      readonly inPlace?: boolean | undefined
      /** The file that it stands in, and how many certificates stand before it. */
      readonly inFile?: { readonly file: string; readonly before: number } | undefined
      /** Why agents do not read the form in which it stands, as {@link refusalOf} wants it. */
      readonly form?: string | undefined
    }
  | {
      readonly kind: 'key' | 'request'
      readonly where: string
      readonly publicKey: PublicKey
      /** The file that a key stands in. */
      readonly file?: string | undefined
    }
  /** An encrypted key that was not opened: what it belongs to is not known. */
  | { readonly kind: 'locked'; readonly where: string }
  | { readonly kind: 'crl'; readonly where: string; readonly list: RevocationList }

/** What was found, in sentences: lower case, no full stop. */
export interface Together {
  readonly fits: readonly string[]
  readonly misfits: readonly string[]
  readonly missing: readonly string[]
}

/** The same, and which certificates that makes useless. */
export interface Matched extends Together {
  /** Why agents refuse a certificate for what stands beside it, by `where`; what it says itself is {@link refusalOf}. */
  readonly refusedHere: ReadonlyMap<string, string>
}

type Held = Extract<Thing, { kind: 'certificate' }>
type Keyed = Extract<Thing, { kind: 'key' | 'request' }>

/**
 * Matches things to each other.
 *
 * @param things In the order in which they were named.
 * @param now Epoch milliseconds, for whether a chain holds.
 * @returns Sentences; all three lists are empty for a single thing.
 */
export function fitTogether(things: readonly Thing[], now: number): Matched {
  const fits: string[] = []
  const misfits: string[] = []
  const missing: string[] = []
  const refusedHere = new Map<string, string>()
  if (things.length < 2) return { fits, misfits, missing, refusedHere }
  const all = things.filter((thing): thing is Held => thing.kind === 'certificate')
  const keys = things.filter((thing): thing is Keyed => thing.kind === 'key')
  const locked = things.filter(({ kind }) => kind === 'locked')
  const behind = misplaced(all, keys)
  misfits.push(...behind.values())
  for (const [{ where }, fault] of behind) refusedHere.set(where, fault)
  // The same certificate in front of a different file is as it must be.
  const certificates = distinct(all, fits).map((one) =>
    behind.has(one) ? (all.find((other) => isSame(one, other) && !behind.has(other)) ?? one) : one,
  )
  const refused = new Map<Held, string>()
  for (const one of certificates) {
    const fault = refusalOf(one.certificate, now, one.form)
    if (fault === undefined) continue
    refused.set(one, fault)
    misfits.push(`agents refuse ${one.where}: ${fault}`)
  }
  for (const { where, publicKey, file } of keys) {
    const held = certificates.filter(({ certificate }) =>
      samePublicKey(certificate.publicKey, publicKey),
    )
    const owners = held.filter((one) => !behind.has(one))
    const asked = things.some(
      (thing) => thing.kind === 'request' && samePublicKey(thing.publicKey, publicKey),
    )
    if (owners.length > 0) fits.push(`${where} is the key of ${listed(owners)}`)
    else if (held.length === 0 && !asked) misfits.push(`${where} is the key of nothing here`)
    const beside = owners.find(({ inFile }) => file !== undefined && inFile?.file === file)
    if (beside !== undefined) {
      fits.push(`${file} holds a certificate and its key: cert_file and key_file can both name it`)
    }
  }
  for (const thing of things) {
    if (thing.kind === 'request') requestFits(thing, keys, certificates, fits, misfits)
    if (thing.kind === 'crl') listFits(thing, certificates, fits, misfits, missing)
  }
  for (const one of certificates) {
    const why = issuerFits(one, certificates, fits, misfits, missing)
    if (why !== undefined && !refusedHere.has(one.where)) refusedHere.set(one.where, why)
  }
  for (const one of certificates.filter(isLeaf)) {
    if (!refused.has(one) && !behind.has(one)) {
      const why = chainHolds(one, certificates, refused, now, fits, misfits)
      if (why !== undefined) refusedHere.set(one.where, why)
    }
    if (isHeld(one, keys) || one.inPlace === true) continue
    missing.push(
      locked.length === 0
        ? `the private key of ${one.where}`
        : `the passphrase of ${listed(locked)}: only with it can be told whether it is the key of ${one.where}`,
    )
  }
  for (const copy of all) {
    const told = certificates.find((one) => isSame(one, copy) && !behind.has(one))
    const why = told && refusedHere.get(told.where)
    if (why !== undefined && !behind.has(copy)) refusedHere.set(copy.where, why)
  }
  return { fits, misfits, missing: [...new Set(missing)], refusedHere }
}

/**
 * The leaves that do not stand first in their file: agents load its first certificate with the key. A file
 * with several leaves and their keys is a collection, and not what an agent loads.
 */
function misplaced(all: readonly Held[], keys: readonly Keyed[]): ReadonlyMap<Held, string> {
  const found = new Map<Held, string>()
  for (const one of all) {
    if (one.inFile === undefined || one.inFile.before === 0 || !isLeaf(one)) continue
    const { file } = one.inFile
    const beside = all.filter(({ inFile }) => inFile?.file === file)
    const first = beside.find(({ inFile }) => inFile?.before === 0)
    if (first === undefined) continue
    if (isLeaf(first) && (isHeld(first, keys) || !isHeld(one, keys))) continue
    const places = beside.map(({ inFile }) => inFile!.before)
    const inOrder = Array.from(
      { length: Math.max(...places) + 1 },
      (_, at) => beside[places.indexOf(at)]?.certificate ?? 'it cannot be read',
    )
    const fault = orderFault(file, inOrder, one.certificate.publicKey)
    if (fault !== undefined) found.set(one, `${fault}: put the leaf first`)
  }
  return found
}

function isHeld({ certificate }: Held, keys: readonly Keyed[]): boolean {
  return keys.some(({ publicKey }) => samePublicKey(publicKey, certificate.publicKey))
}

function isSame(one: Held, other: Held): boolean {
  return sameCertificate(one.certificate, other.certificate)
}

/** Each certificate once; where it is again is told. */
function distinct(all: readonly Held[], fits: string[]): readonly Held[] {
  const found: Held[] = []
  for (const one of all) {
    const same = found.find((other) => isSame(one, other))
    if (same === undefined) found.push(one)
    else fits.push(`${one.where} is the same certificate as ${same.where}`)
  }
  return found
}

function requestFits(
  { where, publicKey }: Keyed,
  keys: readonly Keyed[],
  certificates: readonly Held[],
  fits: string[],
  misfits: string[],
): void {
  const own = keys.filter((key) => samePublicKey(key.publicKey, publicKey))
  const made = certificates.filter(({ certificate }) =>
    samePublicKey(certificate.publicKey, publicKey),
  )
  if (own.length > 0) fits.push(`${where} is signed by the key ${listed(own)}`)
  if (made.length > 0) fits.push(`${where} asks for the key that is in ${listed(made)}`)
  if (own.length + made.length === 0) misfits.push(`${where} is for a key that is not here`)
}

function listFits(
  { where, list }: Extract<Thing, { kind: 'crl' }>,
  certificates: readonly Held[],
  fits: string[],
  misfits: string[],
  missing: string[],
): void {
  const named = certificates.filter(({ certificate }) =>
    sameBytes(certificate.subject.der, list.issuer.der),
  )
  const signer = named.find(({ certificate }) => isSignedBy(list, certificate.publicKey))
  if (signer !== undefined) fits.push(`${where} is a list of ${signer.where}`)
  else if (named.length > 0) misfits.push(`${where} is not signed by the key of ${listed(named)}`)
  else missing.push(`the authority of ${where}: ${formatName(list.issuer)}`)
  for (const { where: revoked, certificate } of certificates) {
    if (!list.revoked.has(certificate.serial)) continue
    if (!sameBytes(certificate.issuer.der, list.issuer.der)) continue
    misfits.push(
      `${where} revokes ${revoked}; Nomad does not read revocation lists, and still accepts it`,
    )
  }
}

/** Who signed a certificate; gives why agents refuse it for its signer. */
function issuerFits(
  one: Held,
  certificates: readonly Held[],
  fits: string[],
  misfits: string[],
  missing: string[],
): string | undefined {
  const { where, certificate, inPlace } = one
  const named = certificates.filter((other) =>
    sameBytes(other.certificate.subject.der, certificate.issuer.der),
  )
  if (named.length > 0 && !isKnownSignature(certificate.signatureAlgorithm)) {
    // A root's own signature counts for nothing. Of others nobody can say here which key made it.
    // Of a leaf it is told as its own fault.
    if (isLeaf(one) || named.some((other) => other.certificate === certificate)) return undefined
    const algorithm = weakHashOf(certificate.signatureAlgorithm) ?? certificate.signatureAlgorithm
    misfits.push(
      `${where} names the authority ${listed(named)}, and is signed with an algorithm that agents don't take (${algorithm})`,
    )
    return undefined
  }
  const signers = named.filter((other) => verifySignature(certificate, other.certificate))
  const others = signers.filter((other) => other.certificate !== certificate)
  // A root signs itself, and needs nobody.
  if (others.length === 0 && signers.length > 0) return undefined
  const authorities = others.filter((other) => maySign(other.certificate))
  if (authorities.length > 0) fits.push(`${where} is signed by ${listed(authorities)}`)
  else if (others.length > 0) {
    const why = `signed by ${listed(others)}, which is not an authority (no CA:TRUE)`
    misfits.push(`${where} is ${why}: agents refuse it`)
    return `it is ${why}`
  } else if (named.length > 0) {
    misfits.push(
      `${where} names the authority ${listed(named)}, and a different key signed it: the names are the same, the authorities are not`,
    )
  } else if (inPlace !== true)
    missing.push(`the authority that signed ${where}: ${formatName(certificate.issuer)}`)
  return undefined
}

/** Whether a peer that trusts the authorities here takes a leaf against which nothing in it speaks; gives why not. */
function chainHolds(
  { where, certificate }: Held,
  certificates: readonly Held[],
  refused: ReadonlyMap<Held, string>,
  now: number,
  fits: string[],
  misfits: string[],
): string | undefined {
  const authorities = certificates.filter((one) => !isLeaf(one))
  const selfIssued = authorities.filter(({ certificate: { subject, issuer } }) =>
    sameBytes(subject.der, issuer.der),
  )
  // Where no root is here: agents take each certificate of ca_file as an anchor, whatever it is.
  const roots = selfIssued.length > 0 ? selfIssued : authorities
  if (roots.length === 0) return undefined
  const roles = rolesOf(certificate)
  const agent = roles.some((role) => !role.startsWith('operator'))
  let until = certificate.notAfter
  for (const purpose of agent
    ? (['serverAuth', 'clientAuth'] as const)
    : (['clientAuth'] as const)) {
    const under = (pool: (all: readonly Held[]) => readonly Held[]): ChainVerdict => {
      const [through, trusted] = [pool(authorities), pool(roots)].map((all) =>
        all.map((one) => one.certificate),
      )
      return verifyChain(certificate, through!, trusted!, { now, purpose })
    }
    const verdict = under((all) => all.filter((one) => !refused.has(one)))
    if (!verdict.ok) {
      const whole = verdict.code === 'unknown-authority' ? under((all) => all) : verdict
      const why = whole.ok
        ? `they do not take ${listed(authorities.filter((one) => refused.has(one) && whole.path.includes(one.certificate)))}`
        : whole.message
      // Its signer is not here, or is another: that is told already.
      if (!whole.ok && whole.code === 'unknown-authority') return undefined
      misfits.push(`agents that trust these authorities refuse ${where}: ${why}`)
      return `agents that trust the authorities here refuse it: ${why}`
    }
    until = Math.min(until, ...verdict.path.map(({ notAfter }) => notAfter))
  }
  const as = roles.length === 0 ? '' : ` as ${roles.join(' and ')}`
  fits.push(
    `agents that trust these authorities take ${where}${as} until ${formatInstant(until)}, when a certificate of the chain ends`,
  )
  return undefined
}

function isLeaf({ certificate }: Held): boolean {
  return certificate.basicConstraints?.ca !== true
}

function listed(things: readonly { readonly where: string }[]): string {
  return things.map(({ where }) => where).join(' and ')
}
