/**
 * Certificates made from raw DER, for vectors that no tool makes: every part can be replaced by bytes.
 * Signed with a fixed Ed25519 key, so that the same draft always gives the same bytes.
 */

import { createPrivateKey, sign } from 'node:crypto'
import {
  asciiString,
  bitString,
  boolean,
  context,
  element,
  integer,
  nullValue,
  objectIdentifier,
  octetString,
  sequence,
  setOf,
  tags,
  utf8String,
} from '../../src/der/write.js'
import { parsePublicKey, keyIdentifierOf } from '../../src/keys/public-key.js'
import type { Extension } from '../../src/x509/extension.js'
import {
  authorityKeyIdentifier,
  basicConstraints,
  extendedKeyUsage,
  keyUsage,
  nameConstraints,
  subjectAltName,
  subjectKeyIdentifier,
} from '../../src/x509/extensions.js'

/** The parts of a certificate; each has a default in {@link build}. */
export interface Draft {
  readonly version?: number
  /** Content octets, as they are. */
  readonly serial?: string
  readonly inner?: Uint8Array
  readonly outer?: Uint8Array
  readonly issuer?: Uint8Array
  readonly notBefore?: Uint8Array
  readonly notAfter?: Uint8Array
  readonly subject?: Uint8Array
  readonly spki?: Uint8Array
  /** Raw DER between key and extensions. */
  readonly behindKey?: Uint8Array
  /** By name: `undefined` leaves one out, another value replaces it, a new name adds one. */
  readonly extensions?: Readonly<Record<string, Extension | undefined>>
}

const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'hex'))
export const oid: (dotted: string) => Uint8Array = objectIdentifier

const ecKey = '301306072a8648ce3d020106082a8648ce3d030107'
const point =
  '046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c2964fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5'

/** The generator of P-256: everybody knows its private key, 1. */
export const p256: Uint8Array = sequence(hex(ecKey), bitString(hex(point)))
/** Of P-521 by its header alone; nobody computes with it. */
export const p521: Uint8Array = sequence(
  sequence(oid('1.2.840.10045.2.1'), oid('1.3.132.0.35')),
  bitString(Uint8Array.from([4, ...new Uint8Array(132).fill(1)])),
)
/** An EC key of any curve, with a point of any form. */
export function ecKeyOf(curve: Uint8Array, form: number, octets: number): Uint8Array {
  return sequence(
    sequence(oid('1.2.840.10045.2.1'), curve),
    bitString(Uint8Array.from([form, ...new Uint8Array(octets).fill(1)])),
  )
}
export const ed25519: Uint8Array = hex(
  '302a300506032b6570032100d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
)
/** An RSA key of as many bits; its modulus is a product of nothing. */
export function rsa(
  bits: number,
  exponent = 65_537,
  parameters: Uint8Array = nullValue,
): Uint8Array {
  const modulus = new Uint8Array(Math.ceil(bits / 8)).fill(0xff)
  modulus[0] = bits % 8 === 0 ? 0xff : 2 ** (bits % 8) - 1
  return sequence(
    sequence(oid('1.2.840.113549.1.1.1'), parameters),
    bitString(sequence(integer(modulus), integer(exponent))),
  )
}

/** RFC 8032 §7.1 TEST 1: a key whose secret is printed in a standard. */
const signer = createPrivateKey({
  key: Buffer.from(
    '302e020100300506032b6570042204209d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60',
    'hex',
  ),
  format: 'der',
  type: 'pkcs8',
})
const signatureAlgorithm: Uint8Array = hex('300506032b6570')
export const authorityKey: string = keyIdentifierOf(parsePublicKey(ed25519))

/** One RDN with one attribute. */
export function attribute(type: string, value: string, tag: number = tags.utf8String): Uint8Array {
  const text =
    tag === tags.utf8String
      ? utf8String(value)
      : tag === tags.bmpString
        ? element(tag, Uint8Array.from(Array.from(value).flatMap((c) => [0, c.charCodeAt(0)])))
        : asciiString(tag, value)
  return sequence(oid(type), text)
}
export function nameOf(...attributes: readonly Uint8Array[]): Uint8Array {
  return sequence(...attributes.map((one) => setOf(one)))
}
/** A name with a common name and what stands before it. */
export function commonName(value: string, tag?: number, ...before: Uint8Array[]): Uint8Array {
  return nameOf(...before, attribute('2.5.4.3', value, tag))
}

export const utc = (text: string): Uint8Array => asciiString(tags.utcTime, text)
export const generalized = (text: string): Uint8Array => asciiString(tags.generalizedTime, text)

/** An extension whose value is raw. */
export function raw(dotted: string, value: Uint8Array, critical = false): Extension {
  return { oid: dotted, critical, value }
}

const identifierOf = (spki: Uint8Array): Extension =>
  subjectKeyIdentifier(keyIdentifierOf(parsePublicKey(spki)))

export const rootName: Uint8Array = commonName('lint root')
const intermediateName: Uint8Array = commonName('lint us-west')

