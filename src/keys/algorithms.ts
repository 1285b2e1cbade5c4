/**
 * One table that knows everything about a key algorithm: what it is called here and in node:crypto,
 * how its public key begins, what its signatures are called in a certificate, and who takes it.
 *
 * @module
 */

import { NomadPkiError } from '../errors.js'

/** A key algorithm by its name in specs. */
export type KeyAlgorithm =
  'ecdsa-p256' | 'ecdsa-p384' | 'ecdsa-p521' | 'rsa-2048' | 'rsa-3072' | 'rsa-4096' | 'ed25519'

/** A public key of any algorithm. */
export interface PublicKey {
  /** The algorithm, if it is one of ours. */
  readonly algorithm: KeyAlgorithm | undefined
  /** The same, or for foreign ones `ecdsa-p224`, `rsa-1024`, `oid 1.2.840.10040.4.1`. */
  readonly name: string
  /** SubjectPublicKeyInfo, DER. */
  readonly spki: Uint8Array
}

/** A private key as bytes; a `KeyObject` is made only when something is signed (`keys/key-object.ts`). */
export interface PrivateKey {
  /** One of `keyAlgorithms`. */
  readonly algorithm: KeyAlgorithm
  /** PKCS#8 PrivateKeyInfo, DER, unencrypted. */
  readonly pkcs8: Uint8Array
  /** Its public half. */
  readonly publicKey: PublicKey
}

/** What there is to know about an algorithm. */
export interface AlgorithmEntry {
  readonly name: KeyAlgorithm
  readonly kind: 'ec' | 'rsa' | 'ed25519'
  /** The curve as node:crypto calls it; absent for RSA. */
  readonly curve?: 'prime256v1' | 'secp384r1' | 'secp521r1' | 'Ed25519'
  /** Bytes of a private scalar: 32, 48, 66; absent for RSA. */
  readonly scalarLength?: number
  /** Bits of the modulus; RSA alone. */
  readonly modulusLength?: number
  /** How a SubjectPublicKeyInfo begins, up to the uncompressed point (EC) or the key (Ed25519); absent for RSA. */
  readonly spkiPrefix?: Uint8Array
  /** The digest of its signatures; `null` where the algorithm brings its own. */
  readonly hash: 'sha256' | 'sha384' | 'sha512' | null
  /** OID of its signatures in a certificate. */
  readonly signatureOid: string
  /** AlgorithmIdentifier of its signatures, DER: no parameters for ECDSA and Ed25519, NULL for RSA (RFC 4055 §5, RFC 5758 §3.2, RFC 8410 §3). */
  readonly signatureIdentifier: Uint8Array
  /** Whether Nomad's agents load it. helper/tlsutil/config.go:435-449 knows RSA and ECDSA only. */
  readonly agentsTake: boolean
  /** Whether browsers take it: neither Ed25519 nor P-521, so no Web UI with them. */
  readonly browsersTake: boolean
}

const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'hex'))

const ecdsaSha256 = hex('300a06082a8648ce3d040302')
const ecdsaSha384 = hex('300a06082a8648ce3d040303')
const ecdsaSha512 = hex('300a06082a8648ce3d040304')
const rsaSha256 = hex('300d06092a864886f70d01010b0500')
const ed25519 = hex('300506032b6570')

const table: Readonly<Record<KeyAlgorithm, AlgorithmEntry>> = {
  'ecdsa-p256': {
    name: 'ecdsa-p256',
    kind: 'ec',
    curve: 'prime256v1',
    scalarLength: 32,
    spkiPrefix: hex('3059301306072a8648ce3d020106082a8648ce3d030107034200'),
    hash: 'sha256',
    signatureOid: '1.2.840.10045.4.3.2',
    signatureIdentifier: ecdsaSha256,
    agentsTake: true,
    browsersTake: true,
  },
  'ecdsa-p384': {
    name: 'ecdsa-p384',
    kind: 'ec',
    curve: 'secp384r1',
    scalarLength: 48,
    spkiPrefix: hex('3076301006072a8648ce3d020106052b81040022036200'),
    hash: 'sha384',
    signatureOid: '1.2.840.10045.4.3.3',
    signatureIdentifier: ecdsaSha384,
    agentsTake: true,
    browsersTake: true,
  },
  'ecdsa-p521': {
    name: 'ecdsa-p521',
    kind: 'ec',
    curve: 'secp521r1',
    scalarLength: 66,
    spkiPrefix: hex('30819b301006072a8648ce3d020106052b8104002303818600'),
    hash: 'sha512',
    signatureOid: '1.2.840.10045.4.3.4',
    signatureIdentifier: ecdsaSha512,
    agentsTake: true,
    browsersTake: false,
  },
  'rsa-2048': rsa('rsa-2048', 2048),
  'rsa-3072': rsa('rsa-3072', 3072),
  'rsa-4096': rsa('rsa-4096', 4096),
  ed25519: {
    name: 'ed25519',
    kind: 'ed25519',
    curve: 'Ed25519',
    scalarLength: 32,
    spkiPrefix: hex('302a300506032b6570032100'),
    hash: null,
    signatureOid: '1.3.101.112',
    signatureIdentifier: ed25519,
    agentsTake: false,
    browsersTake: false,
  },
}

/** All algorithms by name, the usual one first. */
export const keyAlgorithms: readonly KeyAlgorithm[] = Object.keys(table) as KeyAlgorithm[]

/** Whether the text names an algorithm. */
export function isKeyAlgorithm(text: string): text is KeyAlgorithm {
  return Object.hasOwn(table, text)
}

/**
 * Looks an algorithm up in the one table: curve, digest, identifiers, who takes it.
 *
 * @throws {NomadPkiError} `ERR_KEY_ALGORITHM` for an unknown name.
 */
export function algorithmOf(name: KeyAlgorithm): AlgorithmEntry {
  if (!isKeyAlgorithm(name)) {
    throw new NomadPkiError('ERR_KEY_ALGORITHM', `unknown key algorithm ${JSON.stringify(name)}`, {
      hint: `one of ${keyAlgorithms.join(', ')}`,
    })
  }
  return table[name]
}

function rsa(name: KeyAlgorithm, modulusLength: number): AlgorithmEntry {
  return {
    name,
    kind: 'rsa',
    modulusLength,
    hash: 'sha256',
    signatureOid: '1.2.840.113549.1.1.11',
    signatureIdentifier: rsaSha256,
    agentsTake: true,
    browsersTake: true,
  }
}
