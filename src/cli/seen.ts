/**
 * Single things as `inspect` sees them: each as it is told, and as it is matched to the others.
 *
 * @module
 */

import { isNomadPkiError, type NomadPkiError } from '../errors.js'
import type { FoundLeafKey } from '../inventory/inventory.js'
import type { PublicKey } from '../keys/algorithms.js'
import { publicHalfOf } from '../keys/private-key.js'
import type { Thing } from '../nomad/fit-together.js'
import {
  describeCertificate,
  describeCrl,
  describeKey,
  describeNames,
  type Description,
} from '../report/describe.js'
import type { Certificate } from '../x509/certificate.js'
import { parseCrl } from '../x509/crl.js'
import { formatName } from '../x509/name.js'
import { parseRequest } from '../x509/request.js'
import type { Context } from './context.js'

/** What was seen: as it is told, and as it is matched to the others. */
export interface Seen {
  readonly description: Description
  readonly thing?: Thing | undefined
}

/** What cannot be read, and why. */
export function unreadable(where: string, { code, message }: NomadPkiError): Seen {
  return { description: { kind: 'unreadable', where, code, message } }
}

/** The file around things: what it is, and how many of what are inside. */
export function container(
  where: string,
  form: 'PKCS#12' | 'output of cfssl',
  inside: readonly Seen[],
  friendlyName?: string,
): Seen {
  const count = (kind: string): number =>
    inside.filter(({ description }) => description.kind === kind).length
  const [certificates, keys] = [count('certificate'), count('key')]
  return {
    description: {
      ...{ kind: 'container', where, form, certificates, keys },
      ...(friendlyName !== undefined && { friendlyName }),
    },
  }
}

/** How a certificate stands where it was seen. */
export type Place = Pick<Extract<Thing, { kind: 'certificate' }>, 'inPlace' | 'inFile' | 'form'>

/** A certificate; `inPlace` where a listener presents it, or the store keeps it. */
export function seenCertificate(
  certificate: Certificate,
  where: string,
  context: Context,
  place: Place = {},
): Seen {
  return {
    description: describeCertificate(certificate, where, context.now(), place.form),
    thing: { kind: 'certificate', where, certificate, ...place },
  }
}

/** A private key, of which the public half is known. */
export function seenKey(publicKey: PublicKey, where: string): Seen {
  return {
    description: {
      ...{ kind: 'key', where, encrypted: false },
      ...describeKey(publicKey),
      belongsTo: [],
    },
    thing: { kind: 'key', where, publicKey },
  }
}

/**
 * A private key in a file: encrypted, or of a kind that agents do not load, it is told as such.
 *
 * @throws {NomadPkiError} `ERR_KEY_MALFORMED`
 */
export function seenPrivate(input: string | Uint8Array, where: string): Seen {
  try {
    return seenKey(publicHalfOf(input), where)
  } catch (error) {
    // A kind that agents do not load: that it is a key is all that is known.
    const encrypted = isNomadPkiError(error, 'ERR_KEY_ENCRYPTED')
    if (!encrypted && !isNomadPkiError(error, 'ERR_KEY_ALGORITHM')) throw error
    return { description: { kind: 'key', where, encrypted, belongsTo: [] } }
  }
}

/**
 * A request.
 *
 * @throws {NomadPkiError} `ERR_CERTIFICATE_MALFORMED`
 */
export function seenRequest(der: Uint8Array, where: string): Seen {
  const { subject, publicKey, subjectAltName } = parseRequest(der)
  return {
    description: {
      ...{ kind: 'request', where, subject: formatName(subject) },
      ...describeKey(publicKey),
      ...describeNames(subjectAltName ?? []),
    },
    thing: { kind: 'request', where, publicKey },
  }
}

/**
 * A revocation list.
 *
 * @throws {NomadPkiError} `ERR_CERTIFICATE_MALFORMED`
 */
export function seenCrl(der: Uint8Array, where: string): Seen {
  const list = parseCrl(der)
  return { description: describeCrl(list, where), thing: { kind: 'crl', where, list } }
}

/** The key of something in the store; nothing where there is none. */
export function seenHeld(key: FoundLeafKey, where: string): readonly Seen[] {
  if (key.state === 'present') return [seenKey(key.publicKey, where)]
  if (key.state !== 'encrypted') return []
  return [{ description: { kind: 'key', where, encrypted: true, belongsTo: [] } }]
}

/** Certificates of one chain, numbered; a listener presents them, or the store keeps them. */
export function seenChain(
  chain: readonly Certificate[],
  where: string,
  context: Context,
): readonly Seen[] {
  return chain.map((certificate, index) =>
    seenCertificate(
      certificate,
      chain.length > 1 ? `${where} (${index + 1} of ${chain.length})` : where,
      context,
      { inPlace: true },
    ),
  )
}
