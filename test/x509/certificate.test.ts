import { X509Certificate } from 'node:crypto'
import fc from 'fast-check'
import forge from 'node-forge'
import { describe, expect, test } from 'vitest'
import { isNomadPkiError } from '../../src/errors.js'
import { algorithmOf, type KeyAlgorithm, type PrivateKey } from '../../src/keys/algorithms.js'
import { generateKeySync } from '../../src/keys/generate.js'
import { signBytes } from '../../src/keys/sign.js'
import {
  completeCertificate,
  fingerprintOf,
  parseCertificate,
  parseTbs,
} from '../../src/x509/certificate.js'
import { encodeCertificate, parseCertificates } from '../../src/x509/certificates.js'
import { assembleCertificate, encodeTbs, type TbsFields } from '../../src/x509/encode.js'
import {
  authorityKeyIdentifier,
  basicConstraints,
  extendedKeyUsage,
  keyUsage,
  nameConstraints,
  subjectAltName,
  subjectKeyIdentifier,
} from '../../src/x509/extensions.js'
import { encodeName } from '../../src/x509/name.js'
import { keyUsages } from '../../src/x509/oids.js'
import { verifySignature } from '../../src/x509/signature.js'
import { seed } from '../seed.js'

const { asn1 } = forge
const algorithms: readonly KeyAlgorithm[] = ['ecdsa-p256', 'ecdsa-p384', 'ecdsa-p521', 'ed25519']
const keys = new Map<string, PrivateKey>(algorithms.map((name) => [name, generateKeySync(name)]))
const p256 = keys.get('ecdsa-p256')!

/** What is random in a certificate, as plain values that both writers are given. */
interface Plan {
  readonly algorithm: KeyAlgorithm
  readonly serial: string
  readonly issuer: string
  readonly subject: string
  readonly organization: string | undefined
  readonly notBefore: number
  readonly notAfter: number
  readonly ca: boolean
  readonly pathLength: number | undefined
  readonly usages: readonly number[]
  readonly purposes: readonly string[]
  readonly names: readonly string[]
  readonly ips: readonly (readonly number[])[]
  readonly permitted: readonly string[]
  readonly networks: readonly (readonly number[])[]
  readonly identifier: string
}

