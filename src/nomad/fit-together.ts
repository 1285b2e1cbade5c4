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
import { isSignedBy, verifySignature } from '../x509/signature.js'
import { verifyChain } from '../x509/verify-chain.js'
import { rolesOf } from './taken-as.js'

/** One of the things. */
export type Thing =
  | {
      readonly kind: 'certificate'
      readonly where: string
      readonly certificate: Certificate
      /** Whether a listener presents it, or the store keeps it: what is not beside it is not missing. */
      readonly inPlace?: boolean | undefined
    }
  | { readonly kind: 'key' | 'request'; readonly where: string; readonly publicKey: PublicKey }
  | { readonly kind: 'crl'; readonly where: string; readonly list: RevocationList }

/** What was found, in sentences: lower case, no full stop. */
export interface Together {
  readonly fits: readonly string[]
  readonly misfits: readonly string[]
  readonly missing: readonly string[]
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
export function fitTogether(things: readonly Thing[], now: number): Together {
  const fits: string[] = []
  const misfits: string[] = []
  const missing: string[] = []
  if (things.length < 2) return { fits, misfits, missing }
  const certificates = distinct(
    things.filter((thing): thing is Held => thing.kind === 'certificate'),
    fits,
  )
  const keys = things.filter((thing): thing is Keyed => thing.kind === 'key')
  for (const { where, publicKey } of keys) {
    const owners = certificates.filter(({ certificate }) =>
      samePublicKey(certificate.publicKey, publicKey),
    )
    const asked = things.some(
      (thing) => thing.kind === 'request' && samePublicKey(thing.publicKey, publicKey),
    )
    if (owners.length > 0) fits.push(`${where} is the key of ${listed(owners)}`)
    else if (!asked) misfits.push(`${where} is the key of nothing here`)
  }
  for (const thing of things) {
    if (thing.kind === 'request') requestFits(thing, keys, certificates, fits, misfits)
    if (thing.kind === 'crl') listFits(thing, certificates, fits, misfits, missing)
  }
  for (const one of certificates) issuerFits(one, certificates, fits, misfits, missing)
  for (const one of certificates.filter(isLeaf)) {
    chainHolds(one, certificates, now, fits, misfits)
    const held = keys.some(({ publicKey }) => samePublicKey(publicKey, one.certificate.publicKey))
    if (!held && one.inPlace !== true) missing.push(`the private key of ${one.where}`)
  }
  return { fits, misfits, missing: [...new Set(missing)] }
}

/** Each certificate once; where it is again is told. */
function distinct(all: readonly Held[], fits: string[]): readonly Held[] {
  const found: Held[] = []
  for (const one of all) {
    const same = found.find(({ certificate }) => sameCertificate(certificate, one.certificate))
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
    misfits.push(`${where} revokes ${revoked}; Nomad reads no such list, and still takes it`)
  }
}

function issuerFits(
  { where, certificate, inPlace }: Held,
  certificates: readonly Held[],
  fits: string[],
  misfits: string[],
  missing: string[],
): void {
  const named = certificates.filter((other) =>
    sameBytes(other.certificate.subject.der, certificate.issuer.der),
  )
  const signers = named.filter((other) => verifySignature(certificate, other.certificate))
  const others = signers.filter((other) => other.certificate !== certificate)
  // A root signs itself, and needs nobody.
  if (others.length === 0 && signers.length > 0) return
  if (others.length > 0) fits.push(`${where} is signed by ${listed(others)}`)
  else if (named.length > 0) {
    misfits.push(
      `${where} names the authority ${listed(named)}, and a different key signed it: the names are the same, the authorities are not`,
    )
  } else if (inPlace !== true)
    missing.push(`the authority that signed ${where}: ${formatName(certificate.issuer)}`)
}

/** Whether a peer that trusts the authorities here takes the leaf. */
function chainHolds(
  { where, certificate }: Held,
  certificates: readonly Held[],
  now: number,
  fits: string[],
  misfits: string[],
): void {
  const authorities = certificates.filter((one) => !isLeaf(one)).map((one) => one.certificate)
  const selfIssued = authorities.filter(({ subject, issuer }) => sameBytes(subject.der, issuer.der))
  // Where no root is here: agents take each certificate of ca_file as an anchor, whatever it is.
  const roots = selfIssued.length > 0 ? selfIssued : authorities
  if (roots.length === 0) return
  const roles = rolesOf(certificate)
  const agent = roles.some((role) => !role.startsWith('operator'))
  let until = certificate.notAfter
  for (const purpose of agent
    ? (['serverAuth', 'clientAuth'] as const)
    : (['clientAuth'] as const)) {
    const verdict = verifyChain(certificate, authorities, roots, { now, purpose })
    if (!verdict.ok) {
      // Its signer is not here, or is another: that is told already.
      if (verdict.code !== 'unknown-authority') {
        misfits.push(`agents that trust these authorities refuse ${where}: ${verdict.message}`)
      }
      return
    }
    until = Math.min(until, ...verdict.path.map(({ notAfter }) => notAfter))
  }
  const as = roles.length === 0 ? '' : ` as ${roles.join(' and ')}`
  fits.push(
    `agents that trust these authorities take ${where}${as} until ${formatInstant(until)}, when the first certificate of the chain ends`,
  )
}

function isLeaf({ certificate }: Held): boolean {
  return certificate.basicConstraints?.ca !== true
}

function listed(things: readonly { readonly where: string }[]): string {
  return things.map(({ where }) => where).join(' and ')
}
