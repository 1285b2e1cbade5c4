/**
 * Requests that nobody honest makes, and damaged ones. Each is refused with a sentence, or it gets exactly what
 * the spec grants: no name, right or day beyond it.
 */

import { createHash, generateKeyPairSync, sign as signWith, type KeyObject } from 'node:crypto'
import process, { env } from 'node:process'
import { beforeAll, describe, expect, test } from 'vitest'
import { applyPlan, collect } from '../../src/apply/apply-plan.js'
import { answerRequest } from '../../src/checks/request.js'
import { desire } from '../../src/cluster/desire.js'
import { parseSpec } from '../../src/cluster/parse.js'
import {
  bitString,
  context,
  element,
  integer,
  objectIdentifier,
  octetString,
  sequence,
  setOf,
} from '../../src/der/write.js'
import { isNomadPkiError } from '../../src/errors.js'
import { vouching } from '../../src/evidence/vouched.js'
import { parsePrivateKey } from '../../src/keys/private-key.js'
import { sameCertificate } from '../../src/x509/certificate.js'
import { readInventory } from '../../src/inventory/read.js'
import type { Inventory } from '../../src/inventory/inventory.js'
import { storeIssuers } from '../../src/issuers/store-issuers.js'
import { makePlan } from '../../src/plan/make-plan.js'
import { memoryConfigs } from '../../src/store/memory-configs.js'
import { memoryStore } from '../../src/store/memory-store.js'
import { parseCertificates } from '../../src/x509/certificates.js'
import { verifyChain } from '../../src/x509/verify-chain.js'
import { formatName } from '../../src/x509/name.js'
import { signBeside } from '../../src/x509/detached-signature.js'
import {
  encodeRequest,
  encodeRequestFile,
  parseRequestFile,
  type RequestFile,
} from '../../src/x509/request.js'
import { seed } from '../seed.js'

const day = 86_400_000
const now = Date.UTC(2026, 10, 25, 12)
const address = 'identity/client/global/c1'
const spec = `version: 1
cluster: acme
defaults: { keyHeld: node }
node: { tls: /etc/nomad-tls }
regions:
  global:
    servers: { s1: { keyHeld: store } }
    clients: { c1: { ips: [10.0.0.21], names: [c1.acme.internal] } }
  other: { servers: { o1: {} } }
`
const desired = desire(parseSpec(spec, { file: 'cluster.yaml' }).spec!)
const wanted = desired.identities.find((one) => one.address === address)!

// ── a request of any parts ─────────────────────────────────────────────────────────────────────

const text = (tag: number, value: string | Uint8Array): Uint8Array =>
  element(tag, typeof value === 'string' ? Buffer.from(value, 'utf8') : value)
const rdn = (oid: string, value: Uint8Array): Uint8Array =>
  setOf(sequence(objectIdentifier(oid), value))
const cn = (value: string, tag = 12): Uint8Array => rdn('2.5.4.3', text(tag, value))
const bmp = (value: string): Buffer => Buffer.from(value, 'utf16le').swap16()
const extension = (oid: string, value: Uint8Array, critical = false): Uint8Array =>
  sequence(
    objectIdentifier(oid),
    ...(critical ? [Uint8Array.of(1, 1, 255)] : []),
    octetString(value),
  )
const san = (...names: readonly Uint8Array[]): Uint8Array =>
  extension('2.5.29.17', sequence(...names))
const dns = (name: string): Uint8Array => text(0x82, name)
const uri = (name: string): Uint8Array => text(0x86, name)
const asks = (...extensions: readonly Uint8Array[]): Uint8Array =>
  sequence(objectIdentifier('1.2.840.113549.1.9.14'), setOf(sequence(...extensions)))
const ecdsa256 = sequence(objectIdentifier('1.2.840.10045.4.3.2'))
const rsa256 = sequence(objectIdentifier('1.2.840.113549.1.1.11'), Uint8Array.of(5, 0))

const ec = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
const spkiOf = (key: KeyObject): Buffer => key.export({ type: 'spki', format: 'der' })

interface Parts {
  readonly version?: Uint8Array
  readonly subject?: Uint8Array
  readonly spki?: Uint8Array
  readonly attributes?: readonly Uint8Array[]
  readonly algorithm?: Uint8Array
  readonly sign?: (info: Uint8Array) => Uint8Array
  readonly behind?: Uint8Array
}

