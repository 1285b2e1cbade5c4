/**
 * Path validation as Go does it (crypto/x509 Verify), because agents and the `nomad` command do: not
 * RFC 5280 §6.1 to the letter. A trust anchor is held to its dates and constraints like any other
 * certificate, key identifiers only order the search, and a common name is not a name.
 *
 * It knows no revocation, as Go does not, and no certificate policies.
 *
 * @module
 */

import { sameBytes } from '../bytes.js'
import { samePublicKey } from '../keys/public-key.js'
import { sameCertificate, type Certificate } from './certificate.js'
import { constraintFault } from './constraints.js'
import { extensionOids, handledExtensions } from './oids.js'
import { formatName } from './name.js'
import { isKnownSignature, verifySignature } from './signature.js'

/** What is wrong with a chain. */
export type ChainFault =
  /** No path leads to a trusted root: an intermediate is missing, or the root is another. */
  | 'unknown-authority'
  /** An authority's key did not make the signature that names it. */
  | 'signature'
  | 'expired'
  | 'not-yet-valid'
  /** Something that signed is not an authority, or may not sign certificates. */
  | 'not-an-authority'
  /** More intermediates than an authority allows below it. */
  | 'path-length'
  /** An authority's name constraints refuse a name. */
  | 'constraints'
  /** An extended key usage, here or above, doesn't allow the purpose. */
  | 'usage'
  /** A critical extension that Go doesn't know. */
  | 'unhandled-extension'
  /** So many ways to look at that Go gives up. */
  | 'too-complex'

/** Whether a chain holds up. */
export type ChainVerdict =
  | {
      readonly ok: true
      /** Leaf first, root last. */
      readonly path: readonly Certificate[]
    }
  | {
      readonly ok: false
      readonly code: ChainFault
      /** One sentence: lower case, no full stop. */
      readonly message: string
    }

/** How to verify. */
export interface VerifyChainOptions {
  /** Epoch milliseconds; `undefined`: dates are not judged. */
  readonly now: number | undefined
  /** What the leaf is presented for. Default: any purpose. */
  readonly purpose?: 'serverAuth' | 'clientAuth' | undefined
  /** Says of which certificate and issuer the signature was checked before. Default: of none. */
  readonly isSigned?: ((certificate: Certificate, issuer: Certificate) => boolean) | undefined
}

type Refusal = Extract<ChainVerdict, { readonly ok: false }>

/** crypto/x509 maxChainSignatureChecks */
const mostSignatureChecks = 100

/**
 * Decides whether a certificate chains up to a trusted root, at a moment and for a use, by the rules of Go's
 * `crypto/x509`, which agents use.
 *
 * @param leaf What is presented first.
 * @param intermediates What is presented behind it, in any order.
 * @param roots What is trusted: anything in here is an anchor.
 * @param options When, and for what.
 * @returns The first path that holds, or the fault that comes nearest to the truth.
 */
export function verifyChain(
  leaf: Certificate,
  intermediates: readonly Certificate[],
  roots: readonly Certificate[],
  options: VerifyChainOptions,
): ChainVerdict {
  const fault = standsAt(leaf, options.now) ?? unhandledIn(leaf)
  if (fault !== undefined) return fault
  const search: Search = {
    intermediates,
    roots,
    options,
    checks: 0,
    hint: undefined,
    late: undefined,
  }
  if (roots.some((root) => sameCertificate(root, leaf))) return finish([leaf], options)
  const path = climb([leaf], search)
  if (path !== undefined) return { ok: true, path }
  if (search.checks > mostSignatureChecks) {
    return refuse('too-complex', 'it has more paths to a root than agents try')
  }
  return search.late ?? search.hint ?? missing(leaf, intermediates, roots)
}

interface Search {
  readonly intermediates: readonly Certificate[]
  readonly roots: readonly Certificate[]
  readonly options: VerifyChainOptions
  checks: number
  /** Why a candidate was no parent: the first. */
  hint: Refusal | undefined
  /** Why a whole path did not hold: the first. */
  late: Refusal | undefined
}

