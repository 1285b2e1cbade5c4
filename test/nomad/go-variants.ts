/**
 * Certificates and keys at the edge of what Go loads, each with Go's own verdict. `go-variants.test.ts`
 * holds the library to the verdicts, `test/judges/agent.test.ts` holds the verdicts to Go.
 */
import { generateKeyPairSync } from 'node:crypto'
import { DerReader } from '../../src/der/read.js'
import {
  bitString,
  context,
  contextPrimitive,
  element,
  integer,
  nullValue,
  octetString,
  sequence,
  tags,
} from '../../src/der/write.js'
import { pemEncode } from '../../src/keys/pem.js'
import type { Extension, GeneralName } from '../../src/x509/extension.js'
import { nameConstraints } from '../../src/x509/extensions.js'
import {
  agent,
  build,
  commonName,
  ecKeyOf,
  oid,
  p256,
  raw,
  root,
  rsa,
  san,
  turned,
  type Draft,
} from '../lint/draft.js'

/** A certificate and whether Go parses it. */
export interface Variant {
  readonly name: string
  readonly draft: Draft
  readonly parses: boolean
}

const leaf = (change: Draft): Draft => agent('server', 'global', change)
const added = (extension: Extension): Draft => leaf({ extensions: { added: extension } })
const spki = (bytes: Uint8Array): Draft =>
  // A key that is not read has no identifier either.
  leaf({ spki: bytes, extensions: { subjectKeyIdentifier: undefined } })
const named = (...uris: string[]): Draft => agent('server', 'global', { uris })
const policy = (...oids: string[]): Uint8Array => sequence(...oids.map((one) => sequence(oid(one))))
const bounds = (type: 'dns' | 'uri' | 'email', value: string): Draft =>
  root({
    extensions: {
      nameConstraints: nameConstraints({
        permitted: [{ type, value } satisfies GeneralName],
        excluded: [],
      }),
    },
  })
/** The generator of P-256, one bit of it turned. */
const besides = Uint8Array.from(p256, (byte, at) => (at === p256.length - 1 ? byte ^ 1 : byte))
const plain = (dotted: string, octets: number, ...parameters: Uint8Array[]): Uint8Array =>
  sequence(sequence(oid(dotted), ...parameters), bitString(new Uint8Array(octets).fill(9)))
const dsa = (y: number, ...numbers: number[]): Uint8Array =>
  sequence(
    sequence(oid('1.2.840.10040.4.1'), sequence(...numbers.map((one) => integer(one)))),
    bitString(integer(y)),
  )
const rsaOf = (modulus: Uint8Array, exponent: Uint8Array): Uint8Array =>
  sequence(
    sequence(oid('1.2.840.113549.1.1.1'), nullValue),
    bitString(sequence(element(tags.integer, modulus), element(tags.integer, exponent))),
  )
const odd = Uint8Array.of(0x7f, ...new Uint8Array(255).fill(0xff))

const refused = (name: string, draft: Draft): Variant => ({ name, draft, parses: false })
const taken = (name: string, draft: Draft): Variant => ({ name, draft, parses: true })