function made(parts: Parts = {}): Uint8Array {
  const {
    version = integer(0),
    subject = sequence(),
    attributes = [],
    algorithm = ecdsa256,
  } = parts
  const info = sequence(
    version,
    subject,
    parts.spki ?? spkiOf(ec.publicKey),
    context(0, ...attributes),
    ...(parts.behind ? [parts.behind] : []),
  )
  const signature = parts.sign?.(info) ?? signWith('sha256', info, ec.privateKey)
  return sequence(info, algorithm, bitString(signature))
}

const byKey = (
  pair: { readonly privateKey: KeyObject; readonly publicKey: KeyObject },
  algorithm: Uint8Array,
  hash: string | null,
): Uint8Array =>
  made({
    spki: spkiOf(pair.publicKey),
    algorithm,
    sign: (info) => signWith(hash, info, pair.privateKey),
  })

// ── the table ────────────────────────────────────────────────────────────────────────────────

type Row = readonly [name: string, file: Uint8Array]
const rows: Row[] = []
const add = (name: string, file: Uint8Array | string): void => {
  rows.push([name, typeof file === 'string' ? Buffer.from(file, 'latin1') : file])
}

const names = [
  ...[
    'server.global.nomad',
    'cli.global.nomad',
    'server.other.nomad',
    'client.other.nomad',
    'cli.other.nomad',
  ],
  ...[
    'SERVER.GLOBAL.NOMAD',
    'Server.global.nomad',
    'server.global.nomad.',
    'server.global.nomad..',
    'CLIENT.global.nomad',
  ],
  ...[
    '*.global.nomad',
    '*',
    '*.nomad',
    'server.*.nomad',
    's*.global.nomad',
    '*.acme.internal',
    'client.global.nomad\0.evil.example',
  ],
  ...[
    'server.global.nomad\0',
    '\0server.global.nomad',
    ' server.global.nomad',
    'server.global.nomad ',
    'server.global.nomad\n',
    'server .global.nomad',
  ],
  ...[
    'ｓｅｒｖｅｒ.global.nomad',
    'ѕerver.global.nomad',
    'server\u200b.global.nomad',
    '\u202edamon.labolg.revres',
    'server。global。nomad',
  ],
  ...[
    'localhost',
    '127.0.0.1',
    '10.0.0.99',
    'google.com',
    'nomad',
    '',
    '.',
    '-',
    'a'.repeat(64),
    'a'.repeat(65),
    'x'.repeat(5000),
  ],
  ...[
    'xn--serve-9za.global.nomad',
    'server.global.nomad/evil',
    'server.global.nomad@evil',
    '<script>',
    '$(reboot)',
    '\u001b[31mred',
  ],
]
for (const name of names) {
  add(`CN ${JSON.stringify(name).slice(0, 60)}`, made({ subject: sequence(cn(name)) }))
  add(`DNS ${JSON.stringify(name).slice(0, 60)}`, made({ attributes: [asks(san(dns(name)))] }))
}
const server = 'server.global.nomad'
for (const [tag, value] of [
  [19, server],
  [22, server],
  [20, server],
  [30, bmp(server)],
  [28, server],
  [18, '12345'],
  [26, server],
  [30, Buffer.from([0])],
  [30, Buffer.concat([bmp(server), Buffer.alloc(2)])],
  [4, server],
  [16, server],
  [12, Buffer.from([0xff, 0xfe])],
  [19, 'under_score@x'],
] as const) {
  add(
    `CN of the string type ${tag}, ${Buffer.from(value).length} bytes`,
    made({ subject: sequence(rdn('2.5.4.3', text(tag, value))) }),
  )
}
const client = 'client.global.nomad'
add('two CNs, the last a server', made({ subject: sequence(cn(client), cn(server)) }))
add('two CNs, the first a server', made({ subject: sequence(cn(server), cn(client)) }))
add(
  'two CNs in one part',
  made({
    subject: sequence(
      setOf(
        sequence(objectIdentifier('2.5.4.3'), text(12, client)),
        sequence(objectIdentifier('2.5.4.3'), text(12, server)),
      ),
    ),
  }),
)
add('an empty part of the subject', made({ subject: sequence(setOf()) }))
add('a subject that is a set', made({ subject: setOf() }))
add(
  'a thousand CNs',
  made({ subject: sequence(...Array.from({ length: 1000 }, (_, index) => cn(`n${index}`))) }),
)
for (const oid of [
  '1.2.3.4',
  '2.5.4.999',
  '2.999',
  '0.9.2342.19200300.100.1.25',
  '1.2.840.113549.1.9.1',
  '2.5.4.5',
  '2.5.4.65',
]) {
  add(`a subject with ${oid}`, made({ subject: sequence(cn(client), rdn(oid, text(12, server))) }))
}
for (const one of [
  'identity/server/global/s1',
  'identity/client/global/c2',
  'identity/operator/global/alice',
  'identity/client/other/c1',
  'authority/agent/1',
  'identity/client/global/c1/1',
  'identity/../../x',
  'identity/',
]) {
  add(`URI nomad-pki:${one}`, made({ attributes: [asks(san(uri(`nomad-pki:${one}`)))] }))
}
for (const one of [
  'nomad-pki://operator.nomad/alice',
  'nomad-pki:probe',
  'spiffe://acme/ns/default',
  'http://\0',
  'not a uri',
  `u:${'x'.repeat(9000)}`,
]) {
  add(`URI ${one.slice(0, 40)}`, made({ attributes: [asks(san(uri(one)))] }))
}
for (const [name, bytes] of [
  ['4', [10, 0, 0, 99]],
  ['16', Array<number>(16).fill(1)],
  ['5', [1, 2, 3, 4, 5]],
  ['0', []],
  ['32', Array<number>(32).fill(0)],
  ['any', [0, 0, 0, 0]],
] as const) {
  add(`IP of ${name} octets`, made({ attributes: [asks(san(text(0x87, Uint8Array.from(bytes))))] }))
}
for (const tag of [0x81, 0x88, 0xa0, 0xa3, 0xa4, 0xa5, 0x83, 0x89, 0x9f]) {
  add(
    `a name of the tag ${tag.toString(16)}`,
    made({ attributes: [asks(san(text(tag, 'x@server.global.nomad')))] }),
  )
}
for (const size of [10, 100, 500, 1500]) {
  add(
    `${size} names`,
    made({
      attributes: [
        asks(san(...Array.from({ length: size }, (_, index) => dns(`n${index}.acme.internal`)))),
      ],
    }),
  )
}
add('an empty SAN', made({ attributes: [asks(san())] }))
add(
  'SAN that is critical',
  made({ attributes: [asks(extension('2.5.29.17', sequence(dns(server)), true))] }),
)
add('a SAN that is no list', made({ attributes: [asks(extension('2.5.29.17', text(12, server)))] }))

