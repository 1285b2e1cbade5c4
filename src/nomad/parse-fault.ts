/**
 * Why Go cannot parse a certificate that our reader can: agents then do not load it, and peers end the
 * handshake. An allow-list after crypto/x509 parser.go: each key and each extension that Go looks into
 * is looked into here.
 *
 * @module
 */

import { isIP } from 'node:net'
import { sameBytes } from '../bytes.js'
import { count } from '../count.js'
import { DerReader } from '../der/read.js'
import { isPrintable, tags } from '../der/write.js'
import { isNomadPkiError } from '../errors.js'
import type { PublicKey } from '../keys/algorithms.js'
import { isOnCurve } from '../keys/curves.js'
import type { Certificate, Extension, GeneralName } from '../x509/certificate.js'
import type { Name } from '../x509/name.js'
import { domainFault, uriFault } from './go-url.js'

/**
 * Why Go cannot parse a certificate that our reader can.
 *
 * @param certificate Any certificate.
 * @returns A clause about the certificate, lower case.
 */
export function parseFault(certificate: Certificate): string | undefined {
  if (certificate.serialNegative) return 'its serial number is negative'
  const { innerSignatureAlgorithm, outerSignatureAlgorithm } = certificate
  if (
    innerSignatureAlgorithm !== outerSignatureAlgorithm &&
    !sameBytes(innerSignatureAlgorithm, outerSignatureAlgorithm)
  ) {
    return 'its two signature algorithms differ'
  }
  return (
    nameFaultIn(certificate.subject) ??
    nameFaultIn(certificate.issuer) ??
    publicKeyFault(certificate.publicKey) ??
    extensionFault(certificate)
  )
}

/** parser.go parseASN1String */
function nameFaultIn({ attributes }: Name): string | undefined {
  for (const { type, value, tag } of attributes) {
    if (tag === 12) continue
    if (!stringTags.has(tag)) return `its ${type} is a string of a type that agents don't read`
    // Go takes `*` and `&` in a PrintableString as well (parser.go isPrintable).
    if (tag === 19 && !isPrintable(value) && !isPrintable(value.replace(/[*&]/g, ''))) {
      return `its ${type} is a PrintableString with ${JSON.stringify(value)} in it`
    }
    if (tag === 18 && !/^[0-9 ]*$/.test(value)) return `its ${type} is not a NumericString`
    // eslint-disable-next-line no-control-regex
    if (tag === 22 && /[^\u0000-\u007f]/.test(value)) return `its ${type} is not an IA5String`
    if (tag === 30 && /[\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]/.test(value)) {
      return `its ${type} is not a BMPString`
    }
  }
  return undefined
}

/** UTF8, Numeric, Printable, T61, IA5, BMP: parser.go parseASN1String. */
const stringTags: ReadonlySet<number> = new Set([12, 18, 19, 20, 22, 30])

/** What agents say of an EC key on a curve that Go does not have. */
const unsupportedCurve = 'its elliptic curve is unknown to agents (P-224, P-256, P-384, P-521)'

/**
 * Why Go cannot parse a public key. Keys of algorithms that Go does not know at all are passed over
 * there, and are of no use in a handshake. parser.go parsePublicKey
 */
function publicKeyFault({ name, spki }: PublicKey): string | undefined {
  if (name === 'rsa-pss') return undefined
  if (name.startsWith('rsa-')) return rsaFault(spki)
  if (name.startsWith('ecdsa')) {
    if (name.endsWith(' compressed')) return 'its public key is a compressed point'
    if (name === 'ecdsa explicit parameters') return 'its elliptic curve is not named'
    if (!namedCurves.has(name)) return unsupportedCurve
    return isOnCurve(name, bitsOf(spki)) ? undefined : 'its public key is not a point of its curve'
  }
  const plain = plainKeys.get(name)
  if (plain === undefined) return undefined
  const { parameters, bits } = partsOf(spki)
  if (name === 'dsa') return dsaFault(parameters, bits)
  if (parameters.length > 0) return `its ${plain} key has parameters`
  return bits.length === 32
    ? undefined
    : `its ${plain} key has ${count(bits.length, 'octet')} instead of 32`
}

