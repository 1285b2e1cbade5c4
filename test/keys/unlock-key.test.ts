import { generateKeyPairSync } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { integer, nullValue, objectIdentifier, octetString, sequence } from '../../src/der/write.js'
import { isNomadPkiError } from '../../src/errors.js'
import { pemBlocks } from '../../src/keys/pem.js'
import { encodePrivateKey, parsePrivateKey } from '../../src/keys/private-key.js'
import { isEncryptedKey, unlockKey, unlockRounds } from '../../src/keys/unlock-key.js'

const passphrase = 'Grün-1'
const file = (name: string): string =>
  readFileSync(new URL(`fixtures/locked/${name}.pem`, import.meta.url), 'utf8')
const plain = encodePrivateKey(parsePrivateKey(file('plain')))

test.each([
  ['pbes2-aes', 2048],
  ['pbes2-3des', 2048],
  ['scrypt', 1024],
  ['pbes1-md5', 2048],
  ['pbes1-sha1', 2048],
  ['p12-3des', 2048],
  ['old-aes', 1],
  ['old-3des', 1],
  ['old-des', 1],
])('%s is opened by its passphrase, and by no other', (name, rounds) => {
  const text = file(name)
  expect(isEncryptedKey(text)).toBe(true)
  expect(unlockRounds(text)).toBe(rounds)
  expect(encodePrivateKey(parsePrivateKey(unlockKey(text, passphrase)))).toBe(plain)
  expect(unlockKey(Buffer.from(text), passphrase)).toEqual(unlockKey(text, passphrase))
  for (const wrong of ['', 'Grun-1', 'Grün-1 ']) {
    expect(() => unlockKey(text, wrong)).toThrow(
      expect.objectContaining({ code: 'ERR_KEY_ENCRYPTED' }),
    )
  }
})

test('DER is opened as PEM is, and RSA in the old form', () => {
  const [block] = pemBlocks(file('pbes2-aes'))
  expect(unlockKey(block!.der, passphrase)).toEqual(unlockKey(file('pbes2-aes'), passphrase))
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const old = privateKey.export({ type: 'pkcs1', format: 'pem', cipher: 'aes-128-cbc', passphrase })
  expect(Buffer.from(unlockKey(old, passphrase))).toEqual(
    privateKey.export({ type: 'pkcs1', format: 'der' }),
  )
})

test('a cipher that is not supported is told with a way out', () => {
  expect(isEncryptedKey(file('rc2'))).toBe(false)
  expect(() => unlockKey(file('rc2'), passphrase)).toThrow(
    expect.objectContaining({
      code: 'ERR_KEY_ALGORITHM',
      hint: expect.stringContaining('openssl pkcs8 -topk8') as string,
    }),
  )
})

test('a key without a passphrase is not opened', () => {
  expect(isEncryptedKey(file('plain'))).toBe(false)
  expect(unlockRounds(file('plain'))).toBe(0)
  expect(() => unlockKey(file('plain'), passphrase)).toThrow(
    expect.objectContaining({ code: 'ERR_KEY_MALFORMED' }),
  )
})

/** PBES2 of PBKDF2 or scrypt, around nothing. */
function locked(derivation: Uint8Array): Uint8Array {
  const cipher = sequence(
    objectIdentifier('2.16.840.1.101.3.4.1.42'),
    octetString(new Uint8Array(16)),
  )
  return sequence(
    sequence(objectIdentifier('1.2.840.113549.1.5.13'), sequence(derivation, cipher)),
    octetString(new Uint8Array(32)),
  )
}

test.each([
  [
    'rounds',
    sequence(
      objectIdentifier('1.2.840.113549.1.5.12'),
      sequence(
        octetString(new Uint8Array(8)),
        integer(2_000_000_000),
        sequence(objectIdentifier('1.2.840.113549.2.9'), nullValue),
      ),
    ),
    'it wants 2000000000 rounds',
  ],
  [
    'memory',
    sequence(
      objectIdentifier('1.3.6.1.4.1.11591.4.11'),
      sequence(octetString(new Uint8Array(8)), integer(1 << 24), integer(8), integer(1)),
    ),
    'bytes of memory',
  ],
  [
    'repetitions',
    sequence(
      objectIdentifier('1.3.6.1.4.1.11591.4.11'),
      sequence(octetString(new Uint8Array(8)), integer(1 << 14), integer(8), integer(1 << 20)),
    ),
    '1048576 times',
  ],
])('a file that asks for endless %s is refused before anything is derived', (_, how, said) => {
  const began = performance.now()
  expect(() => unlockKey(locked(how), passphrase)).toThrow(
    expect.objectContaining({
      code: 'ERR_KEY_MALFORMED',
      message: expect.stringContaining(said) as string,
    }),
  )
  expect(performance.now() - began).toBeLessThan(100)
})

test('2,000 damaged files end in an error of ours, or open (fixed seed)', () => {
  let state = 20_261_127
  const next = (below: number): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
  const forms = ['pbes2-aes', 'scrypt', 'pbes1-md5', 'p12-3des'].map(
    (name) => pemBlocks(file(name))[0]!.der,
  )
  for (let run = 0; run < 2000; run += 1) {
    const der = Buffer.from(forms[run % forms.length]!)
    for (let change = 0; change <= next(3); change += 1)
      der[next(Math.min(der.length, 110))] = next(256)
    const input = der.subarray(0, next(8) === 0 ? next(der.length) : der.length)
    try {
      if (unlockRounds(input) < 100_000) unlockKey(input, passphrase)
    } catch (error) {
      if (!isNomadPkiError(error)) throw error
    }
  }
})