const yes = Uint8Array.of(1, 1, 255)
for (const critical of [true, false]) {
  const more = critical ? ', critical' : ''
  add(
    `CA:TRUE${more}`,
    made({ attributes: [asks(extension('2.5.29.19', sequence(yes), critical))] }),
  )
  for (const length of [0, 1, 255])
    add(
      `CA:TRUE, path length ${length}${more}`,
      made({
        attributes: [asks(extension('2.5.29.19', sequence(yes, integer(length)), critical))],
      }),
    )
  add(`CA:FALSE${more}`, made({ attributes: [asks(extension('2.5.29.19', sequence(), critical))] }))
  add(
    `name constraints${more}`,
    made({
      attributes: [
        asks(extension('2.5.29.30', sequence(context(0, sequence(dns('nomad')))), critical)),
      ],
    }),
  )
  for (const oid of [
    '1.2.3.4.5',
    '2.5.29.99',
    '1.3.6.1.5.5.7.1.1',
    '2.5.29.31',
    '2.5.29.32',
    '2.5.29.54',
    '2.16.840.1.113730.1.1',
    '1.3.6.1.4.1.311.20.2',
    '1.3.6.1.5.5.7.1.24',
    '2.5.29.14',
    '2.5.29.35',
    '2.5.29.9',
    '2.5.29.46',
  ]) {
    add(
      `extension ${oid}${more}`,
      made({ attributes: [asks(extension(oid, octetString(Uint8Array.of(1)), critical))] }),
    )
  }
}
add(
  'a boolean of neither 00 nor FF',
  made({ attributes: [asks(extension('2.5.29.19', sequence(Uint8Array.of(1, 1, 1))))] }),
)
for (let bit = 0; bit < 9; bit += 1) {
  const bits = bit < 8 ? Uint8Array.of(3, 2, 7 - bit, 0x80 >> bit) : Uint8Array.of(3, 3, 7, 0, 0x80)
  add(`key usage ${bit}`, made({ attributes: [asks(extension('2.5.29.15', bits, true))] }))
}
for (const oid of [
  '2.5.29.37.0',
  '1.3.6.1.5.5.7.3.1',
  '1.3.6.1.5.5.7.3.2',
  '1.3.6.1.5.5.7.3.3',
  '1.3.6.1.5.5.7.3.4',
  '1.3.6.1.5.5.7.3.8',
  '1.3.6.1.5.5.7.3.9',
  '1.3.6.1.4.1.311.10.3.3',
  '1.2.3',
  '1.3.6.1.5.5.7.3.17',
]) {
  add(
    `extended key usage ${oid}`,
    made({ attributes: [asks(extension('2.5.29.37', sequence(objectIdentifier(oid))))] }),
  )
}
add('an empty extended key usage', made({ attributes: [asks(extension('2.5.29.37', sequence()))] }))
for (const oid of ['2.5.29.17', '2.5.29.19', '1.2.3.4']) {
  add(
    `extension ${oid} twice`,
    made({ attributes: [asks(extension(oid, sequence()), extension(oid, sequence()))] }),
  )
}
add(
  'extensions asked for twice',
  made({ attributes: [asks(san(dns(client))), asks(san(dns(server)))] }),
)
add(
  'extensions asked for twice, the first empty',
  made({ attributes: [asks(), asks(san(dns(server)))] }),
)
add(
  'two lists of extensions in one attribute',
  made({
    attributes: [
      sequence(
        objectIdentifier('1.2.840.113549.1.9.14'),
        setOf(sequence(), sequence(san(dns(server)))),
      ),
    ],
  }),
)
add(
  'an attribute without values',
  made({ attributes: [sequence(objectIdentifier('1.2.840.113549.1.9.14'), setOf())] }),
)
add('an attribute that is no list', made({ attributes: [octetString(Uint8Array.of(1))] }))
add(
  '3,000 extensions',
  made({
    attributes: [
      asks(
        ...Array.from({ length: 3000 }, (_, index) => extension(`1.2.3.${index}`, Uint8Array.of())),
      ),
    ],
  }),
)
for (const oid of [
  '1.2.840.113549.1.9.7',
  '1.2.840.113549.1.9.2',
  '1.2.840.113549.1.9.8',
  '1.3.6.1.4.1.311.2.1.14',
  '1.3.6.1.4.1.311.13.1',
  '1.3.6.1.4.1.311.13.2.3',
  '1.2.840.113549.1.9.16.2.60',
  '1.2.3',
]) {
  add(
    `attribute ${oid}`,
    made({ attributes: [sequence(objectIdentifier(oid), setOf(text(12, 'hunter2')))] }),
  )
}
add(
  'a thousand attributes',
  made({
    attributes: Array.from({ length: 1000 }, (_, index) =>
      sequence(objectIdentifier(`1.2.3.${index}`), setOf()),
    ),
  }),
)

