import { createPrivateKey } from 'node:crypto'
import { expect, test } from 'vitest'
import { keyAlgorithms } from '../../src/keys/algorithms.js'
import { generateKeySync } from '../../src/keys/generate.js'
import { lockKey, lockRounds } from '../../src/keys/lock-key.js'
import { isEncryptedKey, unlockKey, unlockRounds } from '../../src/keys/unlock-key.js'

test.each(keyAlgorithms.filter((name) => !/^rsa-[34]/.test(name)))(
  '%s: what is locked opens with its passphrase alone, here and in OpenSSL',
  (algorithm) => {
    const key = generateKeySync(algorithm)
    const passphrase = 'pässwörd € 🔑'
    const pem = lockKey(key, passphrase)
    expect(pem).toMatch(/^-----BEGIN ENCRYPTED PRIVATE KEY-----\n/)
    expect(isEncryptedKey(pem)).toBe(true)
    expect(Buffer.from(unlockKey(pem, passphrase)).equals(Buffer.from(key.pkcs8))).toBe(true)
    expect(() => unlockKey(pem, 'passwort')).toThrow(/does not open/)
    const opened = createPrivateKey({ key: pem, passphrase })
    expect(opened.export({ format: 'der', type: 'pkcs8' }).length).toBeGreaterThan(0)
  },
)

test('600,000 rounds, and a new salt each time', () => {
  const key = generateKeySync('ecdsa-p256')
  const [one, two] = [lockKey(key, 'correct horse'), lockKey(key, 'correct horse')]
  expect(unlockRounds(one)).toBe(lockRounds)
  expect(lockRounds).toBe(600_000)
  expect(one).not.toBe(two)
})
