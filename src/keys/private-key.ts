/**
 * Private keys, read and written. Reading takes PKCS#8 (RFC 5958), SEC 1 (RFC 5915) and PKCS#1
 * (RFC 8017), in PEM or DER; writing gives PKCS#8. No KeyObject is made, so reading one costs a few
 * microseconds: a plan looks at thousands. No message ever holds a byte of a key.
 *
 * @module
 */

import { createECDH, createPrivateKey, createPublicKey } from 'node:crypto'
import { latin1Of } from '../bytes.js'
import { DerReader, fail } from '../der/read.js'
import {
  bitString,
  integer,
  nullValue,
  objectIdentifier,
  octetString,
  sequence,
  tags,
} from '../der/write.js'
import { isNomadPkiError, NomadPkiError } from '../errors.js'
import { algorithmOf, type KeyAlgorithm, type PrivateKey, type PublicKey } from './algorithms.js'
import { ecHalfAsWritten, ecPrivateKey } from './generate.js'
import { pemBlocks, pemEncode } from './pem.js'
import { parsePublicKey } from './public-key.js'

/**
 * Writes a private key as PEM, `PRIVATE KEY` (PKCS#8, unencrypted): what agents, tools of browsers and OpenSSL
 * all load.
 *
 * @param key From `generateKey` or `parsePrivateKey`.
 * @returns The PEM, with a final newline. It is a secret.
 * @see RFC 5958 §2, RFC 7468 §10
 */
export function encodePrivateKey(key: PrivateKey): string {
  return pemEncode('PRIVATE KEY', key.pkcs8)
}

/**
 * Reads a private key from PEM or DER: PKCS#8, SEC 1 or PKCS#1. The public key is the one that stands in it,
 * or is computed where none does; that it really belongs to the private one shows when it signs.
 *
 * @param input PEM, as text or bytes, where certificates and parameters are passed over; or DER.
 * @returns The key and its public half.
 * @throws {NomadPkiError} `ERR_KEY_ENCRYPTED`; `ERR_KEY_ALGORITHM` for a sound key of an unsupported
 * algorithm; `ERR_KEY_MALFORMED` for all else.
 *
 * @see RFC 5958, RFC 5915, RFC 8017 §A.1.2
 */
export function parsePrivateKey(input: string | Uint8Array): PrivateKey {
  const { algorithm, pkcs8, publicKey } = read(input, false)
  return algorithm === undefined
    ? unsupported(`a key of ${publicKey.name}`)
    : { algorithm, pkcs8, publicKey }
}

/**
 * Reads the public half of a private key of any kind that Go loads: also RSA of other lengths, and
 * P-224. It is computed from the private half, as Go does, and not believed.
 *
 * @param input As in {@link parsePrivateKey}.
 * @throws {NomadPkiError} `ERR_KEY_ENCRYPTED`; `ERR_KEY_ALGORITHM` for kinds that Go does not load; `ERR_KEY_MALFORMED` for all else.
 */
export function publicHalfOf(input: string | Uint8Array): PublicKey {
  return read(input, true).publicKey
}

/**
 * Reads the public half that stands in a private key of any kind that Go loads. It is not computed:
 * for thousands of keys at once.
 *
 * @param input As in {@link parsePrivateKey}.
 * @throws {NomadPkiError} as {@link publicHalfOf}
 */
export function writtenHalfOf(input: string | Uint8Array): PublicKey {
  const asWritten = typeof input === 'string' ? undefined : ecHalfAsWritten(input)
  return asWritten ?? read(input, false).publicKey
}

/** A key, of one of our algorithms or not. */
type AnyPrivateKey = Omit<PrivateKey, 'algorithm'> & {
  readonly algorithm: KeyAlgorithm | undefined
}

/** @param compute Whether the public half is computed, and the numbers of an RSA key are held against each other. */
function read(input: string | Uint8Array, compute: boolean): AnyPrivateKey {
  try {
    if (typeof input !== 'string' && input[0] === tags.sequence) return parseDer(input, compute)
    return parsePem(typeof input === 'string' ? input : latin1Of(input), compute)
  } catch (error) {
    if (
      isNomadPkiError(error, 'ERR_DER_MALFORMED') ||
      isNomadPkiError(error, 'ERR_PEM_MALFORMED')
    ) {
      throw new NomadPkiError('ERR_KEY_MALFORMED', `not a private key: ${error.message}`)
    }
    throw error
  }
}

const oids: Readonly<Record<string, KeyAlgorithm>> = {
  '1.2.840.10045.3.1.7': 'ecdsa-p256',
  '1.3.132.0.34': 'ecdsa-p384',
  '1.3.132.0.35': 'ecdsa-p521',
}

