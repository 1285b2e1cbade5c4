/**
 * Keys and signatures as SSH writes them, and as certificates do. RFC 4251 §5 (string, mpint), RFC 4253
 * §6.6 (RSA), RFC 5656 §3.1 (ECDSA), RFC 8332 §3 (RSA with SHA-2), RFC 8709 (Ed25519). An SSH agent's answers are read with
 * it: nothing in them is trusted, and nothing is read beyond its bytes.
 *
 * @module
 */

import { hash } from 'node:crypto'
import { bufferOf } from '../bytes.js'
import { count } from '../count.js'
import { DerReader } from '../der/read.js'
import { bitString, integer, nullValue, objectIdentifier, sequence, tags } from '../der/write.js'
import { algorithmOf, type KeyAlgorithm, type PublicKey } from './algorithms.js'
import { isOnCurve } from './curves.js'
import { parsePublicKey } from './public-key.js'

/** What SSH calls the elliptic curves: the type of the key, and the curve in it. */
const curves: Readonly<Partial<Record<KeyAlgorithm, string>>> = {
  'ecdsa-p256': 'nistp256',
  'ecdsa-p384': 'nistp384',
  'ecdsa-p521': 'nistp521',
}

const rsaOid = objectIdentifier('1.2.840.113549.1.1.1')

/** The largest RSA key that is looked at, octets: 16,384 bits, as OpenSSH has it. */
const mostModulus = 2_048

/** Says what is wrong with bytes of SSH's form: one clause, lower case. */
export class SshFault extends Error {}

/** A cursor over values in SSH's form. */
export class SshReader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bufferOf(bytes)
  }

  /** Whether everything is read. */
  done(): boolean {
    return this.#at === this.#bytes.length
  }

  /** One octet. */
  byte(what: string): number {
    return this.#take(1, what)[0]!
  }

  /** Encodes a `uint32` of RFC 4251, most significant octet first. */
  number(what: string): number {
    return this.#take(4, what).readUInt32BE(0)
  }

  /** `string`: a view. */
  string(what: string): Buffer {
    return this.#take(this.number(what), what)
  }

  /** `string` of ASCII. */
  text(what: string): string {
    return this.string(what).toString('latin1')
  }

  /**
   * `mpint` that is positive: its magnitude, without leading zeros.
   *
   * @param most Octets that the magnitude has at most.
   */
  positive(what: string, most: number): Buffer {
    const bytes = this.string(what)
    if (bytes.length === 0) throw new SshFault(`${what} is zero`)
    if (bytes[0]! >= 0x80) throw new SshFault(`${what} is negative`)
    const start = bytes[0] === 0 ? 1 : 0
    if (start === 1 && !(bytes[1]! >= 0x80)) throw new SshFault(`${what} has needless octets`)
    if (bytes.length - start > most) {
      throw new SshFault(
        `${what} has ${count(bytes.length - start, 'octet')}, and at most ${most} fit`,
      )
    }
    return bytes.subarray(start)
  }

  /** Says that nothing may follow. */
  finish(what: string): void {
    if (!this.done()) {
      throw new SshFault(
        `${count(this.#bytes.length - this.#at, 'octet follows', 'octets follow')} ${what}`,
      )
    }
  }

  #take(length: number, what: string): Buffer {
    const left = this.#bytes.length - this.#at
    if (length > left) throw new SshFault(`${what} is cut off: ${left} of ${length} octets`)
    this.#at += length
    return this.#bytes.subarray(this.#at - length, this.#at)
  }
}

/** Encodes a `string` of RFC 4251: its length in four octets, then its octets. */
export function sshString(content: Uint8Array | string): Uint8Array {
  const bytes = typeof content === 'string' ? Buffer.from(content, 'latin1') : content
  return Buffer.concat([sshNumber(bytes.length), bytes])
}

/** Encodes a `uint32` of RFC 4251, most significant octet first. */
export function sshNumber(value: number): Uint8Array {
  const out = Buffer.allocUnsafe(4)
  out.writeUInt32BE(value)
  return out
}

/**
 * The fingerprint of a key as `ssh-add -l` prints it: `SHA256:` and base64 without padding.
 *
 * @param blob The public key in SSH's form.
 */
export function sshFingerprint(blob: Uint8Array): string {
  return `SHA256:${hash('sha256', blob, 'base64').replace(/=+$/, '')}`
}

/**
 * Reads a public key in SSH's form.
 *
 * @returns `undefined` for a key that certificates cannot have here: of FIDO tokens (`sk-…`), SSH
 * certificates, DSA, and types that are not known.
 * @throws {SshFault} where it has one of the known types, and is malformed.
 */
