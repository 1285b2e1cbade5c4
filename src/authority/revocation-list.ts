/**
 * Revocation lists of an authority: made here, signed by whoever has its key, and held against what was asked.
 *
 * @module
 */

import { sameBytes } from '../bytes.js'
import { isNomadPkiError, NomadPkiError } from '../errors.js'
import { algorithmOf } from '../keys/algorithms.js'
import { keyIdentifierOf } from '../keys/public-key.js'
import type { Certificate } from '../x509/certificate.js'
import { parseCrl, type RevocationList } from '../x509/crl.js'
import { assembleCertificate } from '../x509/encode.js'
import { encodeTbsCrl, type CrlEntry } from '../x509/make-crl.js'
import { formatName, type Name } from '../x509/name.js'
import { isSignedBy } from '../x509/signature.js'
import type { Issuer } from './issuer.js'

/** What a new list says. */
export interface ListContent {
  /** Higher than that of every list before it. */
  readonly number: number
  /** Epoch milliseconds. */
  readonly thisUpdate: number
  readonly nextUpdate: number
  readonly entries: readonly CrlEntry[]
}

/** Why an authority cannot sign a list, one sentence; `undefined` where it can. RFC 5280 §4.2.1.3 */
export function listObstacle({ keyUsage, publicKey }: Certificate): string | undefined {
  if (keyUsage !== undefined && !keyUsage.includes('cRLSign')) {
    return 'its certificate does not have the key usage cRLSign'
  }
  return publicKey.algorithm === undefined
    ? `it has a key of type ${publicKey.name}, which signs nothing here`
    : undefined
}

/** The bytes that an authority without {@link listObstacle} signs, DER. */
export function prepareList(certificate: Certificate, content: ListContent): Uint8Array {
  const { publicKey, subject, subjectKeyIdentifier } = certificate
  return encodeTbsCrl({
    ...content,
    signatureIdentifier: algorithmOf(publicKey.algorithm!).signatureIdentifier,
    issuer: subject.der,
    keyIdentifier: subjectKeyIdentifier ?? keyIdentifierOf(publicKey),
  })
}

/**
 * Has an authority sign a list. What comes back is not trusted: other bytes, or a wrong signature, are an error.
 *
 * @param issuer The authority; without {@link listObstacle}.
 * @returns The list, DER.
 * @throws {NomadPkiError} `ERR_ISSUER_REFUSED`; `ERR_ISSUER_UNKNOWN`; `ERR_CORRESPONDENCE`
 */
export async function signList(issuer: Issuer, content: ListContent): Promise<Uint8Array> {
  const { name, certificate } = issuer
  const tbs = prepareList(certificate, content)
  // A list and a certificate are joined alike: bytes, algorithm, signature (RFC 5280 §4.1, §5.1).
  const answer = await issuer.issue({ tbs, expected: certificate, now: content.thisUpdate })
  if (answer.outcome === 'refused') {
    throw new NomadPkiError('ERR_ISSUER_REFUSED', `${name} refused: ${answer.reason}`)
  }
  if (answer.outcome === 'unknown') {
    throw new NomadPkiError('ERR_ISSUER_UNKNOWN', `${name} did not answer: ${answer.reason}`)
  }
  const fault = answerFault(answer.certificate, { tbs, content, issuer })
  if (fault !== undefined) {
    throw new NomadPkiError(
      'ERR_CORRESPONDENCE',
      `what ${name} returned is not the revocation list that was prepared: ${fault}`,
    )
  }
  return answer.certificate
}

/** What is wrong with a list that came back; `undefined` where it is the one that was prepared. */
function answerFault(
  der: Uint8Array,
  {
    tbs,
    content,
    issuer: { certificate, signatures },
  }: { readonly tbs: Uint8Array; readonly content: ListContent; readonly issuer: Issuer },
): string | undefined {
  let list: RevocationList
  try {
    list = parseCrl(der)
  } catch (error) {
    if (isNomadPkiError(error)) return error.message
    throw error
  }
  const { publicKey, subject } = certificate
  if (!sameBytes(list.tbs, tbs)) return differenceIn(list, content, subject)
  // A rehearsal signs with a key that nobody keeps.
  if (signatures !== 'rehearsed' && !isSignedBy(list, publicKey)) {
    return 'its signature is not by the key of this authority'
  }
  // The algorithm outside what is signed stands there twice, and readers take only what agrees.
  const { signatureIdentifier } = algorithmOf(publicKey.algorithm!)
  return sameBytes(assembleCertificate(tbs, signatureIdentifier, list.signature), der)
    ? undefined
    : 'it names its signature algorithm in another way'
}

/** Where a list says something else than was asked. */
function differenceIn(list: RevocationList, content: ListContent, subject: Name): string {
  const { number, thisUpdate, nextUpdate, entries } = content
  const has = new Set(list.entries.map(({ serial }) => serial))
  const lacks = entries.filter(({ serial }) => !has.has(serial))
  const asked = new Set(entries.map(({ serial }) => serial))
  const more = list.entries.filter(({ serial }) => !asked.has(serial))
  if (!sameBytes(list.issuer.der, subject.der)) {
    return `its issuer is ${formatName(list.issuer)}, and ${formatName(subject)} was asked`
  }
  if (Number.parseInt(list.number ?? '', 16) !== number) {
    return `its number is ${list.number === undefined ? 'missing' : Number.parseInt(list.number, 16)}, and ${number} was asked for`
  }
  if (lacks.length > 0) return `it lacks ${lacks[0]!.serial}, which is revoked`
  if (more.length > 0) return `it revokes ${more[0]!.serial}, which was not asked for`
  const seconds = (at: number | undefined): number => Math.floor((at ?? 0) / 1000)
  if (
    seconds(list.thisUpdate) !== seconds(thisUpdate) ||
    seconds(list.nextUpdate) !== seconds(nextUpdate)
  ) {
    return 'its dates are not those that were asked for'
  }
  return 'it says of an entry, or beside the entries, something else than was asked for'
}
