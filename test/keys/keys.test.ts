import {
  createECDH,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  sign,
  verify,
  type KeyObject,
} from 'node:crypto'
import { beforeAll, describe, expect, test } from 'vitest'
import { integer, objectIdentifier, octetString, sequence } from '../../src/der/write.js'
import { isNomadPkiError, type ErrorCode } from '../../src/errors.js'
import {
  algorithmOf,
  keyAlgorithms,
  type KeyAlgorithm,
  type PrivateKey,
} from '../../src/keys/algorithms.js'
import { ecPrivateKey, generateKey, generateKeySync } from '../../src/keys/generate.js'
import { encodePrivateKey, parsePrivateKey, writtenHalfOf } from '../../src/keys/private-key.js'
import { keyIdentifierOf, parsePublicKey, samePublicKey } from '../../src/keys/public-key.js'
import { keyObjectOf, signBytes, verifyBytes } from '../../src/keys/sign.js'

// RSA keys take long to make, and 3072 and 4096 bits differ from 2048 in nothing that is made here.
const keys = new Map<KeyAlgorithm, PrivateKey>()
const made: readonly KeyAlgorithm[] = [
  'ecdsa-p256',
  'ecdsa-p384',
  'ecdsa-p521',
  'rsa-2048',
  'ed25519',
]

beforeAll(async () => {
  for (const algorithm of made) keys.set(algorithm, await generateKey(algorithm))
})

const codeOf = (run: () => unknown): ErrorCode | undefined => {
  try {
    run()
    return undefined
  } catch (error) {
    return isNomadPkiError(error) ? error.code : 'ERR_INTERNAL'
  }
}

describe('the table', () => {
  test('says of each algorithm what node:crypto says', () => {
    for (const name of made) {
      const key = keys.get(name)!
      const entry = algorithmOf(name)
      const object = createPublicKey(createPrivateKey(encodePrivateKey(key)))
      expect(object.asymmetricKeyType).toBe(entry.kind)
      if (entry.kind === 'ec') expect(object.asymmetricKeyDetails?.namedCurve).toBe(entry.curve)
      if (entry.kind === 'rsa')
        expect(object.asymmetricKeyDetails?.modulusLength).toBe(entry.modulusLength)
      if (entry.spkiPrefix)
        expect(
          Buffer.compare(key.publicKey.spki.subarray(0, entry.spkiPrefix.length), entry.spkiPrefix),
        ).toBe(0)
    }
  })

  test('ECDSA and Ed25519 have no parameters in signatures, RSA has NULL (RFC 5758 §3.2, RFC 4055 §5)', () => {
    for (const name of keyAlgorithms) {
      const text = Buffer.from(algorithmOf(name).signatureIdentifier).toString('hex')
      expect(text.endsWith('0500')).toBe(name.startsWith('rsa'))
    }
  })

  test('names that are none of ours are refused', () => {
    expect(codeOf(() => algorithmOf('rsa-1024' as KeyAlgorithm))).toBe('ERR_KEY_ALGORITHM')
    expect(codeOf(() => algorithmOf('toString' as KeyAlgorithm))).toBe('ERR_KEY_ALGORITHM')
  })
})

