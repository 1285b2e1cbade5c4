/**
 * Private keys under a passphrase, opened: PKCS#8 with PBES2 or PBES1 (RFC 8018), and the PEM of old
 * OpenSSL with `Proc-Type: 4,ENCRYPTED` (RFC 1421). How often a hash runs is read from the file, and a
 * stranger's file says what it likes: it is limited before anything is derived.
 *
 * @module
 */

import {
  createDecipheriv,
  createHash,
  createPrivateKey,
  pbkdf2Sync,
  scryptSync,
  type CipherKey,
} from 'node:crypto'
import { latin1Of } from '../bytes.js'
import { DerReader } from '../der/read.js'
import { tags } from '../der/write.js'
import { isNomadPkiError, NomadPkiError } from '../errors.js'
import { scanPem, type PemBlock } from './pem-scan.js'

/** This many rounds of a hash are some seconds. */
const mostRounds = 5_000_000
/** The same for PBES1, where each round is a call. */
const mostOldRounds = 500_000
/** OpenSSL's own limit for scrypt (providers/implementations/kdfs/scrypt.c), bytes. */
const mostMemory = 32 << 20
/** How often scrypt may fill that memory. */
const mostParallel = 16

/**
 * Tells whether a file holds a private key under a passphrase.
 *
 * @param input PEM, as text or bytes; or DER.
 */
export function isEncryptedKey(input: string | Uint8Array): boolean {
  try {
    return lockedIn(input) !== undefined
  } catch (error) {
    if (isNomadPkiError(error)) return false
    throw error
  }
}

/**
 * Says how often a hash has to run to open a key: what it costs, before it is spent.
 *
 * @param input As in {@link unlockKey}.
 * @returns Rounds; 0 for a key without a passphrase.
 * @throws {NomadPkiError} as {@link unlockKey}, but for a wrong passphrase.
 */
export function unlockRounds(input: string | Uint8Array): number {
  return lockedIn(input)?.rounds ?? 0
}

/** How a private key is encrypted. */
export interface KeyLock {
  /** Cipher and derivation: `AES-256-CBC, PBKDF2 with SHA-256`. */
  readonly scheme: string
  /** How often the hash runs for one guess. */
  readonly rounds: number
}

/**
 * Says how a private key is encrypted, without opening it.
 *
 * @param input As in {@link unlockKey}.
 * @returns `undefined` for a key without a passphrase.
 * @throws {NomadPkiError} as {@link unlockKey}, but for a wrong passphrase.
 */
export function lockOf(input: string | Uint8Array): KeyLock | undefined {
  const locked = lockedIn(input)
  return locked && { scheme: locked.scheme, rounds: locked.rounds }
}

/**
 * Opens a private key with its passphrase.
 *
 * @param input PEM, as text or bytes, of which the first private key counts; or DER.
 * @param passphrase Taken as UTF-8.
 * @returns The key in DER without encryption: PKCS#8, SEC 1 or PKCS#1, for `parsePrivateKey`. It is a
 *   secret.
 * @throws {NomadPkiError} `ERR_KEY_ENCRYPTED` for a wrong passphrase; `ERR_KEY_ALGORITHM` for a cipher that
 *   is not supported; `ERR_KEY_MALFORMED` for all else, and for a key that is not encrypted.
 * @see RFC 8018 §6, RFC 5958 §3, RFC 7914 §7
 */
export function unlockKey(input: string | Uint8Array, passphrase: string): Uint8Array {
  const locked = lockedIn(input)
  if (locked === undefined) return malformed('it is not encrypted')
  let opened: Uint8Array | undefined
  try {
    opened = locked.open(passphrase)
  } catch (error) {
    if (isNomadPkiError(error)) throw error
    opened = undefined
  }
  // A wrong passphrase gives good padding once in 256 times.
  if (opened !== undefined && isWhole(opened)) return opened
  throw new NomadPkiError('ERR_KEY_ENCRYPTED', 'the passphrase does not open the private key')
}

/** A key under a passphrase, read and not opened. */
interface Locked extends KeyLock {
  /** @throws whatever the cipher says. */
  readonly open: (passphrase: string) => Uint8Array
}

function lockedIn(input: string | Uint8Array): Locked | undefined {
  try {
    if (typeof input !== 'string' && input[0] === tags.sequence) return lockedPkcs8(input)
    const text = typeof input === 'string' ? input : latin1Of(input)
    const block = scanPem(text).blocks.find(({ label }) => label.endsWith('PRIVATE KEY'))
    if (block === undefined) return undefined
    if (block.encrypted) return lockedPem(block, text.slice(block.start, block.end))
    return block.label === 'ENCRYPTED PRIVATE KEY' ? lockedPkcs8(block.der) : undefined
  } catch (error) {
    if (isNomadPkiError(error, 'ERR_DER_MALFORMED')) return malformed(error.message)
    throw error
  }
}

interface Cipher {
  readonly name: string
  /** Octets of the key. */
  readonly length: number
}

