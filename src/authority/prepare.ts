/**
 * From a request to a certificate that may be signed: what it says is decided here, held against
 * what the issuer may do, and linted. Nothing is signed.
 *
 * @module
 */

import { sequence } from '../der/write.js'
import { NomadPkiError } from '../errors.js'
import { algorithmOf, type AlgorithmEntry, type PublicKey } from '../keys/algorithms.js'
import { keyIdentifierOf } from '../keys/public-key.js'
import { lint, type LintContext } from '../lint/lint.js'
import { memoByObject, memoByText, memoLast } from '../memo.js'
import { probeProfile, profileOf, type RoleProfile } from '../nomad/roles.js'
import {
  parseTbs,
  type Certificate,
  type Extension,
  type GeneralName,
} from '../x509/certificate.js'
import { encodeTbs, type TbsFields } from '../x509/encode.js'
import {
  basicConstraints,
  extendedKeyUsage,
  keyUsage,
  nameConstraints,
  subjectAltName,
  subjectKeyIdentifier,
  writtenOnce,
} from '../x509/extensions.js'
import { encodeName } from '../x509/name.js'
import { constraintsOf } from './constraints.js'
import type { Issuer, IssuerInput, Signer } from './issuer.js'
import { namesOf } from './names.js'
import { madeFrom, type Prepared, type Preparation } from './prepared.js'
import { requestFor } from './request-for.js'
import type { AuthorityRequest, LeafRequest } from './request.js'
import { randomSerial } from './serial.js'
import {
  requirePermitted,
  requirePurposes,
  requireRoomBelow,
  issuerFactsOf,
  type IssuerFacts,
} from './issuer-facts.js'
import { ownValidity, validityUnder } from './validity.js'

export { Prepared } from './prepared.js'

/** Time and chance, which are the caller's. */
export interface PrepareOptions {
  /** Epoch milliseconds: `Date.now()`. */
  readonly now: number
  /** How far the beginning is set back, milliseconds. Default: five minutes. */
  readonly backdate?: number | undefined
  /** Hex, at most 20 octets, positive. Default: random. */
  readonly serial?: string | undefined
}

/**
 * Prepares a certificate for an agent or an operator. Its common name is that of its role (a machine has
 * none), and it does not have another role's name: Nomad trusts a common name, and constraints don't bind it.
 *
 * @param request The role, region, names and key that it certifies.
 * @param issuer The authority that will sign it.
 * @param options The time, and what has a default.
 * @returns What `issue` takes, once. Nothing is signed yet.
 * @throws {NomadPkiError} `ERR_NAME_INVALID` for a name or address that cannot be certified;
 * `ERR_KEY_ALGORITHM` for a key that agents refuse; `ERR_BEYOND_ISSUER` for a life that ends after the
 * issuer's; `ERR_NOT_YET_VALID`, where the issuer's life has not begun; `ERR_ISSUER_REFUSED`, where the
 * issuer's own constraints forbid it; `ERR_LINT`
 *
 * @see RFC 5280 §4.2; nomad/server.go:640 and helper/tlsutil/config.go of Nomad 1.11.3 (names)
 */
export function prepare(request: LeafRequest, issuer: Issuer, options: PrepareOptions): Prepared {
  const { role, region, publicKey } = request
  const key = leafAlgorithm(publicKey)
  const profile = profileOf(role)
  const facts = issuerFactsOf(issuer)
  requirePurposes(issuer, profile.extendedKeyUsage)
  const names = namesOf(request)
  requirePermitted(issuer, facts, names)
  const commonName = profile.commonName(region)
  const subject = commonName === undefined ? noSubject : subjectOf(commonName)
  return under(issuer, facts, {
    request,
    options,
    subject,
    names,
    extensions: [
      ...usages(profile)(key.kind),
      subjectKeyIdentifier(keyIdentifierOf(publicKey)),
      facts.authorityKeyIdentifier,
      // RFC 5280 §4.2.1.6: critical where the subject is empty.
      { ...subjectAltName(names), critical: commonName === undefined },
    ],
    lintContext: { issuer: issuer.certificate, now: options.now, profile: role, region },
    holder: { role, region },
  })
}

/**
 * Prepares a probe leaf: what is offered to agents to see whether they trust this issuer's key. It has
 * no name of a role, host or operator, and lives 31 days, or as long as its issuer.
 *
 * @param publicKey Of the key that will be kept beside it.
 * @param issuer The authority whose trust is tested.
 * @param options `now`, and what has a default.
 * @throws {NomadPkiError} as {@link prepare}
 */
