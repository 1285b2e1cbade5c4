/**
 * Single things as `inspect` sees them: each as it is told, and as it is matched to the others.
 *
 * @module
 */

import { isNomadPkiError, type NomadPkiError } from '../errors.js'
import type { FoundLeafKey } from '../inventory/inventory.js'
import type { PublicKey } from '../keys/algorithms.js'
import { publicHalfOf } from '../keys/private-key.js'
import { lockOf, unlockKey, type KeyLock } from '../keys/unlock-key.js'
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
  /** An encrypted key as it was read, to be opened. */
  readonly locked?: LockedKey | undefined
}

/** An encrypted key that its passphrase opens. */
export interface LockedKey {
  readonly where: string
  readonly input: string | Uint8Array
  readonly lock: KeyLock
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

/** A private key, of which the public half is known; `file`: the one that it stands in. */
export function seenKey(publicKey: PublicKey, where: string, file?: string): Seen {
  return {
    description: {
      ...{ kind: 'key', where, encrypted: false },
      ...describeKey(publicKey),
      belongsTo: [],
    },
    thing: { kind: 'key', where, publicKey, ...(file !== undefined && { file }) },
  }
}

/**
 * A private key in a file: encrypted, or of a kind that agents do not load, it is told as such.
 *
 * @throws {NomadPkiError} `ERR_KEY_MALFORMED`
 */
export function seenPrivate(input: string | Uint8Array, where: string, file?: string): Seen {
  try {
    return seenKey(publicHalfOf(input), where, file)
  } catch (error) {
    if (isNomadPkiError(error, 'ERR_KEY_ENCRYPTED')) return seenLocked(input, where)
    // A kind that agents do not load: that it is a key is all that is known.
    if (!isNomadPkiError(error, 'ERR_KEY_ALGORITHM')) throw error
    return { description: { kind: 'key', where, encrypted: false, belongsTo: [] } }
  }
}

function seenLocked(input: string | Uint8Array, where: string): Seen {
  const description = { kind: 'key', where, encrypted: true, belongsTo: [] } as const
  const thing = { kind: 'locked', where } as const
  try {
    const lock = lockOf(input)
    if (lock === undefined) return { description, thing }
    return {
      description: { ...description, encryption: lock },
      thing,
      locked: { where, input, lock },
    }
  } catch (error) {
    if (!isNomadPkiError(error, 'ERR_KEY_ALGORITHM')) throw error
    return { description, thing }
  }
}

/**
 * Opens an encrypted key.
 *
 * @returns `undefined` for a wrong passphrase.
 * @throws {NomadPkiError} `ERR_KEY_MALFORMED` for what is in it.
 */
export function opened({ where, input, lock }: LockedKey, passphrase: string): Seen | undefined {
  let der: Uint8Array
  try {
    der = unlockKey(input, passphrase)
  } catch (error) {
    if (isNomadPkiError(error, 'ERR_KEY_ENCRYPTED')) return undefined
    throw error
  }
  const { description, thing } = seenPrivate(der, where)
  return {
    description: {
      ...description,
      ...{ kind: 'key', encrypted: true, encryption: lock },
    } as Description,
    thing,
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
  const place = `${where} (key)`
  if (key.state === 'present') return [seenKey(key.publicKey, place)]
  if (key.state !== 'encrypted') return []
  return [{ description: { kind: 'key', where: place, encrypted: true, belongsTo: [] } }]
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