// Keys
const rsaPair = (bits: number, publicExponent = 65_537): ReturnType<typeof generateKeyPairSync> =>
  generateKeyPairSync('rsa', { modulusLength: bits, publicExponent })
const weak = rsaPair(1024)
add('RSA 1024', byKey(weak, rsa256, 'sha256'))
add('RSA 1536', byKey(rsaPair(1536), rsa256, 'sha256'))
add('RSA 2048, where the spec asks for P-256', byKey(rsaPair(2048), rsa256, 'sha256'))
add('RSA 2056', byKey(rsaPair(2056), rsa256, 'sha256'))
add('RSA with the exponent 3', byKey(rsaPair(2048, 3), rsa256, 'sha256'))
add('RSA with the exponent 17', byKey(rsaPair(2048, 17), rsa256, 'sha256'))
const rsaSpki = (modulus: Uint8Array, exponent: Uint8Array): Uint8Array =>
  sequence(
    sequence(objectIdentifier('1.2.840.113549.1.1.1'), Uint8Array.of(5, 0)),
    bitString(sequence(integer(modulus), integer(exponent))),
  )
/** With the exponent 1 the padded hash is its own signature. */
const ofOne = (info: Uint8Array): Uint8Array => {
  const prefix = Buffer.from('3031300d060960864801650304020105000420', 'hex')
  const hash = createHash('sha256').update(info).digest()
  return Buffer.concat([
    Buffer.from([0, 1]),
    Buffer.alloc(256 - 3 - prefix.length - 32, 255),
    Buffer.from([0]),
    prefix,
    hash,
  ])
}
const modulus = Buffer.alloc(256, 0xc3)
for (const exponent of [0, 1, 2, 3, 4]) {
  add(
    `RSA with the exponent ${exponent}, signed by nobody`,
    made({ spki: rsaSpki(modulus, Uint8Array.of(exponent)), algorithm: rsa256, sign: ofOne }),
  )
}
add(
  'RSA with an exponent of 256 octets',
  made({ spki: rsaSpki(modulus, modulus), algorithm: rsa256, sign: ofOne }),
)
add(
  'RSA with an even modulus',
  made({
    spki: rsaSpki(Buffer.alloc(256, 0xc2), Uint8Array.of(1, 0, 1)),
    algorithm: rsa256,
    sign: ofOne,
  }),
)
add(
  'RSA with a modulus of 32,768 bits',
  made({
    spki: rsaSpki(Buffer.alloc(4096, 0xc3), Uint8Array.of(1, 0, 1)),
    algorithm: rsa256,
    sign: ofOne,
  }),
)
add(
  'RSA without a modulus',
  made({ spki: rsaSpki(Uint8Array.of(0), Uint8Array.of(1)), algorithm: rsa256, sign: ofOne }),
)
for (const namedCurve of [
  'secp224r1',
  'secp256k1',
  'brainpoolP256r1',
  'secp384r1',
  'secp521r1',
  'prime192v1',
]) {
  add(
    `a key on ${namedCurve}`,
    byKey(generateKeyPairSync('ec', { namedCurve }), ecdsa256, 'sha256'),
  )
}
add(
  'Ed25519',
  byKey(generateKeyPairSync('ed25519'), sequence(objectIdentifier('1.3.101.112')), null),
)
add('Ed448', byKey(generateKeyPairSync('ed448'), sequence(objectIdentifier('1.3.101.113')), null))
const explicit = generateKeyPairSync('ec', { namedCurve: 'prime256v1', paramEncoding: 'explicit' })
add('P-256 with its parameters written out', byKey(explicit, ecdsa256, 'sha256'))
const point = spkiOf(ec.publicKey).subarray(-65)
const spki256 = (octets: Uint8Array): Uint8Array =>
  sequence(
    sequence(objectIdentifier('1.2.840.10045.2.1'), objectIdentifier('1.2.840.10045.3.1.7')),
    bitString(octets),
  )