export function prepareProbe(
  publicKey: PublicKey,
  issuer: Issuer,
  options: PrepareOptions,
): Prepared {
  const { kind } = leafAlgorithm(publicKey)
  const facts = issuerFactsOf(issuer)
  requirePurposes(issuer, ['clientAuth'])
  return under(issuer, facts, {
    request: { publicKey, lifetime: 31 * 86_400_000, beyondIssuer: 'clamp' },
    options,
    subject: encodeName({ commonName: probeProfile.commonName }),
    extensions: [
      basicConstraints({ ca: false }),
      keyUsage(profileOf('operator').keyUsage(kind)),
      extendedKeyUsage(['clientAuth']),
      subjectKeyIdentifier(keyIdentifierOf(publicKey)),
      facts.authorityKeyIdentifier,
      subjectAltName([{ type: 'uri', value: probeProfile.uri }]),
    ],
    lintContext: { issuer: issuer.certificate, now: options.now, profile: 'probe' },
  })
}

/**
 * Prepares an intermediate: no further authority below it, no extended key usage, and critical name
 * constraints for its regions.
 *
 * @param request Which regions, domains and networks it is for.
 * @param issuer The authority that will sign it.
 * @param options The time, and what has a default.
 * @returns What `issue` takes, once. Nothing is signed yet.
 * @throws {NomadPkiError} `ERR_NAME_INVALID`, `ERR_KEY_ALGORITHM`, `ERR_BEYOND_ISSUER`,
 * `ERR_NOT_YET_VALID`, `ERR_ISSUER_REFUSED`, `ERR_LINT`, each as for {@link prepare}
 *
 * @see RFC 5280 §4.2.1.10
 */
export function prepareIntermediate(
  request: AuthorityRequest,
  issuer: Issuer,
  options: PrepareOptions,
): Prepared {
  const { publicKey } = request
  authorityAlgorithm(publicKey)
  const facts = issuerFactsOf(issuer)
  requireRoomBelow(issuer)
  return under(issuer, facts, {
    request,
    options,
    subject: encodeName(request.subject),
    extensions: [
      basicConstraints({ ca: true, pathLength: 0 }),
      keyUsage(['keyCertSign', 'cRLSign']),
      nameConstraints(constraintsOf(request)),
      subjectKeyIdentifier(keyIdentifierOf(publicKey)),
      facts.authorityKeyIdentifier,
    ],
    lintContext: { issuer: issuer.certificate, now: options.now, profile: 'intermediate' },
  })
}

/**
 * Prepares a root: no path length, so that intermediates and cross-certificates can come.
 *
 * @param request Its subject and lifetime.
 * @param signer Its own key, which signs it.
 * @param options `now`, and what has a default.
 * @throws {NomadPkiError} `ERR_NAME_INVALID`, `ERR_KEY_ALGORITHM`, `ERR_BEYOND_ISSUER`, `ERR_LINT`
 */
export function prepareRoot(
  request: Pick<AuthorityRequest, 'subject' | 'lifetime'>,
  signer: Signer,
  options: PrepareOptions,
): Prepared {
  const { subject, lifetime } = request
  const { publicKey } = signer
  const { signatureIdentifier } = authorityAlgorithm(publicKey)
  const name = encodeName(subject)
  return seal(
    {
      serial: options.serial,
      signatureIdentifier,
      issuer: name,
      ...ownValidity({ ...options, lifetime }),
      subject: name,
      spki: publicKey.spki,
      extensions: [
        basicConstraints({ ca: true }),
        keyUsage(['keyCertSign', 'cRLSign']),
        subjectKeyIdentifier(keyIdentifierOf(publicKey)),
      ],
    },
    options.now,
    { signer, chain: [], lintContext: { now: options.now, profile: 'root' } },
  )
}

/**
 * Prepares a cross-certificate: another root's name and key, certified by this issuer, so that
 * an agent that trusts only the issuer accepts what the other root signs (RFC 5280 §3.2). It ends when
 * the first of the two ends, and has no constraint of its own.
 *
 * @param root The self-signed certificate of the root that is certified.
 * @param issuer The root that certifies it.
 * @param options `now`; `intermediates`: how many authorities stand below the certified root at most.
 * @throws {NomadPkiError} `ERR_ISSUER_REFUSED` where the issuer's path length leaves no room;
 * `ERR_KEY_ALGORITHM`, `ERR_BEYOND_ISSUER`, `ERR_NOT_YET_VALID`, `ERR_LINT`
 */
export function prepareCross(
  root: Certificate,
  issuer: Issuer,
  options: PrepareOptions & { readonly intermediates?: number | undefined },
): Prepared {
  const { publicKey, subject, subjectKeyIdentifier: identifier } = root
  authorityAlgorithm(publicKey)
  const facts = issuerFactsOf(issuer)
  requireRoomBelow(issuer, 1 + (options.intermediates ?? 0))
  return under(issuer, facts, {
    request: { publicKey, lifetime: root.notAfter - options.now, beyondIssuer: 'clamp' },
    options,
    // Its raw bytes: a chain is followed by comparing them.
    subject: subject.der,
    extensions: [
      basicConstraints({ ca: true }),
      keyUsage(['keyCertSign', 'cRLSign']),
      // The root's own, which the authority key identifiers below it name.
      subjectKeyIdentifier(identifier ?? keyIdentifierOf(publicKey)),
      facts.authorityKeyIdentifier,
    ],
    lintContext: { issuer: issuer.certificate, now: options.now, profile: 'cross' },
  })
}