const namedCurves: ReadonlySet<string> = new Set([
  'ecdsa-p224',
  'ecdsa-p256',
  'ecdsa-p384',
  'ecdsa-p521',
])

/** An Ed25519 key of an unusual form is named by its identifier. */
const plainKeys: ReadonlyMap<string, string> = new Map([
  ['ed25519', 'Ed25519'],
  ['oid 1.3.101.112', 'Ed25519'],
  ['dsa', 'DSA'],
])

function rsaFault(spki: Uint8Array): string | undefined {
  const { parameters, bits } = partsOf(spki)
  if (!sameBytes(parameters, nullBytes)) return 'its RSA key lacks the NULL parameters'
  const key = new DerReader(bits).enter(tags.sequence, 'the RSA key')
  const modulus = key.integer('the modulus')
  if (modulus.length === 1 && modulus[0] === 0) return 'its RSA key has the modulus 0'
  const exponent = key.integer('the exponent')
  if (exponent[0]! >= 0x80 || (exponent.length === 1 && exponent[0] === 0)) {
    return 'its RSA key has an exponent that is not positive'
  }
  return exponent.length > 8 ? 'its RSA key has an exponent of more than 63 bits' : undefined
}

const nullBytes = Uint8Array.of(5, 0)

function dsaFault(parameters: Uint8Array, bits: Uint8Array): string | undefined {
  return attempt('its DSA key', () => {
    const numbers = [new DerReader(bits).integer('y')]
    const inner = new DerReader(parameters).enter(tags.sequence, 'parameters')
    for (const what of ['p', 'q', 'g']) numbers.push(inner.integer(what))
    return numbers.some((one) => one[0]! >= 0x80 || (one.length === 1 && one[0] === 0))
      ? 'its DSA key holds a number that is not positive'
      : undefined
  })
}

function partsOf(spki: Uint8Array): {
  readonly parameters: Uint8Array
  readonly bits: Uint8Array
} {
  const info = new DerReader(spki).enter(tags.sequence, 'the public key')
  const algorithm = info.enter(tags.sequence, 'the algorithm')
  algorithm.oid('the algorithm')
  const parameters = algorithm.bytes.subarray(algorithm.position, algorithm.end)
  return { parameters, bits: info.octetsOfBits('the public key') }
}

function bitsOf(spki: Uint8Array): Uint8Array {
  return partsOf(spki).bits
}

/** parser.go processExtensions: what Go looks into beyond what our reader does, and what it refuses. */
function extensionFault(certificate: Certificate): string | undefined {
  for (const extension of certificate.extensions) {
    const look = looks.get(extension.oid)
    const fault = look?.(extension, certificate)
    if (fault !== undefined) return fault
  }
  return undefined
}

type Look = (extension: Extension, certificate: Certificate) => string | undefined

const notCritical =
  (what: string, further?: Look): Look =>
  (extension, certificate) =>
    extension.critical ? `its ${what} is critical` : further?.(extension, certificate)

/** A look into an extension that our reader leaves as bytes. */
const inside =
  (what: string, read: (reader: DerReader) => string | undefined): Look =>
  ({ value }) =>
    attempt(`its ${what}`, () => read(new DerReader(value)))

const looks: ReadonlyMap<string, Look> = new Map<string, Look>([
  ['2.5.29.14', notCritical('subjectKeyIdentifier')],
  ['2.5.29.35', notCritical('authorityKeyIdentifier')],
  ['2.5.29.17', (_, { subjectAltName = [] }) => alternativeNameFault(subjectAltName)],
  ['2.5.29.30', (_, { nameConstraints }) => nameConstraints && constraintsFault(nameConstraints)],
  ['2.5.29.31', inside('cRLDistributionPoints', distributionPoints)],
  ['2.5.29.32', inside('certificatePolicies', policies)],
  ['2.5.29.33', inside('policyMappings', mappings)],
  ['2.5.29.36', inside('policyConstraints', policyConstraints)],
  [
    '2.5.29.54',
    inside('inhibitAnyPolicy', (reader) => {
      reader.integer('it')
      return undefined
    }),
  ],
  ['1.3.6.1.5.5.7.1.1', notCritical('authorityInfoAccess', inside('authorityInfoAccess', access))],
])

