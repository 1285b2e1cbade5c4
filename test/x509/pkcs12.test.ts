import { createCipheriv } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import {
  context,
  contextPrimitive,
  integer,
  objectIdentifier,
  octetString,
  sequence,
} from '../../src/der/write.js'
import { isNomadPkiError } from '../../src/errors.js'
import { parsePrivateKey } from '../../src/keys/private-key.js'
import { samePublicKey } from '../../src/keys/public-key.js'
import { parseCertificates } from '../../src/x509/certificates.js'
import { derivationHashes, derivePkcs12 } from '../../src/x509/pkcs12-key.js'
import { readPkcs12 } from '../../src/x509/pkcs12.js'

const vector = (name: string): Buffer =>
  readFileSync(new URL(`../vectors/openssl-pkcs12/${name}`, import.meta.url))

const codeOf = async (run: Promise<unknown>): Promise<string> => {
  try {
    await run
    return 'none'
  } catch (error) {
    if (isNomadPkiError(error)) return error.code
    throw error
  }
}

describe('keys and certificates come out of the files that OpenSSL makes', () => {
  for (const kind of ['ec', 'rsa']) {
    test.each(['modern', 'compat', 'rc2'])(`%s, ${kind}`, async (style) => {
      const { keys, certificates } = await readPkcs12(vector(`${style}-${kind}.p12`), 'test')
      const [certificate] = parseCertificates(vector(`cert-${kind}.pem`).toString())
      expect(keys).toEqual([parsePrivateKey(vector(`key-${kind}.pem`))])
      expect(certificates).toHaveLength(1)
      expect(Buffer.from(certificates[0]!.der)).toEqual(Buffer.from(certificate!.der))
      expect(samePublicKey(keys[0]!.publicKey, certificate!.publicKey)).toBe(true)
    })
  }
})

test('a password beyond ASCII opens what OpenSSL closed with it', async () => {
  const { keys } = await readPkcs12(vector('utf8-ec.p12'), 'pässwörd€')
  expect(keys).toEqual([parsePrivateKey(vector('key-ec.pem'))])
})

test('a wrong password is told as such', async () => {
  expect(await codeOf(readPkcs12(vector('modern-ec.p12'), 'other'))).toBe('ERR_KEY_ENCRYPTED')
  expect(await codeOf(readPkcs12(vector('rc2-rsa.p12'), ''))).toBe('ERR_KEY_ENCRYPTED')
})

test.each([10, 40, 100, 400, -60, -1])('a file cut off at %i is told as such', async (at) => {
  const bytes = vector('modern-ec.p12').subarray(0, at)
  for (const password of ['test', 'other']) {
    await expect(readPkcs12(bytes, password)).rejects.toMatchObject({
      code: 'ERR_KEY_MALFORMED',
      message: expect.stringMatching(
        /^the PKCS#12 file is damaged or truncated: it has [\d,]+ bytes, and its first bytes say [\d,]+$/,
      ) as string,
    })
  }
})

test('a damaged file is told without the words of ASN.1', async () => {
  // A SEQUENCE that ends too early, inside a whole file.
  const bytes = Buffer.from(sequence(integer(3), sequence(octetString(Buffer.alloc(40, 0x30)))))
  await expect(readPkcs12(bytes, 'test')).rejects.toMatchObject({
    code: 'ERR_KEY_MALFORMED',
    message: 'the PKCS#12 file is damaged or truncated',
  })
})

test('a file that wants endless rounds of derivation is refused at once', async () => {
  const bytes = vector('modern-ec.p12')
  // MacData ends the file: its iterations are the INTEGER 2048 (02 02 08 00) at the very end.
  expect(bytes.subarray(-4).toString('hex')).toBe('02020800')
  const greedy = Buffer.concat([bytes.subarray(0, -4), Buffer.from('02047fffffff', 'hex')])
  const [length, mac] = [greedy.readUInt16BE(2), greedy.lastIndexOf(Buffer.from('3041', 'hex'))]
  greedy.writeUInt16BE(length + 2, 2)
  expect(mac).toBeGreaterThan(0)
  greedy[mac + 1]! += 2
  expect(await codeOf(readPkcs12(greedy, 'test'))).toBe('ERR_KEY_MALFORMED')
})

test('many parts that each want their rounds are refused when they want too many in all', async () => {
  const salt = Buffer.alloc(8, 1)
  const data = objectIdentifier('1.2.840.113549.1.7.1')
  const part = (rounds: number): Uint8Array => {
    const derive = (purpose: number, length: number): Uint8Array =>
      derivePkcs12(derivationHashes.sha1, purpose, '', salt, rounds, length)
    const cipher = createCipheriv('des-ede3-cbc', derive(1, 24), derive(2, 8))
    const content = Buffer.concat([cipher.update(sequence()), cipher.final()])
    const algorithm = sequence(
      objectIdentifier('1.2.840.113549.1.12.1.3'),
      sequence(octetString(salt), integer(rounds)),
    )
    return sequence(
      objectIdentifier('1.2.840.113549.1.7.6'),
      context(0, sequence(integer(0), sequence(data, algorithm, contextPrimitive(0, content)))),
    )
  }
  // Without a MAC: it would have to be right.
  const file = (parts: number, rounds: number): Uint8Array => {
    const one = part(rounds)
    const safe = sequence(...Array.from({ length: parts }, () => one))
    return sequence(integer(3), sequence(data, context(0, octetString(safe))))
  }
  expect((await readPkcs12(file(3, 10), '')).keys).toEqual([])
  await expect(readPkcs12(file(1000, 250_000), '')).rejects.toThrow(
    /rounds of key derivation, more than/,
  )
})

test('what is no such file is malformed, and nothing else comes of it (mutations, fixed seed)', async () => {
  expect(await codeOf(readPkcs12(Buffer.from('hello'), 'test'))).toBe('ERR_KEY_MALFORMED')
  expect(await codeOf(readPkcs12(Buffer.alloc(2 << 20), 'test'))).toBe('ERR_KEY_MALFORMED')
  const bytes = vector('compat-ec.p12')
  for (let count = 0; count < 60; count += 1) {
    const mutated = Buffer.from(bytes)
    mutated[(count * 7919) % bytes.length]! ^= 1 << (count % 8)
    const code = await codeOf(readPkcs12(mutated, 'test'))
    expect(code === 'none' || code.startsWith('ERR_')).toBe(true)
  }
})