function climb(path: readonly Certificate[], search: Search): readonly Certificate[] | undefined {
  const child = path.at(-1)!
  for (const root of parentsOf(child, search.roots)) {
    if (!mayFollow(root, path, search, true)) continue
    const whole = [...path, root]
    const verdict = finish(whole, search.options)
    if (verdict.ok) return whole
    search.late ??= verdict
  }
  for (const intermediate of parentsOf(child, search.intermediates)) {
    if (!mayFollow(intermediate, path, search, false)) continue
    const found = climb([...path, intermediate], search)
    if (found !== undefined) return found
  }
  return undefined
}

/** Those whose subject is the issuer, whose key identifier fits first (CertPool.findPotentialParents). */
function parentsOf(child: Certificate, pool: readonly Certificate[]): readonly Certificate[] {
  const named = pool.filter(({ subject }) => sameBytes(subject.der, child.issuer.der))
  const wanted = child.authorityKeyIdentifier
  if (named.length < 2 || wanted === undefined) return named
  const rank = ({ subjectKeyIdentifier }: Certificate): number =>
    subjectKeyIdentifier === wanted ? 0 : subjectKeyIdentifier === undefined ? 1 : 2
  return [...named].sort((a, b) => rank(a) - rank(b))
}

function mayFollow(
  candidate: Certificate,
  path: readonly Certificate[],
  search: Search,
  anchor: boolean,
): boolean {
  search.checks += 1
  if (search.checks > mostSignatureChecks) return false
  if (path.some((other) => isTwin(candidate, other))) return false
  const fault =
    signsFault(path.at(-1)!, candidate, search.options) ??
    unhandledIn(candidate) ??
    standsAt(candidate, search.options.now) ??
    lengthFault(candidate, path, anchor)
  search.hint ??= fault
  return fault === undefined
}

/**
 * Whether Go takes a certificate for one that signs others, its key usage aside (crypto/x509
 * CheckSignatureFrom): before version 3 there are no basic constraints.
 */
export function maySign({ basicConstraints, version }: Certificate): boolean {
  return basicConstraints === undefined ? version !== 3 : basicConstraints.ca
}

/** crypto/x509 CheckSignatureFrom */
function signsFault(
  child: Certificate,
  parent: Certificate,
  { isSigned }: VerifyChainOptions,
): Refusal | undefined {
  const called = nameOf(parent)
  const { keyUsage } = parent
  if (!maySign(parent)) {
    return refuse('not-an-authority', `${called} is not an authority (no CA:TRUE)`)
  }
  if (keyUsage?.includes('keyCertSign') === false) {
    return refuse('not-an-authority', `${called} may not sign certificates (keyUsage)`)
  }
  if (!isKnownSignature(child.signatureAlgorithm)) {
    return refuse(
      'signature',
      `${nameOf(child)} is signed with an algorithm that agents don't take (${child.signatureAlgorithm})`,
    )
  }
  if (isSigned?.(child, parent) !== true && !verifySignature(child, parent)) {
    return refuse(
      'signature',
      `${called} did not sign ${nameOf(child)}: the signature is another's`,
    )
  }
  return undefined
}

function standsAt(certificate: Certificate, now: number | undefined): Refusal | undefined {
  if (now === undefined) return undefined
  if (now < certificate.notBefore) {
    return refuse(
      'not-yet-valid',
      `${nameOf(certificate)} is valid from ${dateOf(certificate.notBefore)}`,
    )
  }
  // Go compares with the clock's fraction of a second: the last second is over when it has begun.
  if (now > certificate.notAfter) {
    return refuse('expired', `${nameOf(certificate)} expired on ${dateOf(certificate.notAfter)}`)
  }
  return undefined
}

function lengthFault(
  candidate: Certificate,
  path: readonly Certificate[],
  anchor: boolean,
): Refusal | undefined {
  const { basicConstraints } = candidate
  if (!anchor && basicConstraints?.ca !== true) {
    return refuse('not-an-authority', `${nameOf(candidate)} is not an authority (no CA:TRUE)`)
  }
  const allowed = basicConstraints?.pathLength
  const below = path.length - 1
  if (allowed === undefined || below <= allowed) return undefined
  return refuse(
    'path-length',
    `${nameOf(candidate)} allows ${allowed} intermediate(s) below it, and there are ${below}`,
  )
}

