/**
 * Makes keys.
 *
 * EC keys come from one ECDH object per curve whose bytes are put into a template: 14 µs instead of
 * 230 µs for P-256 on Node 20, because OpenSSL's encoders cost more than the arithmetic. No KeyObject
 * is made, and none is ever exported as JWK: on Node 20 that can hang the process when garbage is
 * collected in it.
 *
 * @module
 */

import { createECDH, generateKeyPair, generateKeyPairSync } from 'node:crypto'
import { promisify } from 'node:util'
import { sameBytes } from '../bytes.js'
import { element, integer, octetString, sequence, tags } from '../der/write.js'
import { memoByObject } from '../memo.js'
import {
  algorithmOf,
  keyAlgorithms,
  type AlgorithmEntry,
  type KeyAlgorithm,
  type PrivateKey,
  type PublicKey,
} from './algorithms.js'

/**
 * Makes a private key of an algorithm. RSA keys are made off the main thread; more than four at once gain
 * nothing.
 *
 * @param algorithm One of `keyAlgorithms`; agents of Nomad take all but `ed25519`.
 * @returns The key with its public half; it is not kept anywhere.
 * @throws {NomadPkiError} `ERR_KEY_ALGORITHM` for an unknown name.
 * @see helper/tlsutil/config.go:435-449 of Nomad 1.11.3 (RSA and ECDSA only)
 * @example
 *
 * ```ts
 * import { encodePrivateKey, generateKey, parsePrivateKey } from 'nomad-pki'
 *
 * const key = await generateKey('ecdsa-p256')
 * const pem = encodePrivateKey(key) // write it with mode 0600
 * console.log(parsePrivateKey(pem).publicKey.name)
 * ```
 */
export async function generateKey(algorithm: KeyAlgorithm): Promise<PrivateKey> {
  const entry = algorithmOf(algorithm)
  if (entry.kind !== 'rsa') return generateKeySync(algorithm)
  const pair = await generatePair('rsa', {
    modulusLength: entry.modulusLength!,
    publicKeyEncoding: { type: 'spki', format: 'der' },
    privateKeyEncoding: { type: 'pkcs8', format: 'der' },
  })
  return keyOf(algorithm, pair)
}

/**
 * Makes a key at once. An RSA key takes 0.1 to 3 seconds.
 *
 * @param algorithm One of `keyAlgorithms`.
 * @throws {NomadPkiError} `ERR_KEY_ALGORITHM`
 */
export function generateKeySync(algorithm: KeyAlgorithm): PrivateKey {
  const entry = algorithmOf(algorithm)
  switch (entry.kind) {
    case 'ec':
      return generateEcKey(entry)
    case 'ed25519':
      return keyOf(
        algorithm,
        generateKeyPairSync('ed25519', {
          publicKeyEncoding: { type: 'spki', format: 'der' },
          privateKeyEncoding: { type: 'pkcs8', format: 'der' },
        }),
      )
    case 'rsa':
      return keyOf(
        algorithm,
        generateKeyPairSync('rsa', {
          modulusLength: entry.modulusLength!,
          publicKeyEncoding: { type: 'spki', format: 'der' },
          privateKeyEncoding: { type: 'pkcs8', format: 'der' },
        }),
      )
  }
}

/**
 * The PKCS#8 of an EC key, with its public point, as OpenSSL writes it (RFC 5915 §3, RFC 5958 §2).
 *
 * @param entry The algorithm, of kind `ec`.
 * @param scalar At most `scalarLength` octets, big-endian.
 * @param point Uncompressed.
 */
export function ecPrivateKey(
  entry: AlgorithmEntry,
  scalar: Uint8Array,
  point: Uint8Array,
): PrivateKey {
  const { prefix, middle } = templateOf(entry)
  const pkcs8 = Buffer.alloc(prefix.length + entry.scalarLength! + middle.length + point.length)
  pkcs8.set(prefix)
  // ECDH.getPrivateKey() drops leading zeros: one key in 256.
  pkcs8.set(scalar, prefix.length + entry.scalarLength! - scalar.length)
  pkcs8.set(middle, prefix.length + entry.scalarLength!)
  pkcs8.set(point, prefix.length + entry.scalarLength! + middle.length)
  return { algorithm: entry.name, pkcs8, publicKey: ecPublicKey(entry, point) }
}