const rsaIdentifier = sequence(objectIdentifier('1.2.840.113549.1.1.1'), nullValue)

function parsePem(text: string, compute: boolean): AnyPrivateKey {
  const blocks = pemBlocks(text)
  const block = blocks.find(
    ({ label }) => label === 'PRIVATE KEY' || label.endsWith(' PRIVATE KEY'),
  )
  if (block === undefined) {
    const others = [...new Set(blocks.map(({ label }) => label))].join(', ')
    return fail(others === '' ? 'it holds no PEM block' : `it holds only ${others}`)
  }
  if (block.encrypted || block.label === 'ENCRYPTED PRIVATE KEY') encrypted()
  switch (block.label) {
    case 'PRIVATE KEY':
      return parsePkcs8(open(block.der), compute)
    case 'EC PRIVATE KEY':
      return parseSec1(open(block.der), undefined, compute)
    case 'RSA PRIVATE KEY':
      return parsePkcs1(block.der, compute)
    default:
      throw new NomadPkiError(
        'ERR_KEY_ALGORITHM',
        `a key in the form ${block.label} is not supported`,
        // openssl does not read that form.
        block.label === 'OPENSSH PRIVATE KEY'
          ? { hint: 'convert a copy of it: ssh-keygen -p -m PKCS8 -N "" -f COPY' }
          : {},
      )
  }
}

/** Tells the three forms apart by what follows the version. */
function parseDer(der: Uint8Array, compute: boolean): AnyPrivateKey {
  const reader = open(der)
  if (reader.peek() === tags.sequence) {
    // EncryptedPrivateKeyInfo has no version: an algorithm, then octets (RFC 5958 §3).
    reader.enter(tags.sequence, 'the encryption')
    if (reader.peek() === tags.octetString) encrypted()
  }
  const again = open(der)
  again.integer('the version')
  switch (again.peek()) {
    case tags.sequence:
      return parsePkcs8(open(der), compute)
    case tags.octetString:
      return parseSec1(open(der), undefined, compute)
    case tags.integer:
      return parsePkcs1(der, compute)
    default:
      return fail('it is neither PKCS#8 nor SEC 1 nor PKCS#1')
  }
}

function open(der: Uint8Array): DerReader {
  const reader = new DerReader(der)
  const inside = reader.enter(tags.sequence, 'the key')
  reader.finish('the key')
  return inside
}

function parsePkcs8(info: DerReader, compute: boolean): AnyPrivateKey {
  if (info.smallInteger('the version') > 1) fail('its version is neither 0 nor 1')
  const algorithm = info.enter(tags.sequence, 'the algorithm')
  const oid = algorithm.oid('the algorithm')
  const content = info.content(tags.octetString, 'the private key')
  switch (oid) {
    case '1.2.840.113549.1.1.1':
      return parsePkcs1(content, compute)
    case '1.2.840.10045.2.1': {
      if (algorithm.peek() !== tags.oid) unsupported('an EC key with explicit parameters')
      return parseSec1(open(content), algorithm.oid('the curve'), compute)
    }
    case '1.3.101.112':
      return parseEd25519(content)
    default:
      return unsupported(`a key of algorithm ${oid}`)
  }
}

function parseSec1(key: DerReader, outer: string | undefined, compute: boolean): AnyPrivateKey {
  if (key.smallInteger('the version') !== 1) fail('the version of an EC key is 1')
  let scalar = key.content(tags.octetString, 'the private key')
  let curve = outer
  if (key.peek() === 0xa0) {
    const parameters = key.enter(0xa0, 'the parameters')
    if (parameters.peek() !== tags.oid) unsupported('an EC key with explicit parameters')
    const inner = parameters.oid('the curve')
    if (outer !== undefined && inner !== outer) fail('it names two curves')
    curve = inner
  }
  if (curve === undefined) return fail('it does not say on which curve it is')
  if (curve === p224Oid) return p224Key(scalar)
  const name = oids[curve]
  if (name === undefined) return unsupported(`an EC key on the curve ${curve}`)
  const entry = algorithmOf(name)
  // Some writers pad with zeros, some drop them (Go takes both: crypto/x509 parseECPrivateKey).
  while (scalar.length > entry.scalarLength! && scalar[0] === 0) scalar = scalar.subarray(1)
  if (scalar.length > entry.scalarLength!) return fail('the private key is too long for its curve')
  const written =
    key.peek() === 0xa1
      ? key.enter(0xa1, 'the public key').octetsOfBits('the public key')
      : undefined
  key.finish('the key')
  const point = compute || written === undefined ? pointOf(entry.curve!, scalar) : written
  if (point.length === 1 + 2 * entry.scalarLength! && point[0] === 4) {
    return ecPrivateKey(entry, scalar, point)
  }
  return ecPrivateKey(entry, scalar, pointOf(entry.curve!, scalar))
}