const label = fc.stringMatching(/^[a-z0-9_]{1,12}$/)
const host = fc.array(label, { minLength: 1, maxLength: 5 }).map((labels) => labels.join('.'))
const text = fc.oneof(
  fc.stringMatching(/^[A-Za-z0-9 '()+,./:=?-]{0,30}[A-Za-z0-9]$/),
  fc.constantFrom('Zürich', '東京', 'us_west', 'a@b', '𝔫omad'),
)
const plans: fc.Arbitrary<Plan> = fc.record({
  algorithm: fc.constantFrom(...algorithms),
  serial: fc.uint8Array({ minLength: 1, maxLength: 20 }).map((bytes) => {
    bytes[0] = (bytes[0]! & 0x7f) | 0x40
    return Buffer.from(bytes).toString('hex')
  }),
  issuer: text,
  subject: text,
  organization: fc.option(text, { nil: undefined }),
  // Both sides of 2050, where the encoding changes.
  notBefore: fc.integer({ min: 0, max: 4_000_000_000 }).map((second) => second * 1000),
  notAfter: fc.integer({ min: 0, max: 4_000_000_000 }).map((second) => second * 1000),
  ca: fc.boolean(),
  pathLength: fc.option(fc.nat(300), { nil: undefined }),
  usages: fc.uniqueArray(fc.nat(8), { minLength: 1 }),
  purposes: fc.uniqueArray(fc.constantFrom('serverAuth', 'clientAuth', '1.2.3.4'), {
    minLength: 1,
  }),
  names: fc.array(host, { minLength: 1, maxLength: 12 }),
  ips: fc.array(
    fc.oneof(
      fc.array(fc.nat(255), { minLength: 4, maxLength: 4 }),
      fc
        .array(fc.nat(255), { minLength: 16, maxLength: 16 })
        .map((bytes) => [0xfd, ...bytes.slice(1)]),
    ),
    { maxLength: 6 },
  ),
  permitted: fc.array(host, { minLength: 1, maxLength: 4 }),
  networks: fc.array(fc.array(fc.nat(255), { minLength: 2, maxLength: 2 }), { maxLength: 3 }),
  identifier: fc
    .uint8Array({ minLength: 20, maxLength: 20 })
    .map((bytes) => Buffer.from(bytes).toString('hex')),
})

/** Ours. */
function fieldsOf(plan: Plan): TbsFields {
  const dotted = (bytes: readonly number[]): string =>
    bytes.length === 4
      ? bytes.join('.')
      : Buffer.from(bytes)
          .toString('hex')
          .replace(/(....)(?=.)/g, '$1:')
  return {
    serial: plan.serial,
    signatureIdentifier: algorithmOf(plan.algorithm).signatureIdentifier,
    issuer: encodeName({ commonName: plan.issuer }),
    subject: encodeName({ commonName: plan.subject, organization: plan.organization }),
    notBefore: plan.notBefore,
    notAfter: plan.notAfter,
    spki: keys.get(plan.algorithm)!.publicKey.spki,
    extensions: [
      basicConstraints({ ca: plan.ca, pathLength: plan.ca ? plan.pathLength : undefined }),
      keyUsage(plan.usages.map((bit) => keyUsages[bit]!)),
      extendedKeyUsage(plan.purposes),
      subjectAltName([
        ...plan.names.map((value) => ({ type: 'dns', value }) as const),
        ...plan.ips.map((bytes) => ({ type: 'ip', value: dotted(bytes) }) as const),
      ]),
      nameConstraints({
        permitted: [
          ...plan.permitted.map((value) => ({ type: 'dns', value }) as const),
          ...plan.networks.map(([a, b]) => ({ type: 'ip', value: `${a!}.${b!}.0.0/16` }) as const),
        ],
        excluded: [],
      }),
      subjectKeyIdentifier(plan.identifier),
      authorityKeyIdentifier(plan.identifier),
    ],
  }
}

/** The judge: another writer, node-forge's ASN.1, from the same plan. It shares no line with ours. */
function judged(plan: Plan): Buffer {
  const { UNIVERSAL, CONTEXT_SPECIFIC } = asn1.Class
  const {
    SEQUENCE,
    SET,
    INTEGER,
    OID,
    OCTETSTRING,
    BITSTRING,
    BOOLEAN,
    UTF8,
    PRINTABLESTRING,
    UTCTIME,
    GENERALIZEDTIME,
  } = asn1.Type
  type Node = forge.asn1.Asn1
  const binary = (bytes: readonly number[] | Uint8Array): string =>
    Buffer.from(bytes).toString('latin1')
  const make = (type: forge.asn1.Type, value: string | Node[]): Node =>
    asn1.create(UNIVERSAL, type, Array.isArray(value), value)
  // forge's types know universal types alone; a context's tags are plain numbers.
  const tagged = (tag: number, value: string | Node[]): Node =>
    // eslint-disable-next-line @typescript-eslint/no-unsafe-enum-assignment
    asn1.create(CONTEXT_SPECIFIC, tag, Array.isArray(value), value)
  const oid = (dotted: string): Node => make(OID, asn1.oidToDer(dotted).getBytes())
  const attribute = (dotted: string, value: string): Node =>
    make(SET, [
      make(SEQUENCE, [
        oid(dotted),
        /^[A-Za-z0-9 '()+,\-./:=?]*$/.test(value)
          ? make(PRINTABLESTRING, value)
          : make(UTF8, Buffer.from(value, 'utf8').toString('latin1')),
      ]),
    ])
  const time = (at: number): Node => {
    const digits = new Date(at).toISOString().replace(/[-:T]|\.000/g, '')
    return at < Date.UTC(2050, 0) ? make(UTCTIME, digits.slice(2)) : make(GENERALIZEDTIME, digits)
  }
  const spki = asn1.fromDer(binary(keys.get(plan.algorithm)!.publicKey.spki), {
    strict: true,
    parseAllBytes: true,
    decodeBitStrings: false,
  } as unknown as boolean)
  const bits = Math.max(...plan.usages)
  const packed = Buffer.alloc(1 + Math.floor(bits / 8) + 1)
  packed[0] = 7 - (bits % 8)
  for (const bit of plan.usages) packed[1 + Math.floor(bit / 8)]! += 128 / 2 ** (bit % 8)
  const signature = {
    'ecdsa-p256': '1.2.840.10045.4.3.2',
    'ecdsa-p384': '1.2.840.10045.4.3.3',
    'ecdsa-p521': '1.2.840.10045.4.3.4',
    ed25519: '1.3.101.112',
  }[plan.algorithm as string]!
  const purposes: Record<string, string> = {
    serverAuth: '1.3.6.1.5.5.7.3.1',
    clientAuth: '1.3.6.1.5.5.7.3.2',
  }
  const extension = (dotted: string, critical: boolean, value: Node): Node =>
    make(SEQUENCE, [
      oid(dotted),
      ...(critical ? [make(BOOLEAN, '\u00ff')] : []),
      make(OCTETSTRING, asn1.toDer(value).getBytes()),
    ])
  const length = plan.pathLength
  const pathLength =
    length === undefined || !plan.ca
      ? []
      : [make(INTEGER, binary(length < 128 ? [length] : [length >> 8, length & 255]))]
  const tbs = make(SEQUENCE, [
    tagged(0, [make(INTEGER, '\u0002')]),
    make(INTEGER, binary(Buffer.from(plan.serial, 'hex'))),
    make(SEQUENCE, [oid(signature)]),
    make(SEQUENCE, [attribute('2.5.4.3', plan.issuer)]),
    make(SEQUENCE, [time(plan.notBefore), time(plan.notAfter)]),
    make(SEQUENCE, [
      ...(plan.organization === undefined ? [] : [attribute('2.5.4.10', plan.organization)]),
      attribute('2.5.4.3', plan.subject),
    ]),
    spki,
    tagged(3, [
      make(SEQUENCE, [
        extension(
          '2.5.29.19',
          true,
          make(SEQUENCE, [...(plan.ca ? [make(BOOLEAN, '\u00ff')] : []), ...pathLength]),
        ),
        extension('2.5.29.15', true, make(BITSTRING, binary(packed))),
        extension(
          '2.5.29.37',
          false,
          make(
            SEQUENCE,
            plan.purposes.map((name) => oid(purposes[name] ?? name)),
          ),
        ),
        extension(
          '2.5.29.17',
          false,
          make(SEQUENCE, [
            ...plan.names.map((name) => tagged(2, name)),
            ...plan.ips.map((bytes) => tagged(7, binary(bytes))),
          ]),
        ),
        extension(
          '2.5.29.30',
          true,
          make(SEQUENCE, [
            tagged(0, [
              ...plan.permitted.map((name) => make(SEQUENCE, [tagged(2, name)])),
              ...plan.networks.map(([a, b]) =>
                make(SEQUENCE, [tagged(7, binary([a!, b!, 0, 0, 255, 255, 0, 0]))]),
              ),
            ]),
          ]),
        ),
        extension(
          '2.5.29.14',
          false,
          make(OCTETSTRING, binary(Buffer.from(plan.identifier, 'hex'))),
        ),
        extension(
          '2.5.29.35',
          false,
          make(SEQUENCE, [tagged(0, binary(Buffer.from(plan.identifier, 'hex')))]),
        ),
      ]),
    ]),
  ])
  return Buffer.from(asn1.toDer(tbs).getBytes(), 'latin1')
}

const signed = (plan: Plan): Uint8Array => {
  const tbs = encodeTbs(fieldsOf(plan))
  const key = keys.get(plan.algorithm)!
  return assembleCertificate(
    tbs,
    algorithmOf(plan.algorithm).signatureIdentifier,
    signBytes(key, tbs),
  )
}

const example: Plan = fc.sample(plans, { seed: 11, numRuns: 1 })[0]!

describe('what we write', () => {
  test('is byte for byte what node-forge writes, in 1,500 random certificates', () => {
    fc.assert(
      fc.property(plans, (plan) => {
        expect(Buffer.from(encodeTbs(fieldsOf(plan))).toString('hex')).toBe(
          judged(plan).toString('hex'),
        )
      }),
      { seed, numRuns: 1500 },
    )
  })

  test('OpenSSL reads as we mean it, in 200', () => {
    fc.assert(
      fc.property(plans, (plan) => {
        const der = signed(plan)
        const theirs = new X509Certificate(der)
        const ours = parseCertificate(der)
        expect(theirs.verify(theirs.publicKey)).toBe(true)
        expect(theirs.serialNumber.toLowerCase()).toBe(plan.serial)
        expect(Date.parse(theirs.validFrom)).toBe(ours.notBefore)
        expect(Date.parse(theirs.validTo)).toBe(ours.notAfter)
        // OpenSSL calls none an authority that may not sign certificates.
        expect(theirs.ca).toBe(plan.ca && plan.usages.includes(5))
        expect(theirs.fingerprint256.replaceAll(':', '').toLowerCase()).toBe(fingerprintOf(ours))
        expect((theirs.subjectAltName ?? '').split(', ').length).toBe(ours.subjectAltName!.length)
        expect(verifySignature(ours, { ...ours })).toBe(true)
      }),
      { seed, numRuns: 200 },
    )
  })

  test('we read as we mean it', () => {
    fc.assert(
      fc.property(plans, (plan) => {
        const read = parseCertificate(signed(plan))
        expect(read).toMatchObject({
          version: 3,
          serial: plan.serial,
          serialNegative: false,
          notBefore: plan.notBefore,
          notAfter: plan.notAfter,
          subjectKeyIdentifier: plan.identifier,
          authorityKeyIdentifier: plan.identifier,
          basicConstraints: { ca: plan.ca },
          extendedKeyUsage: plan.purposes,
        })
        expect(read.publicKey.algorithm).toBe(plan.algorithm)
        expect(read.basicConstraints?.pathLength).toBe(plan.ca ? plan.pathLength : undefined)
        expect(read.keyUsage).toEqual(
          [...plan.usages].sort((a, b) => a - b).map((bit) => keyUsages[bit]),
        )
        expect(
          read.subjectAltName!.flatMap((name) => (name.type === 'dns' ? [name.value] : [])),
        ).toEqual(plan.names)
        expect(read.nameConstraints!.permitted).toHaveLength(
          plan.permitted.length + plan.networks.length,
        )
        expect(read.subject.attributes.at(-1)!.value).toBe(plan.subject)
      }),
      { seed, numRuns: 500 },
    )
  })
})

describe('what we read', () => {
  test('is the same before and after it is signed', () => {
    const der = signed(example)
    const whole = parseCertificate(der)
    const before = parseTbs(whole.tbs)
    expect(before.signature).toHaveLength(0)
    expect(completeCertificate(before, der)).toEqual(whole)
    const other = signed({ ...example, subject: 'another' })
    expect(completeCertificate(before, other)).toBeUndefined()
  })

  test('a leading 00 is not part of the serial, a negative one is flagged', () => {
    const serial = (hex: string): { serial: string; serialNegative: boolean } =>
      parseTbs(encodeTbs({ ...fieldsOf(example), serial: hex }))
    expect(serial('ff01')).toMatchObject({ serial: 'ff01', serialNegative: false })
    const tbs = Buffer.from(encodeTbs({ ...fieldsOf(example), serial: '4001' }))
    tbs[tbs.indexOf(Buffer.from('02024001', 'hex')) + 2] = 0x80
    expect(parseTbs(tbs)).toMatchObject({ serial: '8001', serialNegative: true })
  })

  test('an extension twice is refused (RFC 5280 §4.2)', () => {
    const fields = fieldsOf(example)
    const tbs = encodeTbs({
      ...fields,
      extensions: [...fields.extensions, basicConstraints({ ca: false })],
    })
    expect(() => parseTbs(tbs)).toThrow(/stands twice/)
  })

  test('something behind the end is refused', () => {
    expect(() => parseCertificate(Buffer.concat([signed(example), Buffer.from([0])]))).toThrow(
      /extra bytes follow the end/,
    )
  })

  test('no mutation does anything but parse or be malformed (8,000, fixed seed)', () => {
    const der = Buffer.from(signed(example))
    let state = 13
    const random = (below: number): number => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff
      return (state >> 8) % below
    }
    let parsed = 0
    for (let count = 0; count < 8000; count += 1) {
      const mutated = Buffer.from(der)
      const kind = count % 4
      for (let times = 0; times <= random(3); times += 1) {
        if (kind === 0) mutated[random(der.length)] = random(256)
        if (kind === 1) mutated[random(der.length)]! ^= 1 << random(8)
        if (kind === 2)
          mutated.copyWithin(random(der.length), random(der.length), random(der.length))
      }
      const input = kind === 3 ? mutated.subarray(0, random(der.length)) : mutated
      try {
        const certificate = parseCertificate(input)
        parsed += 1
        expect(certificate.tbs.length).toBeLessThanOrEqual(der.length)
        expect(() => encodeCertificate(certificate)).not.toThrow()
      } catch (error) {
        if (!isNomadPkiError(error, 'ERR_CERTIFICATE_MALFORMED')) throw error
      }
    }
    // Both happen, so the test looks at both.
    expect(parsed).toBeGreaterThan(50)
    expect(parsed).toBeLessThan(7500)
  })

  test('no nesting goes deep, no length is believed', () => {
    const deep = Buffer.alloc(200_000)
    for (let at = 0; at < deep.length; at += 4) deep.set([0x30, 0x82, 0xff, 0xff], at)
    expect(() => parseCertificate(deep)).toThrow(/extra bytes follow the end/)
    expect(() => parseCertificate(deep.subarray(0, 65_539))).toThrow(/cut short/)
    expect(() => parseCertificate(Buffer.from('3084ffffffff', 'hex'))).toThrow(/cut short/)
    expect(() => parseCertificate(new Uint8Array(0))).toThrow(/missing or cut short/)
  })
})

describe('PEM', () => {
  const one = encodeCertificate(signed(example))
  const two = encodeCertificate(signed({ ...example, subject: 'two' }))

  test('every certificate in order, keys passed over', () => {
    const key = '-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n'
    const read = parseCertificates(`# chain\n${one}${key}\n${two}`)
    expect(read.map(encodeCertificate)).toEqual([one, two])
    expect(parseCertificates('')).toEqual([])
  })

  test('a corrupt one is an error that says which', () => {
    const broken = encodeCertificate(Buffer.from('3003020101', 'hex'))
    expect(() => parseCertificates(one + broken)).toThrow(/^certificate 2 of 2: not a certificate/)
  })

  test('is the same text as OpenSSL’s', () => {
    expect(new X509Certificate(one).toString()).toBe(one)
  })
})

test('golden bytes of a leaf: nothing in its encoding moves unnoticed', () => {
  const fields: TbsFields = {
    serial: '40112233445566778899aabbccddeeff',
    signatureIdentifier: algorithmOf('ecdsa-p256').signatureIdentifier,
    issuer: encodeName({ commonName: 'Acme root' }),
    subject: encodeName({ commonName: 'server.us_west.nomad' }),
    notBefore: Date.UTC(2026, 0, 1),
    notAfter: Date.UTC(2050, 0, 1),
    spki: Buffer.from(
      `3059301306072a8648ce3d020106082a8648ce3d03010703420004${'11'.repeat(64)}`,
      'hex',
    ),
    extensions: [
      basicConstraints({ ca: false }),
      keyUsage(['digitalSignature']),
      subjectAltName([
        { type: 'dns', value: 'server.us_west.nomad' },
        { type: 'ip', value: '127.0.0.1' },
        { type: 'uri', value: 'a://b' },
      ]),
    ],
  }
  expect(Buffer.from(encodeTbs(fields)).toString('hex')).toBe(
    [
      '30820127',
      'a003020102',
      '021040112233445566778899aabbccddeeff',
      '300a06082a8648ce3d040302',
      '30143112301006035504031309' + '41636d6520726f6f74',
      '3020170d3236303130313030303030305a180f32303530303130313030303030305a',
      '301f311d301b06035504030c14' + '7365727665722e75735f776573742e6e6f6d6164',
      `3059301306072a8648ce3d020106082a8648ce3d03010703420004${'11'.repeat(64)}`,
      'a34e304c',
      '300c0603551d130101ff04023000',
      '300e0603551d0f0101ff040403020780',
      '302c0603551d1104253023',
      '8214' + '7365727665722e75735f776573742e6e6f6d6164',
      '87047f000001',
      '8605' + '613a2f2f62',
    ].join(''),
  )
  expect(p256.publicKey.spki).toHaveLength(fields.spki.length)
})
