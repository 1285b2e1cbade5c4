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
import { encodeTbsCrl, type CrlEntry } from '../x509/make-crl.js'
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

/**
 * Has an authority sign a list. What comes back is not trusted: other bytes, or a wrong signature, are an error.
 *
 * @param issuer The authority; without {@link listObstacle}.
 * @returns The list, DER.
 * @throws {NomadPkiError} `ERR_ISSUER_REFUSED`; `ERR_ISSUER_UNKNOWN`; `ERR_CORRESPONDENCE`
 */
export async function signList(issuer: Issuer, content: ListContent): Promise<Uint8Array> {
  const { name, certificate } = issuer
  const { publicKey, subject } = certificate
  const tbs = encodeTbsCrl({
    ...content,
    signatureIdentifier: algorithmOf(publicKey.algorithm!).signatureIdentifier,
    issuer: subject.der,
    keyIdentifier: certificate.subjectKeyIdentifier ?? keyIdentifierOf(publicKey),
  })
  // A list and a certificate are joined alike: bytes, algorithm, signature (RFC 5280 §4.1, §5.1).
  const answer = await issuer.issue({ tbs, expected: certificate, now: content.thisUpdate })
  if (answer.outcome === 'refused') {
    throw new NomadPkiError('ERR_ISSUER_REFUSED', `${name} refused: ${answer.reason}`)
  }
  if (answer.outcome === 'unknown') {
    throw new NomadPkiError('ERR_ISSUER_UNKNOWN', `${name} did not answer: ${answer.reason}`)
  }
  const list = readList(answer.certificate)
  if (list === undefined || !sameBytes(list.tbs, tbs) || !isSignedBy(list, publicKey)) {
    throw new NomadPkiError(
      'ERR_CORRESPONDENCE',
      `what ${name} returned is not the revocation list that was prepared`,
    )
  }
  return answer.certificate
}

function readList(der: Uint8Array): RevocationList | undefined {
  try {
    return parseCrl(der)
  } catch (error) {
    if (isNomadPkiError(error)) return undefined
    throw error
  }
}