const p224Oid = '1.3.132.0.33'

/** A key that agents load and no handshake takes: its public half alone. */
function p224Key(scalar: Uint8Array): AnyPrivateKey {
  const identifier = sequence(objectIdentifier('1.2.840.10045.2.1'), objectIdentifier(p224Oid))
  const spki = sequence(identifier, bitString(pointOf('secp224r1', scalar)))
  return { algorithm: undefined, pkcs8: new Uint8Array(), publicKey: parsePublicKey(spki) }
}

function pointOf(curve: string, scalar: Uint8Array): Uint8Array {
  const ecdh = createECDH(curve)
  try {
    ecdh.setPrivateKey(scalar)
    return ecdh.getPublicKey()
  } catch {
    return fail('the private key is not a number on its curve')
  }
}

function parsePkcs1(der: Uint8Array, compute: boolean): AnyPrivateKey {
  const key = open(der)
  const version = key.smallInteger('the version')
  if (version > 1) fail('its version is neither 0 nor 1')
  const several = version === 1
  // Go loads those, and nobody makes them.
  if (several && !compute) unsupported('an RSA key of several primes')
  const modulus = key.integer('the modulus')
  const exponent = key.integer('the exponent')
  const secret = ['d', 'p', 'q', 'dp', 'dq', 'the coefficient'].map((what) => key.integer(what))
  if (several) key.content(tags.sequence, 'the other primes')
  key.finish('the key')
  if (modulus[0]! >= 0x80 || exponent[0]! >= 0x80) fail('a number in it is negative')
  const spki = sequence(rsaIdentifier, bitString(sequence(integer(modulus), integer(exponent))))
  const publicKey = parsePublicKey(spki)
  if (compute && !several && !belongTogether(modulus, exponent, secret)) {
    fail('the numbers of this RSA key do not belong together')
  }
  const pkcs8 = sequence(integer(0), rsaIdentifier, octetString(der))
  return { algorithm: publicKey.algorithm, pkcs8, publicKey }
}

/** crypto/internal/fips140/rsa checkPrivateKey and checkPublicKey: without it an agent does not start. */
function belongTogether(
  modulus: Uint8Array,
  exponent: Uint8Array,
  secret: readonly Uint8Array[],
): boolean {
  if (secret.some((one) => one[0]! >= 0x80)) return false
  const [n, e, d, p, q, dp, dq, inverse] = [modulus, exponent, ...secret].map((one) =>
    BigInt(`0x${Buffer.from(one).toString('hex')}`),
  ) as [bigint, bigint, bigint, bigint, bigint, bigint, bigint, bigint]
  if (d === 0n || p <= 1n || q <= 1n || e < 2n || e > 0x7fffffffn || e % 2n === 0n) return false
  return (
    n === p * q &&
    n % 2n === 1n &&
    (e * dp) % (p - 1n) === 1n &&
    (e * dq) % (q - 1n) === 1n &&
    d % (p - 1n) === dp &&
    d % (q - 1n) === dq &&
    (inverse * q) % p === 1n
  )
}

function parseEd25519(content: Uint8Array): PrivateKey {
  const reader = new DerReader(content)
  const seed = reader.content(tags.octetString, 'the private key')
  reader.finish('the private key')
  if (seed.length !== 32) fail('an Ed25519 key has 32 octets')
  const { spkiPrefix } = algorithmOf('ed25519')
  const pkcs8 = sequence(integer(0), spkiPrefix!.subarray(2, 9), octetString(octetString(seed)))
  const spki = createPublicKey(
    createPrivateKey({ key: Buffer.from(pkcs8), format: 'der', type: 'pkcs8' }),
  ).export({ type: 'spki', format: 'der' })
  return { algorithm: 'ed25519', pkcs8, publicKey: parsePublicKey(spki) }
}

function encrypted(): never {
  throw new NomadPkiError('ERR_KEY_ENCRYPTED', 'the private key is encrypted', {
    hint: 'agents load only unencrypted keys: openssl pkey -in KEY -out PLAIN removes the passphrase',
  })
}

function unsupported(what: string): never {
  throw new NomadPkiError('ERR_KEY_ALGORITHM', `${what} is not supported`, {
    hint: 'ECDSA on P-256, P-384 or P-521, RSA of 2048, 3072 or 4096 bits, Ed25519 for authorities',
  })
}