add(
  'a compressed point',
  made({
    spki: spki256(Buffer.concat([Buffer.from([2 + (point[64]! & 1)]), point.subarray(1, 33)])),
  }),
)
add(
  'a hybrid point',
  made({ spki: spki256(Buffer.concat([Buffer.from([6 + (point[64]! & 1)]), point.subarray(1)])) }),
)
add(
  'a point that is not on the curve',
  made({ spki: spki256(Buffer.concat([point.subarray(0, 64), Buffer.from([point[64]! ^ 1])])) }),
)
add('the point at infinity', made({ spki: spki256(Uint8Array.of(0)) }))
add('no point', made({ spki: spki256(Uint8Array.of()) }))
add('a public key that is no list', made({ spki: octetString(point) }))

// Signatures
const stranger = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
const byAlgorithm = (algorithm: Uint8Array, hash: string): Uint8Array =>
  made({ algorithm, sign: (info) => signWith(hash, info, ec.privateKey) })
add(
  "another key's signature",
  made({ sign: (info) => signWith('sha256', info, stranger.privateKey) }),
)
add(
  'a signature over something else',
  made({ sign: () => signWith('sha256', Buffer.from('x'), ec.privateKey) }),
)
add('an empty signature', made({ sign: () => Uint8Array.of() }))
add('a signature of zeros', made({ sign: () => sequence(integer(0), integer(0)) }))
add('a signature of ones', made({ sign: () => sequence(integer(1), integer(1)) }))
add(
  'a signature with bytes behind it',
  made({
    sign: (info) => Buffer.concat([signWith('sha256', info, ec.privateKey), Buffer.from([0])]),
  }),
)
add('signed with SHA-1', byAlgorithm(sequence(objectIdentifier('1.2.840.10045.4.1')), 'sha1'))
add('signed with SHA-224', byAlgorithm(sequence(objectIdentifier('1.2.840.10045.4.3.1')), 'sha224'))
add(
  'called SHA-384, signed with SHA-256',
  byAlgorithm(sequence(objectIdentifier('1.2.840.10045.4.3.3')), 'sha256'),
)
add('called RSA, signed with ECDSA', byAlgorithm(rsa256, 'sha256'))
add(
  'a signature algorithm without a name',
  byAlgorithm(sequence(objectIdentifier('1.2.3')), 'sha256'),
)
add('no signature algorithm', byAlgorithm(sequence(), 'sha256'))