describe('a made key', () => {
  test.each(made)('%s is the same bytes as OpenSSL writes', (name) => {
    const key = keys.get(name)!
    const object = createPrivateKey(encodePrivateKey(key))
    expect(object.export({ type: 'pkcs8', format: 'der' })).toEqual(Buffer.from(key.pkcs8))
    expect(createPublicKey(object).export({ type: 'spki', format: 'der' })).toEqual(
      Buffer.from(key.publicKey.spki),
    )
  })

  test.each(made)('%s signs, and OpenSSL agrees', (name) => {
    const key = keys.get(name)!
    const bytes = Buffer.from('what is signed')
    const signature = signBytes(key, bytes)
    const { hash } = algorithmOf(name)
    const spki = createPublicKey({
      key: Buffer.from(key.publicKey.spki),
      format: 'der',
      type: 'spki',
    })
    expect(verify(hash, bytes, spki, signature)).toBe(true)
    expect(verifyBytes(key.publicKey, hash, bytes, sign(hash, bytes, keyObjectOf(key)))).toBe(true)
    expect(verifyBytes(key.publicKey, hash, Buffer.from('another'), signature)).toBe(false)
    expect(verifyBytes(key.publicKey, hash, bytes, Buffer.from('junk'))).toBe(false)
  })

  test('has its scalar padded: ECDH drops leading zeros, of one key in 256', () => {
    for (const name of ['ecdsa-p256', 'ecdsa-p384', 'ecdsa-p521'] as const) {
      const entry = algorithmOf(name)
      const ecdh = createECDH(entry.curve!)
      ecdh.setPrivateKey(Buffer.from('05', 'hex'))
      const key = ecPrivateKey(entry, ecdh.getPrivateKey(), ecdh.getPublicKey())
      const object = createPrivateKey(encodePrivateKey(key))
      expect(object.export({ type: 'pkcs8', format: 'der' })).toEqual(Buffer.from(key.pkcs8))
    }
  })

  test('two thousand in a row are all different and all sound', () => {
    const seen = new Set<string>()
    for (let count = 0; count < 2000; count += 1) {
      const key = generateKeySync('ecdsa-p256')
      seen.add(Buffer.from(key.publicKey.spki).toString('hex'))
      expect(key.pkcs8.length).toBe(138)
      if (count % 100 === 0) expect(parsePrivateKey(encodePrivateKey(key))).toEqual(key)
    }
    expect(seen.size).toBe(2000)
  })
})