/** The extensions that all leaves of a role and a kind of key have in common, written once. */
const usages = memoByObject((profile: RoleProfile) =>
  memoByText((kind: AlgorithmEntry['kind']) =>
    [
      basicConstraints({ ca: false }),
      keyUsage(profile.keyUsage(kind)),
      extendedKeyUsage(profile.extendedKeyUsage),
    ].map(writtenOnce),
  ),
)

/** Leaves come in runs of one role and region. */
const subjectOf = memoLast((commonName: string) => encodeName({ commonName }))

/** A machine's: its name stands in the subjectAltName alone. */
const noSubject = sequence()

interface Draft {
  readonly request: Pick<
    LeafRequest,
    'publicKey' | 'lifetime' | 'beyondIssuer' | 'request' | 'brought'
  >
  readonly options: PrepareOptions
  readonly subject: Uint8Array
  /** The names in {@link extensions}. Default: none. */
  readonly names?: readonly GeneralName[] | undefined
  readonly extensions: readonly Extension[]
  readonly lintContext: LintContext
  readonly holder?: IssuerInput['holder']
}

function under(issuer: Issuer, facts: IssuerFacts, draft: Draft): Prepared {
  const { request, options, subject, names = [], extensions, lintContext, holder } = draft
  const { lifetime, beyondIssuer, publicKey } = request
  return seal(
    {
      serial: options.serial,
      signatureIdentifier: facts.algorithm.signatureIdentifier,
      // Its raw bytes: a re-encoding need not be the same (RFC 5280 §7.1).
      issuer: issuer.certificate.subject.der,
      ...validityUnder(issuer, facts, { ...options, lifetime, beyondIssuer }),
      subject,
      spki: publicKey.spki,
      extensions,
    },
    options.now,
    {
      signer: {
        name: issuer.name,
        publicKey: issuer.certificate.publicKey,
        signatures: issuer.signatures,
        issue: (input, settings) => issuer.issue(input, settings),
      },
      chain: issuer.chain,
      lintContext,
      request: request.request && requestFor(publicKey, request.request, { subject, names }),
      brought: request.brought,
      holder,
    },
  )
}

function seal(
  fields: Omit<TbsFields, 'serial'> & { readonly serial: string | undefined },
  now: number,
  {
    request,
    brought,
    holder,
    ...rest
  }: Omit<Preparation, 'input'> & Pick<IssuerInput, 'request' | 'brought' | 'holder'>,
): Prepared {
  const serial = fields.serial ?? randomSerial()
  // RFC 5280 §4.1.2.2
  if (
    !/^(?:[0-9a-f]{2}){1,20}$/.test(serial) ||
    /^(00)*$/.test(serial) ||
    (serial.length === 40 && serial >= '8')
  ) {
    throw new TypeError('a serial number is hex of at most 20 octets, and positive')
  }
  const tbs = encodeTbs({ ...fields, serial })
  // What is looked at is what will be signed, read back from its bytes.
  const expected = parseTbs(tbs)
  requireClean(lint(expected, rest.lintContext))
  return madeFrom({ ...rest, input: { tbs, expected, now, request, brought, holder } })
}

function requireClean(results: ReturnType<typeof lint>): void {
  const errors = results.filter(({ severity }) => severity === 'error')
  if (errors.length === 0) return
  const text = errors.map(({ rule, message }) => `${rule}: ${message}`).join('; ')
  throw new NomadPkiError('ERR_LINT', `it would break ${errors.length} rule(s): ${text}`)
}

function leafAlgorithm({ algorithm, name }: PublicKey): AlgorithmEntry {
  const entry = algorithm && algorithmOf(algorithm)
  if (entry?.agentsTake === true) return entry
  throw new NomadPkiError(
    'ERR_KEY_ALGORITHM',
    `a certificate of this kind cannot have a key of ${name}`,
    {
      hint: 'agents take ECDSA on P-256, P-384 or P-521, and RSA of 2048, 3072 or 4096 bits',
    },
  )
}

function authorityAlgorithm({ algorithm, name }: PublicKey): AlgorithmEntry {
  if (algorithm !== undefined) return algorithmOf(algorithm)
  throw new NomadPkiError('ERR_KEY_ALGORITHM', `an authority cannot have a key of ${name}`)
}