// Structure
const sound = made({ subject: sequence(cn(client)), attributes: [asks(san(dns(client)))] })
const pem = encodeRequest(sound)
for (const version of [1, 2, 255]) add(`version ${version}`, made({ version: integer(version) }))
add('a negative version', made({ version: Uint8Array.of(2, 1, 255) }))
add('something behind the attributes', made({ behind: octetString(Uint8Array.of(1)) }))
add('bytes behind it', Buffer.concat([sound, Buffer.from([0])]))
add(
  'an indefinite length',
  Buffer.concat([Buffer.from([0x30, 0x80]), sound.subarray(4), Buffer.from([0, 0])]),
)
for (let part = 1; part < 12; part += 1)
  add(`cut after ${part}/12`, sound.subarray(0, Math.floor((sound.length * part) / 12)))
add('nothing', '')
add('one byte', '0')
add('text', 'please sign this')
add('two requests', pem + pem)
add(
  'the request twice, with a label of NEW',
  pem + pem.replaceAll('CERTIFICATE REQUEST', 'NEW CERTIFICATE REQUEST'),
)
add('a certificate in the name of a request', pem.replaceAll('CERTIFICATE REQUEST', 'CERTIFICATE'))
add('PEM without its end', pem.slice(0, -30))
add('PEM with a damaged line', pem.replace('\n', '\n!!!!'))
add('a signature that is none beside it', `${pem}-----BEGIN CMS-----\nMAA=\n-----END CMS-----\n`)
add(
  'two signatures beside it',
  `${pem}${'-----BEGIN CMS-----\nMAA=\n-----END CMS-----\n'.repeat(2)}`,
)
add('70,000 bytes', pem + '\n'.repeat(70_000))
add(
  'nested 10,000 deep',
  Buffer.concat(Array.from({ length: 10_000 }, () => Buffer.from([0x30, 0x80]))),
)
add('a length of 4 GB', Buffer.from([0x30, 0x84, 0xff, 0xff, 0xff, 0xff, 0]))

// ── what comes of each ───────────────────────────────────────────────────────────────────────

let store: ReturnType<typeof memoryStore>
let inventory: Inventory
beforeAll(async () => {
  store = memoryStore()
  const ports = { store, configs: memoryConfigs() }
  const { plan, materials } = makePlan(desired, await readInventory(ports), { now })
  await collect(
    applyPlan(plan, materials, { ...ports, issuers: storeIssuers(store), clock: () => now }),
  )
  inventory = await readInventory(ports)
})

/** The extensions of all that was certified: one text. */
const bytesOf = new Set<string>()