/** Certificates that our reader can read. */
export const certificates: readonly Variant[] = [
  taken('a sound one', leaf({})),
  // Keys
  refused('brainpoolP256r1', spki(ecKeyOf(oid('1.3.36.3.3.2.8.1.1.7'), 4, 64))),
  refused('secp256k1', spki(ecKeyOf(oid('1.3.132.0.10'), 4, 64))),
  refused('SM2', spki(ecKeyOf(oid('1.2.156.10197.1.301'), 4, 64))),
  refused('a point beside the curve', spki(besides)),
  refused('a point of P-521 beside the curve', spki(ecKeyOf(oid('1.3.132.0.35'), 4, 132))),
  refused('a point of P-224 beside the curve', spki(ecKeyOf(oid('1.3.132.0.33'), 4, 56))),
  refused('a point with a coordinate too many', spki(ecKeyOf(oid('1.2.840.10045.3.1.7'), 4, 65))),
  refused('explicit parameters', spki(ecKeyOf(sequence(integer(1)), 4, 64))),
  taken('RSA of 3000 bits', spki(rsa(3000))),
  taken('RSA of 512 bits', spki(rsa(512))),
  refused('RSA without parameters', spki(rsa(2048, 65_537, new Uint8Array()))),
  refused('RSA with the modulus 0', spki(rsaOf(Uint8Array.of(0), Uint8Array.of(3)))),
  refused('RSA with the exponent 0', spki(rsaOf(odd, Uint8Array.of(0)))),
  refused('RSA with a negative exponent', spki(rsaOf(odd, Uint8Array.of(0xfd)))),
  refused(
    'RSA with an exponent of 64 bits',
    spki(rsaOf(odd, Uint8Array.of(0, ...odd.slice(1, 9)))),
  ),
  taken('RSA with an exponent of 63 bits', spki(rsaOf(odd, odd.slice(0, 8)))),
  taken('Ed25519', spki(plain('1.3.101.112', 32))),
  refused('Ed25519 with parameters', spki(plain('1.3.101.112', 32, nullValue))),
  refused('Ed25519 of 31 octets', spki(plain('1.3.101.112', 31))),
  taken('X25519, which Go does not look into', spki(plain('1.3.101.110', 33, nullValue))),
  taken('Ed448, which Go does not know', spki(plain('1.3.101.113', 57))),
  taken('RSA-PSS, which Go does not know', spki(plain('1.2.840.113549.1.1.10', 9))),
  taken('DSA', spki(dsa(5, 23, 11, 4))),
  refused('DSA with a zero', spki(dsa(5, 23, 0, 4))),
  refused('DSA without numbers', spki(dsa(5))),
  // Extensions that our reader leaves as bytes
  taken('a policy', added(raw('2.5.29.32', policy('1.2.3')))),
  refused('a policy twice', added(raw('2.5.29.32', policy('1.2.3', '1.2.3')))),
  refused('a policy that is not one', added(raw('2.5.29.32', sequence(oid('1.2.3'))))),
  refused('policies of nothing', added(raw('2.5.29.32', new Uint8Array()))),
  refused('policies that are null', added(raw('2.5.29.32', nullValue, true))),
  taken('a mapping', added(raw('2.5.29.33', sequence(sequence(oid('1.2.3'), oid('1.2.4')))))),
  refused('half a mapping', added(raw('2.5.29.33', sequence(sequence(oid('1.2.3')))))),
  taken(
    'policy constraints',
    added(raw('2.5.29.36', sequence(contextPrimitive(0, Uint8Array.of(0))))),
  ),
  refused(
    'policy constraints of nine octets',
    added(raw('2.5.29.36', sequence(contextPrimitive(1, new Uint8Array(9).fill(1))))),
  ),
  refused(
    'policy constraints without octets',
    added(raw('2.5.29.36', sequence(contextPrimitive(0, new Uint8Array())))),
  ),
  refused('policy constraints that are null', added(raw('2.5.29.36', nullValue))),
  taken('inhibitAnyPolicy', added(raw('2.5.29.54', integer(0)))),
  refused('inhibitAnyPolicy that is text', added(raw('2.5.29.54', octetString(new Uint8Array(1))))),
  taken(
    'a distribution point',
    added(
      raw(
        '2.5.29.31',
        sequence(
          sequence(
            context(0, context(0, contextPrimitive(6, Buffer.from('http://a.example/crl')))),
          ),
        ),
      ),
    ),
  ),
  taken('a distribution point without a name', added(raw('2.5.29.31', sequence(sequence())))),
  refused('a distribution point that is not one', added(raw('2.5.29.31', sequence(nullValue)))),
  refused(
    'a distribution point of another kind',
    added(raw('2.5.29.31', sequence(sequence(context(0, context(1, sequence())))))),
  ),
  taken(
    'authorityInfoAccess',
    added(
      raw(
        '1.3.6.1.5.5.7.1.1',
        sequence(sequence(oid('1.3.6.1.5.5.7.48.1'), contextPrimitive(6, Buffer.from('http://o')))),
      ),
    ),
  ),
  refused('authorityInfoAccess, critical', added(raw('1.3.6.1.5.5.7.1.1', sequence(), true))),
  refused('authorityInfoAccess that is null', added(raw('1.3.6.1.5.5.7.1.1', nullValue))),
  refused(
    'a critical subjectKeyIdentifier',
    leaf({
      extensions: {
        subjectKeyIdentifier: turned(agent('server', 'global').extensions!.subjectKeyIdentifier!),
      },
    }),
  ),
  refused(
    'a critical authorityKeyIdentifier',
    leaf({
      extensions: {
        authorityKeyIdentifier: turned(
          agent('server', 'global').extensions!.authorityKeyIdentifier!,
        ),
      },
    }),
  ),
  taken('an extension that nobody knows', added(raw('1.2.3.4', nullValue, true))),
  // Name constraints
  taken('a constraint', bounds('dns', '.acme.internal')),
  taken('a constraint of everything', bounds('dns', '')),
  refused('a constraint with a final dot', bounds('dns', 'acme.internal.')),
  refused('a constraint with two dots', bounds('dns', '..acme.internal')),
  refused('a constraint with an empty label', bounds('dns', 'acme..internal')),
  refused('a constraint with a space', bounds('dns', 'acme internal')),
  taken('a constraint on mail', bounds('email', 'ops@acme.internal')),
  refused('a constraint on mail without a name', bounds('email', '@acme.internal')),
  refused('a constraint on mail of two dots', bounds('email', 'a..b@acme.internal')),
  taken('a constraint on addresses of the web', bounds('uri', 'acme.internal')),
  refused('a constraint on the web by number', bounds('uri', '10.0.0.1')),
  refused(
    'empty constraints',
    root({ extensions: { nameConstraints: raw('2.5.29.30', sequence(context(0)), true) } }),
  ),
  // Names
  taken(
    'names that no host can have',
    agent('server', 'global', { dns: ['a_b.nomad', 'a..b', '-'] }),
  ),
  ...[
    'nomad-pki://operator.nomad/alice',
    'spiffe://acme.internal/ns/a%20b',
    'urn:uuid:1',
    'mailto:a b',
    '/path',
    '',
    'http://[::1]:80/',
    'http://h.example:/',
    'http://u:p@h.example/',
    'http://h.example?a=%zz',
    'a/b:c',
    '*',
  ].map((uri) => taken(`the URI ${JSON.stringify(uri)}`, named(uri))),
  ...[
    'http://h.example/%zz',
    'http://h.example/#%z',
    'http://h.example:port/',
    'http://h..example/',
    'http://h.example./',
    'http://h example/',
    'http://[::1/',
    'http://a%20b/',
    'http://h\\x/',
    'http://u b@h/',
    ':a',
    'a b:c',
    '1:2',
    'a\u0001b',
  ].map((uri) => refused(`the URI ${JSON.stringify(uri)}`, named(uri))),
  taken('no names', leaf({ extensions: { subjectAltName: san([]) } })),
]

