/**
 * Writes PKCS#12 files (RFC 7292): a key, its certificate and the chain, for browsers and keychains.
 *
 * `modern`: PBES2 with AES-256-CBC and PBKDF2-SHA256, the MAC with SHA-256. OpenSSL 3 writes the same kinds.
 * `compat`: three-key 3DES and SHA-1, for Windows Server 2016 and macOS, whose older versions read nothing newer.
 *
 * @module
 */

import { count } from '../count.js'
import { createCipheriv, createHmac, hash as digestOf, randomBytes } from 'node:crypto'
import {
  context,
  contextPrimitive,
  element,
  integer,
  nullValue,
  objectIdentifier,
  octetString,
  sequence,
  setOf,
  tags,
} from '../der/write.js'
import { NomadPkiError } from '../errors.js'
import type { PrivateKey } from '../keys/algorithms.js'
import { sealOctets, type Random, type SealedOctets } from '../keys/lock-key.js'
import { samePublicKey } from '../keys/public-key.js'
import type { Certificate } from './certificate.js'
import { derivationHashes, derivedFor, derivePkcs12 } from './pkcs12-key.js'

/** Which ciphers a PKCS#12 file is written with. */
export type Pkcs12Form = 'modern' | 'compat'

/** What goes into a PKCS#12 file. */
export interface Pkcs12Parts {
  readonly key: PrivateKey
  /** The key's own certificate first, then every other one that the reader should get. */
  readonly certificates: readonly Certificate[]
  /** The name that a browser shows. */
  readonly friendlyName: string
  /** ASCII: the two derivations encode other characters in different ways, and so do the readers. */
  readonly password: string
  /** Default: `modern`. */
  readonly form?: Pkcs12Form | undefined
  /** Gives random octets for salts and vectors. Default: node:crypto's. */
  readonly random?: ((length: number) => Uint8Array) | undefined
}

/**
 * How often the hash runs, for the ciphers and for the MAC alike: a guess costs what the cheaper of the two
 * costs. `modern` stays within the limits of loaders that have some (.NET's Pkcs12LoaderLimits); `compat` is
 * what OpenSSL writes, since its readers are old.
 */
const rounds: Readonly<Record<Pkcs12Form, number>> = { modern: 250_000, compat: 2048 }

/** Some versions of the macOS keychain refuse a longer one for the MAC. */
const saltLength = 8

const oids = {
  data: '1.2.840.113549.1.7.1',
  encryptedData: '1.2.840.113549.1.7.6',
  shroudedKeyBag: '1.2.840.113549.1.12.10.1.2',
  certBag: '1.2.840.113549.1.12.10.1.3',
  x509Certificate: '1.2.840.113549.1.9.22.1',
  friendlyName: '1.2.840.113549.1.9.20',
  localKeyId: '1.2.840.113549.1.9.21',
  pbeWithSha1And3Des: '1.2.840.113549.1.12.1.3',
  sha1: '1.3.14.3.2.26',
  sha256: '2.16.840.1.101.3.4.2.1',
} as const

/**
 * Writes a key and its certificates as a PKCS#12 file (`.p12`, `.pfx`). RFC 7292
 *
 * @returns DER. Each call draws new salts, so that two files of the same parts differ.
 * @throws {NomadPkiError} `ERR_KEY_MISMATCH` if the first certificate is not the key's; `ERR_KEY_ALGORITHM` for
 *   Ed25519, which browsers do not load; `ERR_USAGE` for a password that is not ASCII or has fewer than 8 characters.
 */