/** What is certified: the same for each request that is taken, but for its key. */
async function certified(file: Uint8Array): Promise<string> {
  const { request } = parseRequestFile(file)
  const copy = memoryStore(await store.read())
  const ports = { store: copy, configs: memoryConfigs() }
  const { plan, materials } = makePlan(desired, await readInventory(ports), {
    ...{ now, only: [address], renew: [address] },
    requests: new Map([[address, request]]),
  })
  await collect(
    applyPlan(plan, materials, { ...ports, issuers: storeIssuers(copy), clock: () => now }),
  )
  const found = await copy.readIdentity({ role: 'client', region: 'global', name: 'c1' })
  expect(found?.current?.key).toBeUndefined()
  const [leaf] = parseCertificates(Buffer.from(found!.current!.cert!.bytes).toString('latin1'))
  const [, { certificate }] = [...inventory.authorities][0]!
  expect(verifyChain(leaf!, [], [certificate!], { now })).toMatchObject({ ok: true })
  expect(Buffer.from(leaf!.publicKey.spki)).toEqual(Buffer.from(request.publicKey.spki))
  // Each byte of each extension, but of the key's identifier.
  const extensions = leaf!.extensions.filter(({ oid }) => oid !== '2.5.29.14')
  bytesOf.add(
    JSON.stringify(
      extensions.map(({ oid, critical, value }) => [
        oid,
        critical,
        Buffer.from(value).toString('hex'),
      ]),
    ),
  )
  expect(bytesOf.size).toBe(1)
  return JSON.stringify([
    ...[formatName(leaf!.subject), leaf!.subjectAltName, leaf!.extendedKeyUsage, leaf!.keyUsage],
    ...[
      leaf!.basicConstraints,
      leaf!.extensions.map(({ oid }) => oid).sort(),
      leaf!.notAfter - now,
      now - leaf!.notBefore,
    ],
  ])
}

const granted = JSON.stringify([
  'CN=client.global.nomad',
  [
    ...['client.global.nomad', 'localhost', 'c1.acme.internal'].map((value) => ({
      type: 'dns',
      value,
    })),
    ...['127.0.0.1', '::1', '10.0.0.21'].map((value) => ({ type: 'ip', value })),
  ],
  ['serverAuth', 'clientAuth'],
  ['digitalSignature'],
  { ca: false },
  ['2.5.29.14', '2.5.29.15', '2.5.29.17', '2.5.29.19', '2.5.29.35', '2.5.29.37'],
  90 * day,
  300_000,
])

/** @returns The sentences; `undefined` where it is taken. */
function refusal(file: Uint8Array): readonly string[] | undefined {
  try {
    const { faults } = answerRequest(parseRequestFile(file).request, wanted, inventory)
    return faults.length > 0 ? faults : undefined
  } catch (error) {
    if (!isNomadPkiError(error)) throw error
    return [error.message]
  }
}

describe('a hostile request', () => {
  test('there are three hundred', () => {
    expect(rows.length).toBeGreaterThanOrEqual(300)
    expect(new Set(rows.map(([, file]) => Buffer.from(file).toString('base64'))).size).toBe(
      rows.length,
    )
  })

  test.each(rows)('%s', async (_, file) => {
    const begun = performance.now()
    const why = refusal(file)
    expect(performance.now() - begun).toBeLessThan(1000)
    if (why !== undefined) {
      expect(why.every((sentence) => sentence.length > 10)).toBe(true)
      expect(why.join()).not.toContain('hunter2')
      return
    }
    const {
      asked,
      granted: given,
      ignored,
    } = answerRequest(parseRequestFile(file).request, wanted, inventory)
    // What is not granted is answered.
    expect(asked.filter((one) => !given.includes(one)).length).toBeLessThanOrEqual(ignored.length)
    expect(ignored.join()).not.toContain('hunter2')
    expect(await certified(file)).toBe(granted)
  })

  test('most are refused, and a sound one is not', () => {
    const accepted = rows.filter(([, file]) => refusal(file) === undefined)
    // So many certificates were compared above.
    expect(accepted.length).toBeGreaterThanOrEqual(80)
    expect(bytesOf.size).toBe(1)
    const refused = rows.filter(([, file]) => refusal(file) !== undefined).map(([name]) => name)
    expect(refusal(sound)).toBeUndefined()
    for (const name of [
      ...[
        'CN "server.global.nomad"',
        'DNS "server.other.nomad"',
        'CA:TRUE',
        'key usage 5',
        'RSA 1024',
        'Ed25519',
      ],
      ...[
        'RSA with the exponent 1, signed by nobody',
        'a key on secp224r1',
        "another key's signature",
        'signed with SHA-1',
      ],
      ...[
        'extension 2.5.29.17 twice',
        'URI nomad-pki:identity/server/global/s1',
        'two requests',
        '70,000 bytes',
        'version 1',
      ],
    ]) {
      expect(refused).toContain(name)
    }
  })

  test('a key of another node, or of an authority, is not taken', () => {
    const [, authority] = [...inventory.authorities][0]!
    const other = inventory.identities.get('identity/server/global/s1')!
    for (const [key, whose] of [
      [authority.certificate!.publicKey, 'authority/agent/1'],
      [other.current!.chain[0]!.publicKey, 'identity/server/global/s1'],
    ] as const) {
      const request = { ...parseRequestFile(sound).request, publicKey: key }
      expect(answerRequest(request, wanted, inventory).faults.join()).toContain(whose)
    }
  })
})