/** CBC alone: what OpenSSL writes (RFC 8018 appendix B.2, NIST's AES arc). */
const ciphers: Readonly<Record<string, Cipher>> = {
  '2.16.840.1.101.3.4.1.2': { name: 'aes-128-cbc', length: 16 },
  '2.16.840.1.101.3.4.1.22': { name: 'aes-192-cbc', length: 24 },
  '2.16.840.1.101.3.4.1.42': { name: 'aes-256-cbc', length: 32 },
  '1.2.840.113549.3.7': { name: 'des-ede3-cbc', length: 24 },
}

/** Hashes of PBKDF2 (RFC 8018 appendix B.1.1, B.1.2). */
const hashes: Readonly<Record<string, string>> = {
  '1.2.840.113549.2.7': 'sha1',
  '1.2.840.113549.2.8': 'sha224',
  '1.2.840.113549.2.9': 'sha256',
  '1.2.840.113549.2.10': 'sha384',
  '1.2.840.113549.2.11': 'sha512',
}

/** EncryptedPrivateKeyInfo (RFC 5958 §3). */
function lockedPkcs8(der: Uint8Array): Locked | undefined {
  const reader = new DerReader(der)
  const info = reader.enter(tags.sequence, 'the key')
  reader.finish('the key')
  // Every other form of a key begins with its version.
  if (info.peek() !== tags.sequence) return undefined
  const algorithm = info.enter(tags.sequence, 'the encryption')
  const oid = algorithm.oid('the encryption')
  if (info.peek() !== tags.octetString) return undefined
  const secret = info.content(tags.octetString, 'the encrypted key')
  info.finish('the key')
  switch (oid) {
    case '1.2.840.113549.1.5.13':
      return lockedPbes2(algorithm, secret)
    case '1.2.840.113549.1.5.3':
      return lockedPbes1('md5', algorithm, secret)
    case '1.2.840.113549.1.5.10':
      return lockedPbes1('sha1', algorithm, secret)
    // The derivation of PKCS#12 with triple DES (RFC 7292 appendix C), which OpenSSL 3 still has.
    case '1.2.840.113549.1.12.1.3':
    case '1.2.840.113549.1.12.1.4': {
      const { rounds } = saltAndRounds(algorithm.enter(tags.sequence, 'the parameters'))
      return {
        scheme: 'triple DES, the derivation of PKCS#12 with SHA-1',
        rounds,
        open: (passphrase) =>
          createPrivateKey({
            key: Buffer.from(der),
            format: 'der',
            type: 'pkcs8',
            passphrase,
          }).export({ format: 'der', type: 'pkcs8' }),
      }
    }
    default:
      return unsupported(`encryption ${oid}`)
  }
}

function lockedPbes2(algorithm: DerReader, secret: Uint8Array): Locked {
  const parameters = algorithm.enter(tags.sequence, 'the parameters')
  const derivation = parameters.enter(tags.sequence, 'the key derivation')
  const scheme = parameters.enter(tags.sequence, 'the cipher')
  const name = scheme.oid('the cipher')
  const cipher = ciphers[name] ?? unsupported(`the cipher ${name}`)
  const iv = scheme.content(tags.octetString, 'the initialization vector')
  const kind = derivation.oid('the key derivation')
  const how = derivation.enter(tags.sequence, 'the key derivation')
  const { by, rounds, derive } =
    kind === '1.2.840.113549.1.5.12'
      ? pbkdf2Of(how, cipher)
      : kind === '1.3.6.1.4.1.11591.4.11'
        ? scryptOf(how, cipher)
        : unsupported(`the key derivation ${kind}`)
  const words = `${cipherWords(cipher)}, ${by}`
  return {
    scheme: words,
    rounds,
    open: (passphrase) => decrypt(cipher, derive(passphrase), iv, secret),
  }
}

/** `AES-256-CBC`; as everybody writes it. */
function cipherWords({ name }: Cipher): string {
  return name === 'des-ede3-cbc' ? 'triple DES' : name.toUpperCase()
}

interface Derivation {
  /** `PBKDF2 with SHA-256` */
  readonly by: string
  readonly rounds: number
  readonly derive: (passphrase: string) => Uint8Array
}

function pbkdf2Of(how: DerReader, { length }: Cipher): Derivation {
  const { salt, rounds } = saltAndRounds(how)
  if (how.peek() === tags.integer && how.smallInteger('the length of the key') !== length) {
    malformed('the length of its key is not that of its cipher')
  }
  // HMAC with SHA-1 is the default (RFC 8018 appendix A.2).
  let hash = 'sha1'
  if (how.peek() === tags.sequence) {
    const oid = how.enter(tags.sequence, 'the hash').oid('the hash')
    hash = hashes[oid] ?? unsupported(`the hash ${oid}`)
  }
  return {
    by: `PBKDF2 with ${hash.toUpperCase().replace('SHA', 'SHA-')}`,
    rounds,
    derive: (passphrase) => pbkdf2Sync(utf8(passphrase), salt, rounds, length, hash),
  }
}