export function parseSshKey(blob: Uint8Array): PublicKey | undefined {
  const reader = new SshReader(blob)
  const type = reader.text('the type of a key')
  switch (type) {
    case 'ssh-rsa': {
      const exponent = reader.positive('the exponent of an RSA key', 8)
      const modulus = reader.positive('the modulus of an RSA key', mostModulus)
      reader.finish('an RSA key')
      const key = sequence(integer(modulus), integer(exponent))
      return parsePublicKey(sequence(sequence(rsaOid, nullValue), bitString(key)))
    }
    case 'ssh-ed25519': {
      const point = reader.string('an Ed25519 key')
      reader.finish('an Ed25519 key')
      if (point.length !== 32) throw new SshFault('an Ed25519 key does not have 32 octets')
      return withPrefix('ed25519', point)
    }
    default: {
      const algorithm = algorithmOfCurve(type)
      if (algorithm === undefined) return undefined
      const curve = reader.text('the curve of an ECDSA key')
      const point = reader.string('the point of an ECDSA key')
      reader.finish('an ECDSA key')
      if (`ecdsa-sha2-${curve}` !== type) {
        throw new SshFault(`a key of type ${type} names another curve`)
      }
      if (!isOnCurve(algorithm, point)) {
        throw new SshFault(`the point of a key of type ${type} is not on its curve`)
      }
      return withPrefix(algorithm, point)
    }
  }
}

/**
 * Writes a public key in SSH's form.
 *
 * @returns `undefined` for a key that SSH has no type for.
 */
export function encodeSshKey({ algorithm, spki }: PublicKey): Uint8Array | undefined {
  if (algorithm === undefined) return undefined
  const { kind, spkiPrefix } = algorithmOf(algorithm)
  if (kind === 'rsa') {
    const info = new DerReader(spki).enter(tags.sequence, 'the public key')
    info.whole("the public key's algorithm")
    const key = new DerReader(info.octetsOfBits('the public key')).enter(tags.sequence, 'RSA key')
    const modulus = key.integer('the modulus')
    const exponent = key.integer('the exponent')
    // INTEGER and mpint have the same octets.
    return Buffer.concat([sshString('ssh-rsa'), sshString(exponent), sshString(modulus)])
  }
  const point = spki.subarray(spkiPrefix!.length)
  if (kind === 'ed25519') return Buffer.concat([sshString('ssh-ed25519'), sshString(point)])
  const curve = curves[algorithm]!
  return Buffer.concat([sshString(`ecdsa-sha2-${curve}`), sshString(curve), sshString(point)])
}

/**
 * What SSH must call a signature, so that it is of the algorithm that certificates name: SSH fixes the
 * digest of ECDSA by its curve, and the digest of RSA by the name.
 */
export function sshSignatureName(algorithm: KeyAlgorithm): string {
  const { kind, hash: digest } = algorithmOf(algorithm)
  if (kind === 'ed25519') return 'ssh-ed25519'
  return kind === 'rsa' ? `rsa-sha2-${digest!.slice(3)}` : `ecdsa-sha2-${curves[algorithm]!}`
}

/**
 * Reads a signature in SSH's form.
 *
 * @param algorithm Of the key that made it.
 * @param blob What the agent gave.
 * @returns The signature as certificates carry it: DER for ECDSA (RFC 3279 §2.2.3), else octets.
 * @throws {SshFault} for a signature by another algorithm, and for one that is malformed.
 */
export function parseSshSignature(algorithm: KeyAlgorithm, blob: Uint8Array): Uint8Array {
  const { kind, scalarLength, modulusLength } = algorithmOf(algorithm)
  const reader = new SshReader(blob)
  const name = reader.text('the name of the signature')
  const wanted = sshSignatureName(algorithm)
  if (name !== wanted) {
    throw new SshFault(`the signature is of ${printable(name)}, and ${wanted} was asked for`)
  }
  const content = reader.string('the signature')
  reader.finish('the signature')
  if (kind === 'ec') {
    const pair = new SshReader(content)
    const r = pair.positive('r of the signature', scalarLength!)
    const s = pair.positive('s of the signature', scalarLength!)
    pair.finish('s of the signature')
    return sequence(integer(r), integer(s))
  }
  const length = kind === 'rsa' ? modulusLength! / 8 : 64
  if (content.length > length || (kind === 'ed25519' && content.length < length)) {
    throw new SshFault(
      `the signature has ${count(content.length, 'octet')}, and ${length} belong there`,
    )
  }
  // Some agents leave out leading zeros; OpenSSH pads likewise (ssh-rsa.c of 9.9).
  return Buffer.concat([Buffer.alloc(length - content.length), content])
}

function algorithmOfCurve(type: string): KeyAlgorithm | undefined {
  const found = Object.entries(curves).find(([, curve]) => type === `ecdsa-sha2-${curve}`)
  return found?.[0] as KeyAlgorithm | undefined
}

function withPrefix(algorithm: KeyAlgorithm, point: Uint8Array): PublicKey {
  return parsePublicKey(Buffer.concat([algorithmOf(algorithm).spkiPrefix!, point]))
}

/** A name as it may be shown: an agent's bytes do not reach a terminal. */
function printable(text: string): string {
  return /^[\x20-\x7e]{1,64}$/.test(text) ? text : 'an unknown kind'
}