describe('a private key is read', () => {
  test.each(['ecdsa-p256', 'ecdsa-p384', 'ecdsa-p521'] as const)(
    'as we write it, by what stands around its numbers: %s',
    (name) => {
      const { pkcs8, publicKey } = keys.get(name)!
      expect(writtenHalfOf(pkcs8)).toEqual(publicKey)
      // What is not one of its numbers is compared.
      const point = pkcs8.length - publicKey.spki.length + algorithmOf(name).spkiPrefix!.length
      const scalar = Buffer.from(keys.get(name)!.pkcs8).indexOf(
        octetString(new Uint8Array(algorithmOf(name).scalarLength!)).subarray(0, 2),
      )
      for (const at of [0, 1, 4, scalar - 1, scalar, point - 1]) {
        const changed = Buffer.from(pkcs8)
        changed[at]! ^= 0x40
        expect(
          codeOf(() => writtenHalfOf(changed)),
          `octet ${at}`,
        ).toBeDefined()
      }
      // A point in another form is computed anew.
      const other = Buffer.from(pkcs8)
      other[point] = 2
      expect(writtenHalfOf(other)).toEqual(publicKey)
    },
  )

  const forms: readonly (readonly [
    string,
    (object: KeyObject) => string | Buffer,
    readonly KeyAlgorithm[],
  ])[] = [
    ['PKCS#8 PEM', (object) => object.export({ type: 'pkcs8', format: 'pem' }), made],
    ['PKCS#8 DER', (object) => object.export({ type: 'pkcs8', format: 'der' }), made],
    [
      'SEC1 PEM',
      (object) => object.export({ type: 'sec1', format: 'pem' }),
      ['ecdsa-p256', 'ecdsa-p384', 'ecdsa-p521'],
    ],
    [
      'SEC1 DER',
      (object) => object.export({ type: 'sec1', format: 'der' }),
      ['ecdsa-p256', 'ecdsa-p384', 'ecdsa-p521'],
    ],
    ['PKCS#1 PEM', (object) => object.export({ type: 'pkcs1', format: 'pem' }), ['rsa-2048']],
    ['PKCS#1 DER', (object) => object.export({ type: 'pkcs1', format: 'der' }), ['rsa-2048']],
  ]
  for (const [form, write, algorithms] of forms) {
    test.each(algorithms)(`from ${form}: %s`, (name) => {
      const key = keys.get(name)!
      const text = write(createPrivateKey(encodePrivateKey(key)))
      expect(parsePrivateKey(text)).toEqual(key)
      // A view into a larger buffer, as a file's content often is.
      const bytes = Buffer.from(text)
      const around = Buffer.concat([Buffer.from('xx'), bytes, Buffer.from('yy')])
      expect(parsePrivateKey(around.subarray(2, 2 + bytes.length))).toEqual(key)
    })
  }

  test('behind EC PARAMETERS and a certificate, with CRLF, as tools write them', () => {
    const key = keys.get('ecdsa-p256')!
    const sec1 = createPrivateKey(encodePrivateKey(key)).export({
      type: 'sec1',
      format: 'pem',
    }) as string
    const text = `-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n${sec1}`
    expect(parsePrivateKey(text.replaceAll('\n', '\r\n'))).toEqual(key)
  })

  test('without its public key, which is computed', () => {
    const key = keys.get('ecdsa-p256')!
    // RFC 5915 §3: the public key may be absent.
    const scalar = key.pkcs8.subarray(36, 68)
    const short = sequence(
      integer(0),
      sequence(objectIdentifier('1.2.840.10045.2.1'), objectIdentifier('1.2.840.10045.3.1.7')),
      octetString(sequence(integer(1), octetString(scalar))),
    )
    expect(parsePrivateKey(short)).toEqual(key)
  })

  test.each([
    ['PKCS#8', { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'p' }],
    ['SEC1', { type: 'sec1', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'p' }],
  ] as const)('but not an encrypted one: %s', (_, options) => {
    const object = createPrivateKey(encodePrivateKey(keys.get('ecdsa-p256')!))
    expect(codeOf(() => parsePrivateKey(object.export(options) as string))).toBe(
      'ERR_KEY_ENCRYPTED',
    )
  })

  test('nor encrypted DER', () => {
    const object = createPrivateKey(encodePrivateKey(keys.get('ecdsa-p256')!))
    const der = object.export({
      type: 'pkcs8',
      format: 'der',
      cipher: 'aes-256-cbc',
      passphrase: 'p',
    })
    expect(codeOf(() => parsePrivateKey(der))).toBe('ERR_KEY_ENCRYPTED')
  })

  test.each([
    ['P-224', () => generateKeyPairSync('ec', { namedCurve: 'secp224r1' }).privateKey],
    ['secp256k1', () => generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).privateKey],
    ['RSA-1024', () => generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey],
    ['X25519', () => generateKeyPairSync('x25519').privateKey],
    [
      'explicit parameters',
      () =>
        generateKeyPairSync('ec', { namedCurve: 'prime256v1', paramEncoding: 'explicit' })
          .privateKey,
    ],
  ])('nor one of ours that is none: %s', (_, make) => {
    const der = make().export({ type: 'pkcs8', format: 'der' })
    expect(codeOf(() => parsePrivateKey(der))).toBe('ERR_KEY_ALGORITHM')
  })

  test.each([
    ['nothing', ''],
    ['text', 'hello'],
    ['a certificate alone', '-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n'],
    ['no base64', '-----BEGIN PRIVATE KEY-----\n!!!!\n-----END PRIVATE KEY-----\n'],
    ['cut short', '-----BEGIN PRIVATE KEY-----\nMIGHAgEA\n-----END PRIVATE KEY-----\n'],
    ['without an end', '-----BEGIN PRIVATE KEY-----\nMIGHAgEA\n'],
  ])('and junk is malformed: %s', (_, text) => {
    expect(codeOf(() => parsePrivateKey(text))).toBe('ERR_KEY_MALFORMED')
    expect(codeOf(() => parsePrivateKey(Buffer.from(text)))).toBe('ERR_KEY_MALFORMED')
  })

  test('a scalar that is not a number on its curve', () => {
    const sec1 = Buffer.from(`302e0201010420${'00'.repeat(32)}a00706052b81040022`, 'hex')
    sec1[1] = sec1.length - 2
    expect(codeOf(() => parsePrivateKey(sec1))).toBe('ERR_KEY_MALFORMED')
  })

  test('whatever is wrong, no message holds a byte of it (mutations, fixed seed)', () => {
    let state = 7
    const random = (below: number): number => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff
      return state % below
    }
    for (const name of made) {
      const key = keys.get(name)!
      const secret = Buffer.from(key.pkcs8).toString('base64')
      const hex = Buffer.from(key.pkcs8).toString('hex')
      for (let count = 0; count < 400; count += 1) {
        const der = Buffer.from(key.pkcs8)
        for (let times = 0; times <= random(3); times += 1) der[random(der.length)] = random(256)
        const cut = random(4) === 0 ? der.subarray(0, random(der.length)) : der
        try {
          parsePrivateKey(cut)
        } catch (error) {
          if (!isNomadPkiError(error)) throw error
          for (let at = 0; at + 12 <= secret.length; at += 12) {
            expect(error.message.includes(secret.slice(at, at + 12))).toBe(false)
          }
          expect(hex.includes(/[0-9a-f]{16,}/.exec(error.message)?.[0] ?? 'none')).toBe(false)
        }
      }
    }
  })
})