/** RFC 7914 §7.1. */
function scryptOf(how: DerReader, { length }: Cipher): Derivation {
  const salt = how.content(tags.octetString, 'the salt')
  const [cost, blockSize, parallelization] = [
    'the cost',
    'the block size',
    'the parallelization',
  ].map((what) => how.smallInteger(what)) as [number, number, number]
  const memory = 128 * cost * blockSize
  if (memory > mostMemory || parallelization > mostParallel || memory === 0) {
    malformed(`it wants ${memory} bytes of memory, ${parallelization} times`)
  }
  const maxmem = 2 * mostMemory
  return {
    by: `scrypt with ${memory >= 1 << 20 ? `${memory >> 20} MiB` : `${memory >> 10} KiB`}`,
    rounds: cost * parallelization,
    derive: (passphrase) =>
      scryptSync(utf8(passphrase), salt, length, { cost, blockSize, parallelization, maxmem }),
  }
}

/** PBES1 with DES, which OpenSSL 3 has in its legacy provider alone (RFC 8018 §6.1.2). */
function lockedPbes1(hash: 'md5' | 'sha1', algorithm: DerReader, secret: Uint8Array): Locked {
  const { salt, rounds } = saltAndRounds(
    algorithm.enter(tags.sequence, 'the parameters'),
    mostOldRounds,
  )
  return {
    scheme: `DES, PBES1 with ${hash === 'md5' ? 'MD5' : 'SHA-1'}`,
    rounds,
    open(passphrase) {
      let derived = createHash(hash).update(utf8(passphrase)).update(salt).digest()
      for (let round = 1; round < rounds; round += 1) {
        derived = createHash(hash).update(derived).digest()
      }
      return decrypt(single, thrice(derived.subarray(0, 8)), derived.subarray(8, 16), secret)
    },
  }
}

/** DES with one key is triple DES with that key three times. */
const single: Cipher = { name: 'des-ede3-cbc', length: 24 }

function thrice(key: Uint8Array): Uint8Array {
  return Buffer.concat([key, key, key])
}

/** `DEK-Info: AES-256-CBC,…` (RFC 1421 §4.6.1.3); the key is derived by one round of MD5. */
function lockedPem({ der }: PemBlock, text: string): Locked {
  const found = /^DEK-Info:[ \t]*([A-Za-z0-9-]+),([0-9A-Fa-f]+)[ \t]*\r?$/m.exec(text)
  if (found === null) return malformed('its header DEK-Info is missing or damaged')
  const [, name = '', hex = ''] = found
  const iv = Buffer.from(hex, 'hex')
  const isSingle = name.toUpperCase() === 'DES-CBC'
  const cipher = isSingle
    ? { name: 'des-ede3-cbc', length: 8 }
    : Object.values(ciphers).find((one) => one.name === name.toLowerCase())
  if (cipher === undefined) return unsupported(`the cipher ${name.slice(0, 40)}`)
  return {
    scheme: `${isSingle ? 'DES' : cipherWords(cipher)}, MD5 (the old PEM of OpenSSL)`,
    rounds: 1,
    open(passphrase) {
      const secret = Buffer.concat([utf8(passphrase), iv.subarray(0, 8)])
      let key = Buffer.alloc(0)
      for (let last = Buffer.alloc(0); key.length < cipher.length;) {
        last = createHash('md5').update(last).update(secret).digest()
        key = Buffer.concat([key, last])
      }
      key = key.subarray(0, cipher.length)
      return decrypt(cipher, isSingle ? thrice(key) : key, iv, der)
    },
  }
}

function saltAndRounds(
  parameters: DerReader,
  most = mostRounds,
): { readonly salt: Uint8Array; readonly rounds: number } {
  if (parameters.peek() !== tags.octetString) unsupported('a salt from elsewhere')
  const salt = parameters.content(tags.octetString, 'the salt')
  const rounds = parameters.smallInteger('the rounds')
  if (rounds >= 1 && rounds <= most) return { salt, rounds }
  return malformed(`it wants ${rounds} rounds of key derivation, and may have ${most}`)
}

function decrypt({ name }: Cipher, key: CipherKey, iv: Uint8Array, secret: Uint8Array): Uint8Array {
  const decipher = createDecipheriv(name, key, iv)
  return Buffer.concat([decipher.update(secret), decipher.final()])
}

/** Whether it is one element of DER, and nothing after it. */
function isWhole(der: Uint8Array): boolean {
  const reader = new DerReader(der)
  try {
    reader.enter(tags.sequence, 'the key')
    return reader.done()
  } catch (error) {
    if (isNomadPkiError(error)) return false
    throw error
  }
}

function utf8(passphrase: string): Buffer {
  return Buffer.from(passphrase, 'utf8')
}

function malformed(message: string): never {
  throw new NomadPkiError('ERR_KEY_MALFORMED', `not a private key under a passphrase: ${message}`)
}

function unsupported(what: string): never {
  throw new NomadPkiError('ERR_KEY_ALGORITHM', `${what} of this private key is not supported`, {
    hint: 'write a copy of it anew: openssl pkcs8 -topk8 -v2 aes-256-cbc -in KEY -out COPY (-provider legacy -provider default for old ciphers)',
  })
}
