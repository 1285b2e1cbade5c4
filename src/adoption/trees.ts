/**
 * The authorities among certificates: versions of one key and name are one authority, and who signed
 * whom is told by signatures, not by names alone.
 *
 * @module
 */

import { authorityNameOf } from '../address.js'
import type { FoundKey } from '../keys/found-key.js'
import { sameBytes } from '../bytes.js'
import { isIssuedBy } from '../checks/issued-by.js'
import { formatInstant } from '../duration.js'
import { groupBy } from '../grouping.js'
import { sha256 } from '../sha256.js'
import { fingerprintOf, isTwin, type Certificate } from '../x509/certificate.js'
import { formatName } from '../x509/name.js'
import { verifySignature } from '../x509/signature.js'
import type { Collection, FoundCertificate } from './collect.js'
import type { LeftOut } from './materials.js'

/** An authority: one key under one name. A certificate that was renewed with its key is one more. */
export interface Tree {
  /** The version that is adopted. */
  readonly certificate: Certificate
  readonly places: readonly string[]
  readonly files: readonly string[]
  readonly key?: FoundKey | undefined
  /** Whether agents trust it as it is: it signed itself, agents have it in `ca_file`, or its issuer is not there. */
  readonly anchor: boolean
  /** Who signed it; absent for an anchor. */
  readonly issuer?: Tree | undefined
  /** Certificates of the same key and name that other authorities made. */
  readonly crosses: readonly { readonly by: Tree; readonly certificate: Certificate }[]
}

/** The authorities. */
export interface Trees {
  readonly trees: readonly Tree[]
  /** Who signed a certificate, among them. */
  signerOf(certificate: Certificate): Tree | undefined
  readonly leftOut: readonly LeftOut[]
}

/** More signatures than any real folder needs: a hostile one has many of one name. */
const mostChecks = 20_000

type Draft = { -readonly [Key in keyof Tree]: Tree[Key] } & { versions: FoundCertificate[] }

/** Whether a certificate is an authority's, as Go takes it: version 1 has no extension to say it. */
export function isAuthority(certificate: Certificate): boolean {
  if (certificate.basicConstraints?.ca === true) return true
  return certificate.version < 3 && isIssuedBy(certificate, certificate)
}

/**
 * Finds the authorities.
 *
 * @param collection Everything that was found.
 * @param about `trusted`: what agents have in `ca_file`, as far as it was read; `stored`: addresses of
 *   what the store has, by fingerprint; `isNext`: whether a later certificate of an authority of the store
 *   becomes its next generation; `now`: epoch milliseconds.
 */