function ecPublicKey({ name, spkiPrefix }: AlgorithmEntry, point: Uint8Array): PublicKey {
  const spki = Buffer.allocUnsafe(spkiPrefix!.length + point.length)
  spki.set(spkiPrefix!)
  spki.set(point, spkiPrefix!.length)
  return { algorithm: name, name, spki }
}

/**
 * Reads the public half of an EC key that stands as {@link ecPrivateKey} writes it: comparing what
 * stands around the numbers is a tenth of parsing it, and a plan of ten thousand nodes reads as many.
 *
 * @param pkcs8 Any bytes.
 * @returns `undefined` for all others.
 */
export function ecHalfAsWritten(pkcs8: Uint8Array): PublicKey | undefined {
  const parts = ecPartsAsWritten(pkcs8)
  return parts && ecPublicKey(parts.entry, parts.point)
}

/**
 * The numbers of an EC key that stands as {@link ecPrivateKey} writes it.
 *
 * @param pkcs8 Any bytes.
 * @returns Views into the bytes; `undefined` for all others.
 */
export function ecPartsAsWritten(pkcs8: Uint8Array):
  | {
      readonly entry: AlgorithmEntry
      /** Secret, big-endian. */
      readonly scalar: Uint8Array
      /** Uncompressed. */
      readonly point: Uint8Array
    }
  | undefined {
  for (const entry of ecEntries) {
    const { prefix, middle } = templateOf(entry)
    const at = prefix.length + entry.scalarLength!
    const point = at + middle.length
    if (
      pkcs8.length === point + 1 + 2 * entry.scalarLength! &&
      pkcs8[point] === 4 &&
      sameBytes(pkcs8.subarray(0, prefix.length), prefix) &&
      sameBytes(pkcs8.subarray(at, point), middle)
    ) {
      return { entry, scalar: pkcs8.subarray(prefix.length, at), point: pkcs8.subarray(point) }
    }
  }
  return undefined
}

const ecEntries: readonly AlgorithmEntry[] = keyAlgorithms
  .map(algorithmOf)
  .filter(({ kind }) => kind === 'ec')

const generatePair = promisify(generateKeyPair)

/** Made once: the object sets up its curve. */
const generatorOf = memoByObject(({ curve }: AlgorithmEntry) => createECDH(curve!))

function generateEcKey(entry: AlgorithmEntry): PrivateKey {
  const ecdh = generatorOf(entry)
  const point = ecdh.generateKeys()
  return ecPrivateKey(entry, ecdh.getPrivateKey(), point)
}

interface Template {
  /** Up to the scalar. */
  readonly prefix: Uint8Array
  /** From the scalar to the point. */
  readonly middle: Uint8Array
}

/** Writes the structure once around zeros; each key is then three copies of bytes. */
const templateOf = memoByObject((entry: AlgorithmEntry): Template => {
  const length = entry.scalarLength!
  const pointLength = 1 + 2 * length
  const algorithm = entry.spkiPrefix!.subarray(0, -2)
  const identifier = algorithm.subarray(algorithm.indexOf(0x30, 1))
  const whole = sequence(
    integer(0),
    identifierOf(identifier),
    octetString(
      sequence(
        integer(1),
        octetString(new Uint8Array(length)),
        element(0xa1, element(tags.bitString, Uint8Array.of(0), new Uint8Array(pointLength))),
      ),
    ),
  )
  const middleEnd = whole.length - pointLength
  const middleStart = middleEnd - middleLength(pointLength)
  return {
    prefix: whole.subarray(0, middleStart - length),
    middle: whole.subarray(middleStart, middleEnd),
  }
})

/** The AlgorithmIdentifier that stands in an SPKI's prefix. */
function identifierOf(bytes: Uint8Array): Uint8Array {
  return bytes.subarray(0, 2 + bytes[1]!)
}

/** The headers between scalar and point: `[1]`, BIT STRING, unused bits. */
function middleLength(pointLength: number): number {
  const bits = 1 + pointLength
  const bitHeader = bits < 0x80 ? 2 : 3
  return (bits + bitHeader < 0x80 ? 2 : 3) + bitHeader + 1
}

function keyOf(
  algorithm: KeyAlgorithm,
  pair: { readonly publicKey: Buffer; readonly privateKey: Buffer },
): PrivateKey {
  return {
    algorithm,
    pkcs8: pair.privateKey,
    publicKey: { algorithm, name: algorithm, spki: pair.publicKey },
  }
}