/** A small generator of numbers, the same for a seed everywhere. */
function numbers(from: number): (below: number) => number {
  let state = from >>> 0
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

const requests = Number(env.NOMAD_PKI_REQUESTS ?? 10_000)
/** Milliseconds that the damaged ones may take together, on a busy machine too. */
const patience = 30_000 + 6 * requests

test(
  'damaged requests: a sentence or what the spec grants, never long, and never much memory',
  async () => {
    const count = requests
    const below = numbers(seed)
    const bases = rows
      .map(([, file]) => file)
      .filter((file) => file.length > 0 && file.length < 6000)
    let longest = 0
    let most = 0
    const inUse = (): number => {
      const { heapUsed, external } = process.memoryUsage()
      return heapUsed + external
    }
    const before = inUse()
    const taken = new Map<string, Uint8Array>()
    for (let round = 0; round < count; round += 1) {
      const bytes = Buffer.from(bases[below(bases.length)]!)
      for (let change = 0; change <= below(4); change += 1) {
        const at = below(bytes.length)
        bytes[at] = below(3) === 0 ? bytes[at]! ^ (1 << below(8)) : below(256)
      }
      const from = below(8) === 0 ? below(bytes.length) : 0
      const file = below(8) === 0 ? bytes.subarray(from, bytes.length - below(20)) : bytes
      const begun = performance.now()
      const worked = process.cpuUsage()
      const why = refusal(file)
      const took = performance.now() - begun
      // What other processes took from these processors is not the request's.
      const { user, system } = process.cpuUsage(worked)
      longest = Math.max(longest, Math.min(took, (user + system) / 1000))
      if (round % 100 === 0) most = Math.max(most, inUse() - before)
      if (why === undefined) taken.set(Buffer.from(file).toString('base64'), file)
    }
    expect(most).toBeLessThan(300 * 1024 * 1024)
    // Those whose damage does not count, such as a blank in the PEM: each certificate is the same.
    for (const file of [...taken.values()].slice(0, count / 50)) {
      expect(await certified(file)).toBe(granted)
    }
    expect(longest).toBeLessThan(100)
  },
  patience,
)

test(
  'a damaged signature beside a request vouches for nothing but that very request',
  async () => {
    const count = requests / 10
    const below = numbers(seed + 1)
    const s1 = { role: 'server', region: 'global', name: 's1' } as const
    const { current } = (await store.readIdentity(s1))!
    const [leaf] = parseCertificates(Buffer.from(current!.cert!.bytes).toString('latin1'))
    const key = parsePrivateKey(current!.key!.bytes)
    const vouches = (file: RequestFile): boolean =>
      vouching(file, 'identity/server/global/s1', inventory, { now }).state === 'vouched'
    const whole = parseRequestFile(
      Buffer.from(encodeRequestFile(sound, signBeside(sound, leaf!, key)), 'latin1'),
    )
    expect(vouches(whole)).toBe(true)
    const cms = Buffer.from(signBeside(sound, leaf!, key))
    const other = made({ subject: sequence(cn(client)) })
    const otherRequest = parseRequestFile(other).request
    let read = 0
    for (let round = 0; round < count; round += 1) {
      const bytes = Buffer.from(cms)
      const at = below(bytes.length)
      bytes[at] = below(2) === 0 ? bytes[at]! ^ (1 << below(8)) : below(256)
      let file: RequestFile
      try {
        file = parseRequestFile(Buffer.from(encodeRequestFile(sound, bytes), 'latin1'))
      } catch (error) {
        if (!isNomadPkiError(error)) throw error
        continue
      }
      read += 1
      // Over another request it is worth nothing; over this one, only the bytes that nobody signs may differ.
      expect(vouches({ ...file, request: otherRequest })).toBe(false)
      if (vouches(file)) expect(sameCertificate(file.signature!.signer, leaf!)).toBe(true)
    }
    expect(read).toBeGreaterThan(count / 20)
  },
  patience,
)