export function treesIn(
  collection: Collection,
  {
    trusted,
    stored,
    isNext = () => false,
    now,
  }: {
    readonly trusted: readonly Certificate[]
    readonly stored: ReadonlyMap<string, string>
    readonly isNext?: ((later: Certificate, address: string) => boolean) | undefined
    readonly now: number
  },
): Trees {
  const leftOut: LeftOut[] = []
  const trust = new Set(trusted.map(fingerprintOf))
  const own = collection.certificates.filter(({ certificate }) => isAuthority(certificate))
  const drafts: Draft[] = []
  const groups = groupBy(own, ({ certificate: { subject, publicKey } }) =>
    sha256(Buffer.concat([subject.der, publicKey.spki])),
  )
  for (const [, versions] of groups) {
    const living = versions.filter(({ certificate }) => certificate.notAfter > now)
    for (const one of versions) if (!living.includes(one)) leftOut.push(expired(one))
    if (living.length === 0) continue
    const selfSigned = living.filter(({ certificate }) => isSelfSigned(certificate))
    const inUse = living.filter(({ certificate }) => trust.has(fingerprintOf(certificate)))
    const kept = living.filter(({ certificate }) => stored.has(fingerprintOf(certificate)))
    // What the store has stays: a generation does not change its certificate.
    const best = longest(kept) ?? longest(inUse) ?? longest(selfSigned) ?? longest(living)!
    const address = stored.get(fingerprintOf(best.certificate))
    const next = longest(living.filter((one) => isRenewalOf(one.certificate, best.certificate)))
    const isTaken =
      next !== undefined &&
      (address === undefined ? best === longest(inUse) : isNext(next.certificate, address))
    const taken = [...kept.filter((one) => one !== best), best, ...(isTaken ? [next] : [])]
    for (const one of taken) {
      drafts.push({
        ...one,
        key: collection.keyOf(one.certificate.publicKey),
        anchor: inUse.length > 0 || selfSigned.length > 0,
        issuer: undefined,
        crosses: [],
        // The last one tells of those that are not adopted.
        versions: one === taken.at(-1) ? living.filter((other) => !taken.includes(other)) : [],
      })
    }
  }
  const byName = groupBy(drafts, ({ certificate }) => sha256(certificate.subject.der))
  let checks = 0
  const signerOf = (certificate: Certificate): Draft | undefined => {
    const named = byName.get(sha256(certificate.issuer.der)) ?? []
    const found = named.find((draft) => {
      if (checks >= mostChecks) return false
      checks += 1
      return verifySignature(certificate, draft.certificate)
    })
    if (found === undefined) return undefined
    // Of generations that have one key, the one that it names, and of these the one that ends last.
    const twins = named.filter((draft) => isTwin(draft.certificate, found.certificate))
    return twins.findLast((draft) => isIssuedBy(certificate, draft.certificate)) ?? twins.at(-1)
  }
  for (const draft of drafts) {
    if (!draft.anchor) {
      const issuer = signerOf(draft.certificate)
      if (issuer === undefined || issuer === draft) draft.anchor = true
      else draft.issuer = issuer
    }
    const crosses: { by: Tree; certificate: Certificate }[] = []
    for (const version of draft.versions) {
      if (version.certificate === draft.certificate) continue
      const by = isSelfSigned(version.certificate) ? draft : signerOf(version.certificate)
      if (by !== undefined && by !== draft && draft.anchor) {
        crosses.push({ by, certificate: version.certificate })
      } else {
        leftOut.push(otherVersion(version, draft, stored.get(fingerprintOf(draft.certificate))))
      }
    }
    draft.crosses = crosses
  }
  // Two that signed each other, and no root above them: agents can trust neither as an intermediate.
  for (const draft of drafts) {
    const seen = new Set<Tree>()
    for (let at: Tree | undefined = draft; at !== undefined; at = at.issuer) {
      if (seen.has(at)) {
        draft.anchor = true
        draft.issuer = undefined
        break
      }
      seen.add(at)
    }
  }
  return { trees: drafts, signerOf, leftOut }
}

/** Whether its own key signed it. */
export function isSelfSigned(certificate: Certificate): boolean {
  return (
    sameBytes(certificate.issuer.der, certificate.subject.der) &&
    verifySignature(certificate, certificate)
  )
}

/** Whether a certificate is another one again, of the same issuer, and ends later. Both have one name and key. */
function isRenewalOf(later: Certificate, one: Certificate): boolean {
  return (
    later.notAfter > one.notAfter &&
    sameBytes(later.issuer.der, one.issuer.der) &&
    isSelfSigned(later) === isSelfSigned(one) &&
    (isSelfSigned(one) || later.authorityKeyIdentifier === one.authorityKeyIdentifier)
  )
}

/** The one that ends last; of equals the one with the lower fingerprint, so that each run takes the same. */
function longest(versions: readonly FoundCertificate[]): FoundCertificate | undefined {
  return [...versions].sort(
    (a, b) =>
      b.certificate.notAfter - a.certificate.notAfter ||
      (fingerprintOf(a.certificate) < fingerprintOf(b.certificate) ? -1 : 1),
  )[0]
}

/** Another certificate of one key and name; agents that have either accept the leaves of both. */
function otherVersion(
  { places, certificate }: FoundCertificate,
  kept: Draft,
  address: string | undefined,
): LeftOut {
  const it = { kind: 'left-out', place: places[0]!, code: 'adoption/replaced' } as const
  const { notAfter } = kept.certificate
  if (address === undefined || certificate.notAfter <= notAfter) {
    return { ...it, message: `it has the key and name of ${kept.places[0]!}, which is adopted` }
  }
  return {
    ...it,
    message: `it is ${address} once more, with the same key, and ends ${formatInstant(certificate.notAfter)}; the store keeps the one that it has, which ends ${formatInstant(notAfter)}`,
    hint: `agents with either accept the certificates of both. To have a new one in time: nomad-pki rotate authority ${authorityNameOf(address)} --next`,
  }
}

function expired({ places, certificate }: FoundCertificate): LeftOut {
  return {
    kind: 'left-out',
    place: places[0]!,
    code: 'adoption/expired',
    message: `the authority ${formatName(certificate.subject)} expired ${formatInstant(certificate.notAfter)}`,
  }
}