/** A certificate with a key file, and whether an agent loads the pair. */
export interface Pair {
  readonly name: string
  readonly cert: string
  readonly key: string
  readonly loads: boolean
}

/** Key files, made anew: RSA takes a second. */
export function pairs(): readonly Pair[] {
  const made = (kind: 'rsa' | 'ec', options: object): { spki: Buffer; pkcs8: Buffer } => {
    const { publicKey, privateKey } = generateKeyPairSync(kind as 'rsa', {
      ...(options as { modulusLength: number }),
      publicKeyEncoding: { type: 'spki', format: 'der' },
      privateKeyEncoding: { type: 'pkcs8', format: 'der' },
    })
    return { spki: publicKey, pkcs8: privateKey }
  }
  const cert = (bytes: Uint8Array): string => pemEncode('CERTIFICATE', build(spki(bytes)))
  const key = (pkcs8: Uint8Array): string => pemEncode('PRIVATE KEY', pkcs8)
  const [odd1, odd2] = [made('rsa', { modulusLength: 2056 }), made('rsa', { modulusLength: 2056 })]
  const curve = (namedCurve: string): { spki: Buffer; pkcs8: Buffer } => made('ec', { namedCurve })
  const [one, two] = [curve('prime256v1'), curve('prime256v1')]
  const [small, other] = [curve('secp224r1'), curve('secp224r1')]
  const pool = curve('brainpoolP256r1')
  const pkcs1 = rsaPrivate(odd1.pkcs8)
  return [
    { name: 'RSA of an odd length', cert: cert(odd1.spki), key: key(odd1.pkcs8), loads: true },
    {
      name: "RSA of an odd length, another's",
      cert: cert(odd1.spki),
      key: key(odd2.pkcs8),
      loads: false,
    },
    {
      name: 'RSA as PKCS#1',
      cert: cert(odd1.spki),
      key: pemEncode('RSA PRIVATE KEY', pkcs1),
      loads: true,
    },
    {
      name: 'RSA as PKCS#1 with something behind',
      cert: cert(odd1.spki),
      key: pemEncode('RSA PRIVATE KEY', Buffer.concat([pkcs1, nullValue])),
      loads: false,
    },
    ...[4, 5, 6, 7, 8].map((place) => ({
      name: `RSA with its number ${place} changed`,
      cert: cert(odd1.spki),
      key: pemEncode('RSA PRIVATE KEY', changed(pkcs1, place)),
      loads: false,
    })),
    { name: 'P-224', cert: cert(small.spki), key: key(small.pkcs8), loads: true },
    { name: "P-224, another's", cert: cert(small.spki), key: key(other.pkcs8), loads: false },
    {
      name: 'a key that carries the point of another certificate',
      cert: cert(two.spki),
      key: key(withPoint(one.pkcs8, two.spki)),
      loads: false,
    },
    {
      name: 'a key that carries the wrong point, with its own certificate',
      cert: cert(one.spki),
      key: key(withPoint(one.pkcs8, two.spki)),
      loads: true,
    },
    { name: 'brainpoolP256r1', cert: cert(one.spki), key: key(pool.pkcs8), loads: false },
  ]
}

