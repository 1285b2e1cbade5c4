/**
 * PKCS#12 files (RFC 7292), which browsers and keychains write; also the old ones that OpenSSL 3
 * refuses (RC2-40, 3DES). Loaded only when one is to be read: node-forge costs 30 ms.
 *
 * forge opens the containers, and nothing more: keys and certificates come out of it as bytes and
 * go through this project's own readers.
 *
 * @module
 */

import { pbkdf2Sync } from 'node:crypto'
import type * as forgeModule from 'node-forge'
import { latin1Of } from '../bytes.js'
import { count, thousands } from '../count.js'
import { NomadPkiError } from '../errors.js'
import type { PrivateKey } from '../keys/algorithms.js'
import { parsePrivateKey } from '../keys/private-key.js'
import { parseCertificate, type Certificate } from './certificate.js'
import { derivationHashes, derivePkcs12, type DerivationHash } from './pkcs12-key.js'

/** What was in a file. */
export interface Pkcs12Content {
  readonly keys: readonly PrivateKey[]
  readonly certificates: readonly Certificate[]
  /** The name that a browser shows for the key; absent where the file has none. */
  readonly friendlyName?: string | undefined
}

/** A larger file is not a key with its chain. */
const mostBytes = 1 << 20
/** A stranger's file says how long its opening takes: this many rounds are some seconds. */
const mostRounds = 5_000_000
/** The same for the derivation of PKCS#12 itself, where each round is a call. */
const mostOldRounds = 500_000
/** A file can hold many encrypted parts, and each wants its rounds: this many single limits in all. */
const mostTimes = 2

/**
 * Reads the keys and certificates of a PKCS#12 file (`.p12`, `.pfx`), also with ciphers that OpenSSL 3
 * refuses. RFC 7292
 *
 * @param bytes The file.
 * @param password Its password; empty for none.
 * @returns Every key and certificate in it, in its order.
 * @throws {NomadPkiError} `ERR_KEY_ENCRYPTED` for a wrong password; `ERR_KEY_MALFORMED` for a file of
 * another kind; `ERR_KEY_ALGORITHM`, `ERR_CERTIFICATE_MALFORMED` for what is in it.
 */
export async function readPkcs12(bytes: Uint8Array, password: string): Promise<Pkcs12Content> {
  if (bytes.length > mostBytes) malformed(`it has ${bytes.length} bytes, more than ${mostBytes}`)
  requireWhole(bytes)
  const { default: forge } = await import('node-forge')
  const bags = withBareBags(forge, () => open(forge, bytes, password))
  const keys: PrivateKey[] = []
  const certificates: Certificate[] = []
  let friendlyName: string | undefined
  for (const { type, asn1, attributes } of bags) {
    const der = Buffer.from(forge.asn1.toDer(asn1).getBytes(), 'latin1')
    if (type === forge.pki.oids.certBag) certificates.push(parseCertificate(der))
    else {
      keys.push(parsePrivateKey(der))
      friendlyName ??= attributes?.friendlyName?.[0]
    }
  }
  return { keys, certificates, ...(friendlyName !== undefined && { friendlyName }) }
}

type Forge = typeof forgeModule

interface Bag {
  readonly type: string
  readonly asn1: Parameters<Forge['asn1']['toDer']>[0]
  readonly attributes?: { readonly friendlyName?: readonly string[] }
}