/** What a careful authority makes of a root. */
export function root(change: Draft = {}): Draft {
  return {
    serial: '4001',
    issuer: change.subject ?? rootName,
    subject: rootName,
    notBefore: utc('250101000000Z'),
    notAfter: utc('450101000000Z'),
    spki: ed25519,
    ...change,
    extensions: {
      basicConstraints: basicConstraints({ ca: true }),
      keyUsage: keyUsage(['keyCertSign', 'cRLSign']),
      subjectKeyIdentifier: identifierOf(change.spki ?? ed25519),
      ...change.extensions,
    },
  }
}

/** An intermediate for one region. */
export function intermediate(change: Draft = {}): Draft {
  return {
    serial: '4002',
    issuer: rootName,
    subject: intermediateName,
    notBefore: utc('250601000000Z'),
    notAfter: utc('350101000000Z'),
    spki: ed25519,
    ...change,
    extensions: {
      basicConstraints: basicConstraints({ ca: true, pathLength: 0 }),
      keyUsage: keyUsage(['keyCertSign', 'cRLSign']),
      nameConstraints: nameConstraints({
        permitted: [
          { type: 'dns', value: 'us-west.nomad' },
          { type: 'dns', value: 'localhost' },
          { type: 'dns', value: 'west.example' },
          { type: 'ip', value: '127.0.0.0/8' },
          { type: 'ip', value: '::1/128' },
        ],
        excluded: [],
      }),
      subjectKeyIdentifier: identifierOf(change.spki ?? ed25519),
      authorityKeyIdentifier: authorityKeyIdentifier(authorityKey),
      ...change.extensions,
    },
  }
}

/** An agent's certificate. */
export function agent(
  role: 'server' | 'client',
  region: string,
  change: Draft & { readonly dns?: readonly string[]; readonly uris?: readonly string[] } = {},
): Draft {
  const name = `${role}.${region}.nomad`
  const spki = change.spki ?? p256
  return {
    serial: '4003',
    issuer: region === 'us-west' ? intermediateName : rootName,
    subject: commonName(name),
    notBefore: utc('260101000000Z'),
    notAfter: utc('270101000000Z'),
    spki,
    ...change,
    extensions: {
      basicConstraints: basicConstraints({ ca: false }),
      keyUsage: keyUsage(['digitalSignature']),
      extendedKeyUsage: extendedKeyUsage(['serverAuth', 'clientAuth']),
      subjectKeyIdentifier: identifierOf(spki),
      authorityKeyIdentifier: authorityKeyIdentifier(authorityKey),
      subjectAltName: san(
        [name, 'localhost', ...(change.dns ?? [])],
        ['127.0.0.1', '::1'],
        change.uris,
      ),
      ...change.extensions,
    },
  }
}

/** An operator's. */
export function operator(change: Draft = {}): Draft {
  return agent('server', 'global', {
    serial: '4004',
    subject: commonName('cli.global.nomad'),
    ...change,
    extensions: {
      extendedKeyUsage: extendedKeyUsage(['clientAuth']),
      subjectAltName: san(['cli.global.nomad'], [], ['nomad-pki://operator.nomad/alice']),
      ...change.extensions,
    },
  })
}

/** A probe leaf. */
export function probe(change: Draft = {}): Draft {
  return agent('server', 'global', {
    serial: '4005',
    subject: commonName('nomad-pki probe'),
    notAfter: utc('260201000000Z'),
    ...change,
    extensions: {
      extendedKeyUsage: extendedKeyUsage(['clientAuth']),
      subjectAltName: san([], [], ['nomad-pki:probe']),
      ...change.extensions,
    },
  })
}

export function san(
  dns: readonly string[],
  ips: readonly string[] = [],
  uris: readonly string[] = [],
): Extension {
  return subjectAltName([
    ...dns.map((value) => ({ type: 'dns', value }) as const),
    ...ips.map((value) => ({ type: 'ip', value }) as const),
    ...uris.map((value) => ({ type: 'uri', value }) as const),
  ])
}

/** The same extension, with the other criticality. */
export function turned(extension: Extension): Extension {
  return { ...extension, critical: !extension.critical }
}

/** DER of a signed certificate. */
export function build(draft: Draft): Uint8Array {
  const extensions = Object.values(draft.extensions ?? {}).flatMap((one) => {
    if (one === undefined) return []
    const { oid: dotted, critical, value } = one
    const parts = [oid(dotted), ...(critical ? [boolean(true)] : []), octetString(value)]
    return [sequence(...parts)]
  })
  const { version = 3 } = draft
  const tbs = sequence(
    ...(version === 1 ? [] : [context(0, integer(version - 1))]),
    element(tags.integer, hex(draft.serial!)),
    draft.inner ?? signatureAlgorithm,
    draft.issuer!,
    sequence(draft.notBefore!, draft.notAfter!),
    draft.subject!,
    draft.spki!,
    ...(draft.behindKey === undefined ? [] : [draft.behindKey]),
    ...(version === 3 && extensions.length > 0 ? [context(3, sequence(...extensions))] : []),
  )
  return sequence(
    tbs,
    draft.outer ?? draft.inner ?? signatureAlgorithm,
    bitString(sign(null, tbs, signer)),
  )
}