function alternativeNameFault(names: readonly GeneralName[]): string | undefined {
  for (const name of names) {
    if (name.type !== 'uri') continue
    const fault = uriFault(name.value)
    if (fault !== undefined) return `its URI ${JSON.stringify(name.value)} ${fault}`
  }
  return undefined
}

function constraintsFault({
  permitted,
  excluded,
}: NonNullable<Certificate['nameConstraints']>): string | undefined {
  if (permitted.length + excluded.length === 0) return 'its name constraints are empty'
  for (const name of [...permitted, ...excluded]) {
    if (!('value' in name) || name.type === 'ip') continue
    const { type, value } = name
    const fault =
      type === 'uri' && isIP(value) !== 0
        ? 'is an address'
        : type === 'email' && value.includes('@')
          ? mailboxFault(value)
          : domainFault(value, true)
    if (fault !== undefined) return `its name constraint ${JSON.stringify(value)} ${fault}`
  }
  return undefined
}

/** verify.go parseRFC2821Mailbox, without quoted local parts, which are not used in constraints. */
function mailboxFault(text: string): string | undefined {
  const at = text.lastIndexOf('@')
  const [local, domain] = [text.slice(0, at), text.slice(at + 1)]
  if (/^"(?:[^"\\]|\\.)*"$/s.test(local)) return domainFault(domain, false)
  if (
    !/^(?:[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~]|\\.)+(?:\.(?:[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~]|\\.)+)*$/.test(
      local,
    )
  ) {
    return 'is not a mailbox'
  }
  return domainFault(domain, false)
}

function distributionPoints(reader: DerReader): string | undefined {
  const points = reader.enter(tags.sequence, 'it')
  while (!points.done()) {
    const point = points.enter(tags.sequence, 'a point')
    if (point.peek() !== 0xa0) continue
    const names = point.enter(0xa0, 'a point').enter(0xa0, 'a point')
    while (names.peek() === 0x86) names.content(0x86, 'a point')
  }
  return undefined
}

function policies(reader: DerReader): string | undefined {
  const seen = new Set<string>()
  const list = reader.enter(tags.sequence, 'it')
  while (!list.done()) {
    const oid = list.enter(tags.sequence, 'a policy').oid('a policy')
    if (seen.has(oid)) return `its certificatePolicies name ${oid} twice`
    seen.add(oid)
  }
  return undefined
}

function mappings(reader: DerReader): string | undefined {
  const list = reader.enter(tags.sequence, 'it')
  while (!list.done()) {
    const pair = list.enter(tags.sequence, 'a mapping')
    pair.content(tags.oid, 'a mapping')
    pair.content(tags.oid, 'a mapping')
  }
  return undefined
}

function policyConstraints(reader: DerReader): string | undefined {
  const inner = reader.enter(tags.sequence, 'it')
  for (const tag of [0x80, 0x81]) {
    if (inner.peek() !== tag) continue
    const digits = inner.content(tag, 'a number')
    const [first, second] = digits
    const padded =
      second !== undefined && ((first === 0 && second < 0x80) || (first === 0xff && second >= 0x80))
    if (digits.length === 0 || digits.length > 8 || padded) {
      return 'its policyConstraints hold a number that cannot be read'
    }
  }
  return undefined
}

function access(reader: DerReader): string | undefined {
  const list = reader.enter(tags.sequence, 'it')
  while (!list.done()) {
    const one = list.enter(tags.sequence, 'a description')
    one.oid('a description')
    if (one.peek() === 0x86) one.content(0x86, 'a description')
  }
  return undefined
}

function attempt(what: string, read: () => string | undefined): string | undefined {
  try {
    return read()
  } catch (error) {
    if (isNomadPkiError(error, 'ERR_DER_MALFORMED'))
      return `${what} cannot be read: ${error.message}`
    throw error
  }
}
