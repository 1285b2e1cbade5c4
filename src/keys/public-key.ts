/**
 * Public keys: what algorithm a SubjectPublicKeyInfo is of, and comparing them.
 *
 * @module
 */

import { hash } from 'node:crypto'
import { fail, DerReader } from '../der/read.js'
import { tags } from '../der/write.js'
import {
  algorithmOf,
  isKeyAlgorithm,
  keyAlgorithms,
  type KeyAlgorithm,
  type PublicKey,
} from './algorithms.js'

/** By length, because no two have the same. */
const fixed = new Map(
  keyAlgorithms.flatMap((name) => {
    const { spkiPrefix, kind, scalarLength } = algorithmOf(name)
    if (spkiPrefix === undefined || scalarLength === undefined) return []
    const length = spkiPrefix.length + (kind === 'ec' ? 1 + 2 * scalarLength : scalarLength)
    return [[length, { name, prefix: spkiPrefix, kind }] as const]
  }),
)

const oids = {
  rsa: '1.2.840.113549.1.1.1',
  ec: '1.2.840.10045.2.1',
}

/** RFC 5480 §2.1.1.1, RFC 8410 §3, RFC 4055 §1.2; SEC 2 for the rest. */
const foreign: Readonly<Record<string, string>> = {
  '1.2.840.10045.3.1.1': 'ecdsa-p192',
  '1.3.132.0.33': 'ecdsa-p224',
  '1.3.132.0.10': 'ecdsa-secp256k1',
  '1.3.101.113': 'ed448',
  '1.3.101.110': 'x25519',
  '1.2.840.10040.4.1': 'dsa',
  '1.2.840.113549.1.1.10': 'rsa-pss',
}

const curves: Readonly<Record<string, KeyAlgorithm>> = {
  '1.2.840.10045.3.1.7': 'ecdsa-p256',
  '1.3.132.0.34': 'ecdsa-p384',
  '1.3.132.0.35': 'ecdsa-p521',
}

/**
 * Reads a public key from the DER of its SubjectPublicKeyInfo, also of algorithms that are not supported.
 * RFC 5280 §4.1.2.7
 *
 * @param spki DER, whole.
 * @throws {NomadPkiError} `ERR_DER_MALFORMED`
 */
export function parsePublicKey(spki: Uint8Array): PublicKey {
  const usual = fixed.get(spki.length)
  if (usual !== undefined && startsWith(spki, usual.prefix)) {
    // Only the uncompressed form is a point to Go (crypto/elliptic Unmarshal).
    if (usual.kind === 'ed25519' || spki[usual.prefix.length] === 4) {
      return { algorithm: usual.name, name: usual.name, spki }
    }
  }
  const reader = new DerReader(spki)
  const info = reader.enter(tags.sequence, 'the public key')
  reader.finish('the public key')
  const algorithm = info.enter(tags.sequence, "the public key's algorithm")
  const oid = algorithm.oid("the public key's algorithm")
  if (oid === oids.rsa) {
    const key = new DerReader(info.octetsOfBits('the public key')).enter(tags.sequence, 'RSA key')
    const modulus = key.integer('the modulus')
    key.integer('the exponent')
    if (modulus[0]! >= 0x80) fail('the modulus is negative')
    const name = `rsa-${bitsOf(modulus)}`
    return { algorithm: isKeyAlgorithm(name) ? name : undefined, name, spki }
  }
  info.octetsOfBits('the public key')
  info.finish('the public key')
  if (oid === oids.ec) {
    // Explicit parameters instead of a curve's name (RFC 5480 §2.1.1 forbids them).
    const curve = algorithm.peek() === tags.oid ? algorithm.oid('the curve') : 'explicit parameters'
    const known = curves[curve]
    const name = known === undefined ? (foreign[curve] ?? `ecdsa ${curve}`) : `${known} compressed`
    return { algorithm: undefined, name, spki }
  }
  return { algorithm: undefined, name: foreign[oid] ?? `oid ${oid}`, spki }
}

/** Whether two public keys are the same, bit by bit. */
export function samePublicKey(a: PublicKey, b: PublicKey): boolean {
  return a.spki.length === b.spki.length && startsWith(a.spki, b.spki)
}

/**
 * The key identifier of RFC 5280 §4.2.1.2 (1): SHA-1 of the bit string's content, without the octet
 * that counts unused bits. In hex.
 *
 * @throws {NomadPkiError} `ERR_DER_MALFORMED`
 */
export function keyIdentifierOf(key: PublicKey): string {
  return hash('sha1', bitsIn(key), 'hex')
}

function bitsIn({ algorithm, spki }: PublicKey): Uint8Array {
  const prefix = algorithm && algorithmOf(algorithm).spkiPrefix
  if (prefix !== undefined) return spki.subarray(prefix.length)
  const info = new DerReader(spki).enter(tags.sequence, 'the public key')
  info.whole("the public key's algorithm")
  return info.octetsOfBits('the public key')
}

function bitsOf(modulus: Uint8Array): number {
  const first = modulus[0] === 0 ? 1 : 0
  const top = modulus[first]
  return top === undefined ? 0 : (modulus.length - first - 1) * 8 + 32 - Math.clz32(top)
}

function startsWith(bytes: Uint8Array, prefix: Uint8Array): boolean {
  for (let at = 0; at < prefix.length; at += 1) if (bytes[at] !== prefix[at]) return false
  return true
}
