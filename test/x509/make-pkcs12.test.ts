import forge from 'node-forge'
import { describe, expect, test } from 'vitest'
import { latin1Of } from '../../src/bytes.js'
import { isNomadPkiError } from '../../src/errors.js'
import { generateKeySync } from '../../src/keys/generate.js'
import type { KeyAlgorithm } from '../../src/keys/algorithms.js'
import { derivationHashes, derivedFor, derivePkcs12 } from '../../src/x509/pkcs12-key.js'
import { makePkcs12, type Pkcs12Form, type Pkcs12Parts } from '../../src/x509/make-pkcs12.js'
import { readPkcs12 } from '../../src/x509/pkcs12.js'
import { aCluster } from '../builders.js'

const forms: readonly Pkcs12Form[] = ['modern', 'compat']
const password = 'correct horse'

/** An operator's key and chain: a leaf, what signed it, the root. */
async function parts(algorithm: KeyAlgorithm = 'ecdsa-p256'): Promise<Pkcs12Parts> {
  const cluster = await aCluster()
    .withIntermediate('global')
    .withOperator('alice', { authority: 'global', key: algorithm })
    .build()
  const { key, chain } = cluster.holder('identity/operator/global/alice')
  return {
    key,
    certificates: [...chain, cluster.root()],
    friendlyName: 'alice (acme global)',
    password,
  }
}

const codeOf = (run: () => unknown): string => {
  try {
    run()
    return 'none'
  } catch (error) {
    if (isNomadPkiError(error)) return error.code
    throw error
  }
}

describe.each(forms)('a PKCS#12 file, %s,', (form) => {
  test.each(['ecdsa-p256', 'ecdsa-p384', 'rsa-2048'] satisfies KeyAlgorithm[])(
    'gives back what went in: %s',
    async (algorithm) => {
      const made = await parts(algorithm)
      const read = await readPkcs12(makePkcs12({ ...made, form }), password)
      expect(read.keys).toEqual([made.key])
      expect(read.certificates.map(({ der }) => Buffer.from(der).toString('hex'))).toEqual(
        made.certificates.map(({ der }) => Buffer.from(der).toString('hex')),
      )
      expect(read.friendlyName).toBe('alice (acme global)')
    },
  )

  test('opens in node-forge by its own means, and the key has the identifier of its certificate', async () => {
    const made = await parts('rsa-2048')
    const file = makePkcs12({ ...made, form })
    const pfx = forge.pkcs12.pkcs12FromAsn1(forge.asn1.fromDer(latin1Of(file)), password)
    const bags = pfx.safeContents.flatMap(({ safeBags }) => safeBags)
    const [certificate, ...others] = bags.filter(({ type }) => type === forge.pki.oids.certBag)
    const keys = bags.filter(({ type }) => type === forge.pki.oids.pkcs8ShroudedKeyBag)
    expect([keys.length, others.length]).toEqual([1, 2])
    expect(keys[0]!.attributes).toEqual(certificate!.attributes)
    expect(others.map(({ attributes }) => Object.keys(attributes as object))).toEqual([[], []])
  })

  test('opens with its password alone, and shows no byte of the key', async () => {
    const made = await parts()
    const file = makePkcs12({ ...made, form })
    await expect(readPkcs12(file, 'correct horsf')).rejects.toThrow('does not open')
    await expect(readPkcs12(file, '')).rejects.toThrow('does not open')
    const bytes = Buffer.from(file)
    expect(bytes.includes(Buffer.from(made.key.pkcs8).subarray(36, 68))).toBe(false)
    // Who it is for is no stranger's business either.
    expect(bytes.includes(Buffer.from(made.certificates[0]!.der).subarray(0, 64))).toBe(false)
  })

  test('salts and vectors are new each time', async () => {
    const made = await parts()
    expect(makePkcs12({ ...made, form })).not.toEqual(makePkcs12({ ...made, form }))
  })
})

test('the ciphers and the rounds are those of the form', async () => {
  const made = await parts()
  const hex = (form: Pkcs12Form): string =>
    Buffer.from(makePkcs12({ ...made, form })).toString('hex')
  const aes = '060960864801650304012a'
  const tripleDes = '060a2a864886f70d010c0103'
  const rounds = { modern: '020303d090', compat: '02020800' }
  expect(hex('modern').split(aes)).toHaveLength(3)
  expect(hex('compat').split(tripleDes)).toHaveLength(3)
  expect(hex('compat')).not.toContain(aes)
  // Twice for what is encrypted, once for the MAC.
  expect(hex('modern').split(rounds.modern)).toHaveLength(4)
  expect(hex('compat').split(rounds.compat)).toHaveLength(4)
})

describe('is refused', () => {
  test.each([
    ['a short password', { password: '1234567' }, 'ERR_USAGE'],
    ['no password', { password: '' }, 'ERR_USAGE'],
    ['a password beyond ASCII', { password: 'pässwörd€' }, 'ERR_USAGE'],
    ['a line break in the password', { password: '12345678\n9' }, 'ERR_USAGE'],
    ['another key', { key: generateKeySync('ecdsa-p256') }, 'ERR_KEY_MISMATCH'],
    ['no certificate', { certificates: [] }, 'ERR_KEY_MISMATCH'],
  ])('%s', async (_, change, code) => {
    const made = await parts()
    expect(codeOf(() => makePkcs12({ ...made, ...change }))).toBe(code)
  })

  test('an Ed25519 key, which browsers do not load', async () => {
    const made = await parts()
    const key = generateKeySync('ed25519')
    const certificates = [{ ...made.certificates[0]!, publicKey: key.publicKey }]
    expect(codeOf(() => makePkcs12({ ...made, key, certificates }))).toBe('ERR_KEY_ALGORITHM')
  })
})

test.each(['sha1', 'sha256', 'sha384', 'sha512'] as const)(
  'the derivation is that of node-forge: %s',
  (name) => {
    const salt = 'salt of any length'
    for (const [length, rounds] of [
      [7, 1],
      [20, 2],
      [32, 3],
      [100, 5],
    ] as const) {
      for (const purpose of Object.values(derivedFor)) {
        const theirs = forge.pkcs12.generateKey(
          password,
          forge.util.createBuffer(salt),
          purpose,
          rounds,
          length,
          forge.md[name].create(),
        )
        const octets = Buffer.from(salt)
        const hash = derivationHashes[name]
        const ours = derivePkcs12(hash, purpose, password, octets, rounds, length)
        expect(Buffer.from(ours).toString('hex')).toBe(theirs.toHex())
      }
    }
  },
)