export function makePkcs12(parts: Pkcs12Parts): Uint8Array {
  const { key, certificates, friendlyName, password, form = 'modern', random = randomBytes } = parts
  const [leaf, ...others] = certificates
  if (leaf === undefined || !samePublicKey(leaf.publicKey, key.publicKey)) {
    throw new NomadPkiError('ERR_KEY_MISMATCH', 'the key does not belong to the first certificate')
  }
  if (key.algorithm === 'ed25519') {
    throw new NomadPkiError('ERR_KEY_ALGORITHM', 'browsers do not load Ed25519 keys from PKCS#12', {
      hint: 'key: ecdsa-p256 in the spec, then nomad-pki rotate leaves',
    })
  }
  requirePassword(password)
  // The reader finds the key's certificate by this identifier.
  const identifier = attribute(oids.localKeyId, octetString(digestOf('sha1', leaf.der, 'buffer')))
  const named = [attribute(oids.friendlyName, bmpString(friendlyName)), identifier]
  const seal = (content: Uint8Array): SealedOctets => encrypt(content, password, form, random)

  const safeCertificates = sequence(
    bag(oids.certBag, certificateBag(leaf), named),
    ...others.map((one) => bag(oids.certBag, certificateBag(one), [])),
  )
  const sealed = seal(safeCertificates)
  const encrypted = sequence(
    objectIdentifier(oids.encryptedData),
    context(
      0,
      sequence(
        integer(0),
        sequence(objectIdentifier(oids.data), sealed.algorithm, contextPrimitive(0, sealed.octets)),
      ),
    ),
  )
  const sealedKey = seal(key.pkcs8)
  const shrouded = sequence(sealedKey.algorithm, octetString(sealedKey.octets))
  const keys = data(sequence(bag(oids.shroudedKeyBag, shrouded, named)))

  const safe = sequence(encrypted, keys)
  return sequence(integer(3), data(safe), macOf(safe, password, form, random))
}

/**
 * Refuses a password that readers would not take for the same one.
 *
 * @throws {NomadPkiError} `ERR_USAGE`
 */
export function requirePassword(password: string): void {
  if (!/^[\x20-\x7e]*$/.test(password)) {
    throw new NomadPkiError('ERR_USAGE', 'the password has characters beyond printable ASCII', {
      hint: 'browsers and keychains encode them in different ways: use ASCII',
    })
  }
  if (password.length < 8) {
    throw new NomadPkiError(
      'ERR_USAGE',
      `the password has ${count(password.length, 'character')}, wanted at least 8`,
      { hint: 'without --password-file a password is made' },
    )
  }
}

function encrypt(
  content: Uint8Array,
  password: string,
  form: Pkcs12Form,
  random: Random,
): SealedOctets {
  if (form === 'modern') return sealOctets(content, password, rounds.modern, random)
  const salt = random(saltLength)
  const derive = (purpose: number, length: number): Uint8Array =>
    derivePkcs12(derivationHashes.sha1, purpose, password, salt, rounds.compat, length)
  const parameters = sequence(octetString(salt), integer(rounds.compat))
  return {
    algorithm: sequence(objectIdentifier(oids.pbeWithSha1And3Des), parameters),
    octets: through('des-ede3-cbc', derive(derivedFor.key, 24), derive(derivedFor.iv, 8), content),
  }
}

function through(name: string, key: Uint8Array, iv: Uint8Array, content: Uint8Array): Uint8Array {
  const cipher = createCipheriv(name, key, iv)
  return Buffer.concat([cipher.update(content), cipher.final()])
}

/** MacData (RFC 7292 §4): over the octets of the safe. */
function macOf(safe: Uint8Array, password: string, form: Pkcs12Form, random: Random): Uint8Array {
  const name = form === 'modern' ? 'sha256' : 'sha1'
  const hash = derivationHashes[name]
  const salt = random(saltLength)
  const iterations = rounds[form]
  const key = derivePkcs12(hash, derivedFor.mac, password, salt, iterations, hash.output)
  const digest = createHmac(name, key).update(safe).digest()
  const algorithm = sequence(objectIdentifier(oids[name]), nullValue)
  return sequence(sequence(algorithm, octetString(digest)), octetString(salt), integer(iterations))
}

function data(content: Uint8Array): Uint8Array {
  return sequence(objectIdentifier(oids.data), context(0, octetString(content)))
}

function bag(oid: string, value: Uint8Array, attributes: readonly Uint8Array[]): Uint8Array {
  const rest = attributes.length === 0 ? [] : [setOf(...attributes)]
  return sequence(objectIdentifier(oid), context(0, value), ...rest)
}

function certificateBag({ der }: Certificate): Uint8Array {
  return sequence(objectIdentifier(oids.x509Certificate), context(0, octetString(der)))
}

function attribute(oid: string, value: Uint8Array): Uint8Array {
  return sequence(objectIdentifier(oid), setOf(value))
}

function bmpString(text: string): Uint8Array {
  return element(tags.bmpString, Buffer.from(text, 'utf16le').swap16())
}