function open(forge: Forge, bytes: Uint8Array, password: string): readonly Bag[] {
  try {
    const text = latin1Of(bytes)
    const pfx = forge.pkcs12.pkcs12FromAsn1(forge.asn1.fromDer(text, false), false, password)
    return pfx.safeContents.flatMap(({ safeBags }) => safeBags as readonly Bag[])
  } catch (error) {
    if (error instanceof NomadPkiError) throw error
    const message = error instanceof Error ? error.message : ''
    if (/password|MAC could not be verified|decrypt/i.test(message)) {
      throw new NomadPkiError('ERR_KEY_ENCRYPTED', 'the password does not open the PKCS#12 file')
    }
    // forge's message may show what it read; only its first words are told, and not what it says of ASN.1.
    const said = /^[A-Za-z0-9#. -]{1,80}/.exec(message)?.[0]
    if (said !== undefined && !message.includes('ASN.1') && /supported/i.test(said)) {
      return malformed(said)
    }
    throw new NomadPkiError('ERR_KEY_MALFORMED', 'the PKCS#12 file is damaged or truncated')
  }
}

/** What is cut off must not look like a wrong password: the MAC stands at the end. */
function requireWhole(bytes: Uint8Array): void {
  const [, first = 0] = bytes
  // Of an indefinite length (0x80) nothing can be said here.
  if (first === 0x80) return
  const digits = first < 0x80 ? 0 : first & 0x7f
  const inside =
    first < 0x80 ? first : bytes.subarray(2, 2 + digits).reduce((sum, one) => sum * 256 + one, 0)
  const whole = 2 + digits + inside
  if (bytes.length >= whole) return
  throw new NomadPkiError(
    'ERR_KEY_MALFORMED',
    `the PKCS#12 file is damaged or truncated: it has ${count(bytes.length, 'byte')}, and its first bytes say ${thousands(whole)}`,
    { hint: 'copy it once more from where it was made' },
  )
}

/** One of forge's hashes; absent: SHA-1. */
type Digest = { readonly algorithm?: string } | null | undefined

/** forge's `generatePkcs12Key`; salt and result are its ByteBuffer. */
type Derive = (
  password: string,
  salt: { bytes(): string },
  purpose: number,
  rounds: number,
  length: number,
  digest?: Digest,
) => unknown

function hashOf(digest: Digest): DerivationHash {
  const name = digest?.algorithm ?? 'sha1'
  const known: Readonly<Record<string, DerivationHash | undefined>> = derivationHashes
  return known[name] ?? malformed(`its MAC is made with ${name}`)
}

/** What is put in the place of forge's own functions for the time of one call. */
interface Seams {
  readonly pki: { certificateFromAsn1: unknown; privateKeyFromAsn1: unknown }
  readonly pkcs5: { pbkdf2: unknown }
  readonly pbe: { generatePkcs12Key: unknown }
  readonly pkcs12: { generateKey: unknown }
}

/**
 * Runs with a changed forge. It leaves keys and certificates as they are (forge would write RSA ones anew). It derives
 * keys natively and from UTF-8, as OpenSSL does, and refuses endless derivations.
 */
function withBareBags<Result>(forge: Forge, run: () => Result): Result {
  const { pki, pkcs5, pbe, pkcs12 } = forge as unknown as Seams
  const { certificateFromAsn1, privateKeyFromAsn1 } = pki
  const { pbkdf2 } = pkcs5
  const { generatePkcs12Key } = pbe
  const { generateKey } = pkcs12
  const leave = (): never => {
    throw new TypeError('left as it is')
  }
  const spent = { old: 0, modern: 0 }
  const old: Derive = (password, salt, id, rounds, length, digest) => {
    limit(rounds, mostOldRounds)
    limit((spent.old += rounds), mostOldRounds * mostTimes)
    const octets = Buffer.from(salt.bytes(), 'latin1')
    const hash = hashOf(digest)
    const derived = derivePkcs12(hash, id, password, octets, rounds, length)
    return forge.util.createBuffer(latin1Of(derived))
  }
  const modern = (
    password: string,
    salt: string,
    rounds: number,
    length: number,
    digest: Digest,
  ): string => {
    limit(rounds, mostRounds)
    limit((spent.modern += rounds), mostRounds * mostTimes)
    const secret = Buffer.from(password.normalize('NFC'), 'utf8')
    const octets = Buffer.from(salt, 'latin1')
    return pbkdf2Sync(secret, octets, rounds, length, digest?.algorithm ?? 'sha1').toString(
      'latin1',
    )
  }
  try {
    pki.certificateFromAsn1 = leave
    pki.privateKeyFromAsn1 = leave
    pkcs5.pbkdf2 = modern
    pbe.generatePkcs12Key = old
    pkcs12.generateKey = old
    return run()
  } finally {
    pki.certificateFromAsn1 = certificateFromAsn1
    pki.privateKeyFromAsn1 = privateKeyFromAsn1
    pkcs5.pbkdf2 = pbkdf2
    pbe.generatePkcs12Key = generatePkcs12Key
    pkcs12.generateKey = generateKey
  }
}

function limit(rounds: unknown, most: number): void {
  if (typeof rounds === 'number' && rounds >= 1 && rounds <= most) return
  malformed(`it wants ${String(rounds)} rounds of key derivation, more than ${most}`)
}

function malformed(message: string): never {
  throw new NomadPkiError('ERR_KEY_MALFORMED', `not a PKCS#12 file: ${message}`)
}