describe('a public key', () => {
  const spkiOf = (key: KeyObject): Buffer => key.export({ type: 'spki', format: 'der' })
  test.each([
    ['ecdsa-p224', () => generateKeyPairSync('ec', { namedCurve: 'secp224r1' }).publicKey],
    ['ecdsa-secp256k1', () => generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).publicKey],
    ['rsa-1024', () => generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey],
    ['rsa-1027', () => generateKeyPairSync('rsa', { modulusLength: 1027 }).publicKey],
    ['ed448', () => generateKeyPairSync('ed448').publicKey],
    [
      'dsa',
      () => generateKeyPairSync('dsa', { modulusLength: 1024, divisorLength: 160 }).publicKey,
    ],
    ['rsa-pss', () => generateKeyPairSync('rsa-pss', { modulusLength: 1024 }).publicKey],
    [
      'ecdsa explicit parameters',
      () =>
        generateKeyPairSync('ec', { namedCurve: 'prime256v1', paramEncoding: 'explicit' })
          .publicKey,
    ],
  ])('of a foreign kind has a name: %s', (name, make) => {
    expect(parsePublicKey(spkiOf(make()))).toMatchObject({ algorithm: undefined, name })
  })

  test('in compressed form is none that agents take', () => {
    const key = keys.get('ecdsa-p256')!
    const point = key.publicKey.spki.subarray(26)
    const spki = Buffer.concat([
      Buffer.from('3039301306072a8648ce3d020106082a8648ce3d030107032200', 'hex'),
      Buffer.from([2 + (point[64]! & 1)]),
      point.subarray(1, 33),
    ])
    expect(parsePublicKey(spki).algorithm).toBeUndefined()
  })

  test('is itself and no other', () => {
    const key = keys.get('ecdsa-p256')!.publicKey
    expect(samePublicKey(key, { ...key, spki: Buffer.from(key.spki) })).toBe(true)
    expect(samePublicKey(key, generateKeySync('ecdsa-p256').publicKey)).toBe(false)
    expect(samePublicKey(key, keys.get('ecdsa-p384')!.publicKey)).toBe(false)
  })

  test('has the identifier of RFC 5280 §4.2.1.2 (1), as `openssl` computes it', () => {
    // openssl x509 -ext subjectKeyIdentifier of a certificate with this key said so.
    const spki = Buffer.from(
      'MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEk7nge5BnxfWcsgUX4/F18OtzicnQa7cQrTfLCq8iYAbCo0hIjOCIA85PuE4vqZiNmMzw7zdvDORmjeiF/AhTsQ==',
      'base64',
    )
    expect(keyIdentifierOf(parsePublicKey(spki))).toBe('9ff8fb0ed13c51777284840a7199951f0b07c028')
  })
})