/** The PKCS#1 within a PKCS#8. */
function rsaPrivate(pkcs8: Uint8Array): Uint8Array {
  const info = new DerReader(pkcs8).enter(tags.sequence, 'the key')
  info.integer('the version')
  info.whole('the algorithm')
  return info.content(tags.octetString, 'the key')
}

/** One of the numbers of a PKCS#1 key, by two more: n e d p q dp dq are 1 to 7. */
function changed(pkcs1: Uint8Array, place: number): Uint8Array {
  const numbers: Uint8Array[] = []
  const reader = new DerReader(pkcs1).enter(tags.sequence, 'the key')
  while (!reader.done()) numbers.push(Uint8Array.from(reader.integer('a number')))
  const last = numbers[place]!.length - 1
  numbers[place]![last] = numbers[place]![last]! ^ 2
  return sequence(...numbers.map((one) => element(tags.integer, one)))
}

/** An EC key whose point is that of another: both have the same length and end with it. */
function withPoint(pkcs8: Uint8Array, other: Uint8Array): Uint8Array {
  const out = Uint8Array.from(pkcs8)
  out.set(other.subarray(other.length - 65), out.length - 65)
  return out
}

/** A `ca_file`, how many blocks Go finds in it, and how many certificates its pool gets. */
export interface CaFile {
  readonly name: string
  readonly ca: string
  readonly blocks: number
  readonly pool: number
}

/** Where readers of PEM differ, each with Go's verdict. */
export function caFiles(): readonly CaFile[] {
  const one = pemEncode('CERTIFICATE', build(root()))
  const two = pemEncode('CERTIFICATE', build(root({ subject: commonName('two') })))
  const opening = '-----BEGIN CERTIFICATE-----\n'
  const closing = '-----END CERTIFICATE-----\n'
  const unparsed = certificates.find(({ parses }) => !parses)!
  const file = (name: string, ca: string, blocks: number, pool: number): CaFile => ({
    name,
    ca,
    blocks,
    pool,
  })
  return [
    file('two certificates', one + two, 2, 2),
    file('CRLF', (one + two).replaceAll('\n', '\r\n'), 2, 2),
    file('CR alone', (one + two).replaceAll('\n', '\r'), 0, 0),
    file('text between', `first\n${one}\nsecond: it\n${two}`, 2, 2),
    file('no line break at the end', (one + two).trimEnd(), 2, 2),
    file('blanks behind BEGIN and END', (one + two).replaceAll('-----\n', '----- \t\n'), 2, 2),
    file('blanks in the base64', (one + two).replaceAll('AA', 'A A'), 2, 2),
    file('BEGIN behind blanks', `${one}  ${two}`, 1, 1),
    file('BEGIN behind a byte order mark', `\u00ef\u00bb\u00bf${one}${two}`, 1, 1),
    file('text behind BEGIN', one.replace(opening, `${opening.trimEnd()} x\n`) + two, 1, 1),
    file('text behind END', one.replace(closing, `${closing.trimEnd()} x\n`) + two, 1, 1),
    file('END behind the base64', one.replace(`\n${closing}`, closing) + two, 1, 1),
    file('on one line', one.replaceAll('\n', '') + `\n${two}`, 1, 1),
    file('a BEGIN without an END before', `${opening}AAAA\n${one}${two}`, 2, 2),
    file('a BEGIN without an END between', `${one}${opening}AAAA\n${two}`, 2, 2),
    file('an END without a BEGIN before', `x\n${closing}${one}${two}`, 2, 2),
    file('another label at END', one.replace('END CERTIFICATE', 'END CERT') + two, 1, 1),
    file('damaged base64', one.replace('MII', 'M!I') + two, 1, 1),
    file('bytes that are not a certificate', pemEncode('CERTIFICATE', Buffer.alloc(9)) + two, 2, 1),
    file('headers', one.replace(opening, `${opening}a: b\n\n`) + two, 2, 1),
    file('headers to the end of the text', `${opening}a: b\nc:${closing.trimEnd()}`, 0, 0),
    file('an empty block', `${opening}${closing}${two}`, 2, 1),
    file('a key before', pemEncode('PRIVATE KEY', Buffer.alloc(9)) + two, 2, 1),
    file('TRUSTED CERTIFICATE', one.replaceAll('CERTIFICATE', 'TRUSTED CERTIFICATE') + two, 2, 1),
    file(unparsed.name, pemEncode('CERTIFICATE', build(unparsed.draft)) + two, 2, 1),
  ]
}
