/**
 * Whether what an issuer returned is what was prepared. An issuer that holds a key signs our bytes,
 * and they must come back as they went. One that writes its own bytes is held to the meaning: names
 * as a set, because Vault sorts them, and a life no longer than asked for.
 *
 * @module
 */

import { sameBytes } from '../bytes.js'
import type { Certificate, GeneralName } from '../x509/certificate.js'

/** How far a remote issuer's clock may differ: it dates the certificate itself. */
const leeway = 10 * 60_000

/**
 * What does not correspond.
 *
 * @param returned What the issuer gave.
 * @param expected What was prepared.
 * @returns One sentence, lower case; `undefined` if it corresponds.
 */
export function correspondenceFault(
  returned: Certificate,
  expected: Certificate,
): string | undefined {
  if (!sameBytes(returned.innerSignatureAlgorithm, returned.outerSignatureAlgorithm)) {
    return 'it names two signature algorithms'
  }
  if (sameBytes(returned.tbs, expected.tbs)) return undefined
  if (!sameBytes(returned.publicKey.spki, expected.publicKey.spki)) {
    return 'it is for another key'
  }
  if (!sameBytes(returned.issuer.der, expected.issuer.der)) return 'it names another issuer'
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
    ['authority key identifier', returned.authorityKeyIdentifier, expected.authorityKeyIdentifier],
  ]
  for (const [what, has, wanted] of facts) {
    if (has !== wanted) return `its ${what} is ${String(has)} where ${String(wanted)} was asked for`
  }
  if (returned.notAfter > expected.notAfter + leeway) return 'it lives longer than asked for'
  if (returned.notBefore < expected.notBefore - leeway) return 'it begins earlier than asked for'
  const unknown = returned.extensions.find(
    ({ oid, critical }) => critical && !expected.extensions.some((other) => other.oid === oid),
  )
  return unknown && `it has a critical extension that was not asked for (${unknown.oid})`
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