function unhandledIn(certificate: Certificate): Refusal | undefined {
  const oid = unhandledExtension(certificate)
  return oid === undefined
    ? undefined
    : refuse(
        'unhandled-extension',
        `${nameOf(certificate)} has a critical extension that agents don't know (${oid})`,
      )
}

/** The first critical extension that Go does not know, or cannot use (crypto/x509 UnhandledCriticalExtensions). */
export function unhandledExtension(certificate: Certificate): string | undefined {
  for (const { oid, critical } of certificate.extensions) {
    if (!critical) continue
    const { subjectAltName, nameConstraints } = certificate
    const unread =
      !handledExtensions.has(oid) ||
      (oid === extensionOids.subjectAltName && !subjectAltName!.some((name) => 'value' in name)) ||
      (oid === extensionOids.nameConstraints &&
        [...nameConstraints!.permitted, ...nameConstraints!.excluded].some(
          (name) => !('value' in name),
        ))
    if (unread) return oid
  }
  return undefined
}

/** What can only be said of a whole path: usages, then constraints. */
function finish(path: readonly Certificate[], options: VerifyChainOptions): ChainVerdict {
  const { purpose } = options
  const limiting =
    purpose &&
    path.find(
      ({ extendedKeyUsage }) =>
        extendedKeyUsage !== undefined &&
        !extendedKeyUsage.includes('any') &&
        !extendedKeyUsage.includes(purpose),
    )
  // Go tells of constraints before usages where both fail (Verify, constraintsHintErr).
  return (
    constraintsFault(path) ??
    (limiting === undefined
      ? { ok: true, path }
      : refuse('usage', `${nameOf(limiting)} is not for ${purpose!} (extendedKeyUsage)`))
  )
}

function constraintsFault(path: readonly Certificate[]): Refusal | undefined {
  for (let above = path.length - 1; above > 0; above -= 1) {
    const { nameConstraints } = path[above]!
    if (nameConstraints === undefined) continue
    for (const certificate of path.slice(0, above)) {
      for (const name of certificate.subjectAltName ?? []) {
        const fault = constraintFault(name, nameConstraints)
        if (fault === undefined) continue
        const text = 'value' in name ? name.value : name.type
        return refuse('constraints', `${text} ${fault}, says ${nameOf(path[above]!)}`)
      }
    }
  }
  return undefined
}

/** Says what is missing rather than that something is. */
function missing(
  leaf: Certificate,
  intermediates: readonly Certificate[],
  roots: readonly Certificate[],
): Refusal {
  let top = leaf
  const seen = new Set<Certificate>([leaf])
  for (;;) {
    const next = intermediates.find(
      (other) => !seen.has(other) && sameBytes(other.subject.der, top.issuer.der),
    )
    if (next === undefined) break
    seen.add(next)
    top = next
  }
  const wanted = formatName(top.issuer)
  const others = roots.map(({ subject }) => formatName(subject)).join('; ')
  return refuse(
    'unknown-authority',
    sameBytes(top.issuer.der, top.subject.der)
      ? `${wanted} signed itself, and is not trusted (trusted: ${others || 'none'})`
      : `the certificate of ${wanted}, which signed ${nameOf(top)}, is neither presented nor trusted (trusted: ${others || 'none'})`,
  )
}

/** crypto/x509 alreadyInChain: the same subject, key and subjectAltName. */
function isTwin(a: Certificate, b: Certificate): boolean {
  if (!sameBytes(a.subject.der, b.subject.der) || !samePublicKey(a.publicKey, b.publicKey))
    return false
  const names = ({ extensions }: Certificate): Uint8Array | undefined =>
    extensions.find(({ oid }) => oid === extensionOids.subjectAltName)?.value
  const [first, second] = [names(a), names(b)]
  if (first === undefined || second === undefined) return first === second
  return sameBytes(first, second)
}

function nameOf({ subject }: Certificate): string {
  return formatName(subject) || 'a certificate without a subject'
}

function dateOf(at: number): string {
  return new Date(at).toISOString().replace('.000', '')
}

function refuse(code: ChainFault, message: string): Refusal {
  return { ok: false, code, message }
}
