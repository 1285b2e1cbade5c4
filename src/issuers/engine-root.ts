/**
 * What an engine's root signs that is an authority: its own certificate, and those of others. The engine writes its own;
 * of others it takes what we prepared, as it stands (`sign-self-issued`): each name constraint, the serial number and
 * the dates. Its `sign-intermediate` knows no networks.
 *
 * @module
 */

import type { IssuerAnswer, IssuerInput, Signer } from '../authority/issuer.js'
import { integer, sequence } from '../der/write.js'
import { policyRemedy, rootPath } from '../engine/look.js'
import type { EngineSession } from '../engine/session.js'
import { certificateIn, lacksRight, type EngineVerdict } from '../engine/verdict.js'
import type { PublicKey } from '../keys/algorithms.js'
import { parseCertificate, type Certificate } from '../x509/certificate.js'
import { encodeCertificate } from '../x509/certificates.js'
import { assembleCertificate, encodeTbs } from '../x509/encode.js'

/** A root that is to be made in an engine. */
export interface NewEngineRoot {
  /** For messages. */
  readonly name: string
  readonly session: EngineSession
  readonly mount: string
  /** The name of its issuer, and of its key, which is there. */
  readonly issuer: string
  readonly publicKey: PublicKey
}

/** How an engine names the attributes of a subject. */
const subjectFields: Readonly<Record<string, string>> = {
  '2.5.4.6': 'country',
  '2.5.4.17': 'postal_code',
  '2.5.4.8': 'province',
  '2.5.4.7': 'locality',
  '2.5.4.9': 'street_address',
  '2.5.4.10': 'organization',
  '2.5.4.11': 'ou',
}

/** Signs a root with its own key, inside: the engine writes the certificate, and makes the issuer of it. */
export function engineRootSigner({
  name,
  session,
  mount,
  issuer,
  publicKey,
}: NewEngineRoot): Signer {
  return {
    ...{ name, publicKey, signatures: 'foreign', concurrency: 1 },
    async issue({ expected, now }, { signal } = {}) {
      signal?.throwIfAborted()
      const { attributes } = expected.subject
      const more = attributes.flatMap(({ oid, value }) =>
        subjectFields[oid] === undefined ? [] : [[subjectFields[oid], [value]] as const],
      )
      const seconds = (span: number): string => `${Math.floor(span / 1000)}s`
      const path = rootPath(mount)
      const body = {
        ...{ key_ref: issuer, issuer_name: issuer, format: 'pem' },
        common_name: attributes.find(({ oid }) => oid === '2.5.4.3')?.value ?? '',
        ...Object.fromEntries(more),
        // Else it is a name of the root, too.
        exclude_cn_from_sans: true,
        ttl: seconds(expected.notAfter - now),
        not_before_duration: seconds(now - expected.notBefore),
      }
      // The name of an issuer is given once: a second call after a lost answer would be refused.
      return { ...answerOf(await session.call({ method: 'POST', path, body, signal }), path) }
    },
  }
}

/** Has an issuer of an engine certify an authority. */
export async function certifyByEngine(
  { expected }: IssuerInput,
  {
    session,
    path,
    name,
    signal,
  }: {
    readonly session: EngineSession
    readonly path: string
    /** The authority that certifies. */
    readonly name: string
    readonly signal?: AbortSignal | undefined
  },
): Promise<IssuerAnswer> {
  const body = { certificate: encodeCertificate(selfIssued(expected)) }
  const verdict = await session.call({ method: 'POST', path, body, signal })
  const answer = { ...answerOf(verdict, path), ...hintFor(verdict, 'certify', name) }
  return answer.outcome === 'unknown' && verdict.is === 'unknown'
    ? { ...answer, again: verdict.passing }
    : answer
}

/**
 * What was prepared, with its own subject as its issuer. The engine looks at no signature of it, and nobody could make
 * a true one: the key of an authority signs nothing before it is certified.
 */
function selfIssued(expected: Certificate): Certificate {
  const { serial, notBefore, notAfter, subject, publicKey, extensions } = expected
  const signatureIdentifier = expected.innerSignatureAlgorithm
  const tbs = encodeTbs({
    ...{ serial, signatureIdentifier, notBefore, notAfter, extensions },
    ...{ issuer: subject.der, subject: subject.der, spki: publicKey.spki },
  })
  const one = integer(Buffer.from([1]))
  return parseCertificate(assembleCertificate(tbs, signatureIdentifier, sequence(one, one)))
}

/** What to do where no policy of the token allows a call: which policy has it. */
export function hintFor(
  verdict: EngineVerdict,
  policy: string,
  name: string,
): { readonly hint?: string } {
  return lacksRight(verdict) ? { hint: policyRemedy(policy, name) } : {}
}

function answerOf(verdict: EngineVerdict, path: string): IssuerAnswer {
  if (verdict.is === 'unknown') return { outcome: 'unknown', reason: verdict.reason }
  if (verdict.is !== 'done') return { outcome: 'refused', reason: verdict.reason }
  const made = certificateIn(verdict.data.certificate)
  return made === undefined
    ? { outcome: 'unknown', reason: `${path} answered without one certificate` }
    : { outcome: 'issued', certificate: made.der }
}
