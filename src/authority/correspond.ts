/**
 * Whether what an issuer returned is what was prepared. An issuer that holds a key signs our bytes,
 * and they must come back as they went. One that writes its own bytes is held to the meaning: names
 * as a set, because Vault sorts them; a serial number of its own; dates by its own clock.
 *
 * @module
 */

import { sameBytes } from '../bytes.js'
import type { Certificate, GeneralName } from '../x509/certificate.js'
import { extensionOids } from '../x509/oids.js'

/** How far a remote issuer's clock may differ: it dates the certificate itself. */
const mostSkew = 5 * 60_000

/**
 * Extensions that an issuer may add: they say where more is told, and limit or permit nothing.
 * Authority information access, CRL distribution points, certificate policies (RFC 5280 §4.2).
 */
const harmless: ReadonlySet<string> = new Set(['1.3.6.1.5.5.7.1.1', '2.5.29.31', '2.5.29.32'])

/**
 * Compares a certificate that an issuer returned with what was prepared, and says in what it differs.
 *
 * @param returned What the issuer gave.
 * @param expected What was prepared.
 * @returns One sentence, lower case; `undefined` if it corresponds.
 */
export function correspondenceFault(
  returned: Certificate,
  expected: Certificate,
  now: number,
): string | undefined {
  if (!sameBytes(returned.innerSignatureAlgorithm, returned.outerSignatureAlgorithm)) {
    return 'it names two signature algorithms'
  }
  if (sameBytes(returned.tbs, expected.tbs)) return undefined
  if (!sameBytes(returned.publicKey.spki, expected.publicKey.spki)) {
    return 'it is for another key'
  }
  // A root names itself, by the bytes that its writer chose for its subject.
  // A cross-certificate between roots of one name says whose key signed it.
  const isRoot =
    sameBytes(expected.issuer.der, expected.subject.der) &&
    expected.authorityKeyIdentifier === undefined
  const issuer = isRoot ? returned.subject : expected.issuer
  if (!sameBytes(returned.issuer.der, issuer.der)) return 'it names another issuer'
  const facts: readonly (readonly [string, unknown, unknown])[] = [
    ['version', returned.version, expected.version],
    ['subject', subjectOf(returned), subjectOf(expected)],
    ['names', setOf(returned.subjectAltName), setOf(expected.subjectAltName)],
    ['authority', returned.basicConstraints?.ca ?? false, expected.basicConstraints?.ca ?? false],
    ['path length', returned.basicConstraints?.pathLength, expected.basicConstraints?.pathLength],
    ['key usage', textOf(returned.keyUsage), textOf(expected.keyUsage)],
    ['extended key usage', textOf(returned.extendedKeyUsage), textOf(expected.extendedKeyUsage)],
    [
      'permitted names',
      setOf(returned.nameConstraints?.permitted),
      setOf(expected.nameConstraints?.permitted),
    ],
    [
      'excluded names',
      setOf(returned.nameConstraints?.excluded),
      setOf(expected.nameConstraints?.excluded),
    ],
    [
      'authority key identifier',
      returned.authorityKeyIdentifier,
      // A root may say its own (RFC 5280 §4.2.1.1).
      isRoot && returned.authorityKeyIdentifier !== undefined
        ? returned.subjectKeyIdentifier
        : expected.authorityKeyIdentifier,
    ],
  ]
  for (const [what, has, wanted] of facts) {
    if (has !== wanted) return `its ${what} is ${String(has)} where ${String(wanted)} was asked for`
  }
  const date = dateFault(returned, expected, now)
  if (date !== undefined) return date
  const more = returned.extensions.find(
    ({ oid, critical }) =>
      (critical ||
        !(harmless.has(oid) || (isRoot && oid === extensionOids.authorityKeyIdentifier))) &&
      !expected.extensions.some((other) => other.oid === oid),
  )
  if (more === undefined) return undefined
  return `it has ${more.critical ? 'a critical' : 'an'} extension that was not asked for (${more.oid})`
}

/** An issuer begins a life when it signs, later than what was prepared: up to now is right, plus the skew. */
function dateFault(returned: Certificate, expected: Certificate, now: number): string | undefined {
  // A life of minutes bears less.
  const skew = Math.min(mostSkew, (expected.notAfter - now) / 4)
  if (returned.notAfter > expected.notAfter + skew) return 'it lives longer than asked for'
  if (returned.notAfter < expected.notAfter - skew) return 'it ends earlier than asked for'
  if (returned.notBefore < expected.notBefore - skew) return 'it begins earlier than asked for'
  if (returned.notBefore > now + skew) return 'it begins later than now'
  return undefined
}

function subjectOf({ subject }: Certificate): string {
  return JSON.stringify(subject.attributes.map(({ oid, value }) => `${oid}=${value}`).sort())
}

function setOf(names: readonly GeneralName[] | undefined): string {
  return JSON.stringify(
    (names ?? [])
      .map((name) =>
        'value' in name
          ? `${name.type} ${name.value}`
          : `${name.type} ${Buffer.from(name.der).toString('hex')}`,
      )
      .sort(),
  )
}

function textOf(items: readonly string[] | undefined): string {
  return [...(items ?? [])].sort().join(', ')
}
