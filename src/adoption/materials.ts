/**
 * What is in a file, told by its content: PEM with any number of blocks, DER, JSON as cfssl and Vault
 * write it, PKCS#12. Names of files say nothing here.
 *
 * @module
 */

import { bufferOf, latin1Of } from '../bytes.js'
import { DerReader } from '../der/read.js'
import { tags } from '../der/write.js'
import { isNomadPkiError, NomadPkiError } from '../errors.js'
import type { PublicKey } from '../keys/algorithms.js'
import { readFoundKey, type FoundKey } from '../keys/found-key.js'
import { pemBlocks } from '../keys/pem.js'
import { scanPem } from '../keys/pem-scan.js'
import { parseCertificate, type Certificate } from '../x509/certificate.js'
import { parseCrl } from '../x509/crl.js'
import { parseRequest } from '../x509/request.js'
import type { AdoptionCode } from './codes.js'
import type { FoundList } from './lists.js'

/** One thing in a file. */
export type Material =
  | { readonly kind: 'certificate'; readonly place: string; readonly certificate: Certificate }
  | { readonly kind: 'key'; readonly place: string; readonly key: FoundKey }
  | ({ readonly kind: 'list' } & FoundList)
  | { readonly kind: 'request'; readonly place: string; readonly publicKey: PublicKey }
  | Locked
  | LeftOut

/** Something under a passphrase. */
export interface Locked {
  readonly kind: 'locked'
  readonly place: string
  readonly form: 'key' | 'pkcs12'
  /** The PEM of the key, or DER. */
  readonly input: string | Uint8Array
}

/** Something that is not adopted, and why. */
export interface LeftOut {
  readonly kind: 'left-out'
  /** The file, and what in it where that is known. */
  readonly place: string
  readonly code: AdoptionCode
  /** One sentence: lower case, no full stop. */
  readonly message: string
  /** What to do about it. */
  readonly hint?: string | undefined
}

/** How deep JSON is looked into, and how many texts of it. */
const jsonDepth = 6
const jsonTexts = 1000
/** More blocks than any bundle of agents has; the store of all public roots has 150. */
const mostBlocks = 2000

/**
 * Reads one file.
 *
 * @param file Its name, for messages.
 * @param bytes Its content.
 * @returns Everything in it, in its order; never throws for anything in the content.
 */
export function materialsIn(file: string, bytes: Uint8Array): readonly Material[] {
  // A byte order mark would hide the first block from every reader of PEM.
  const marked = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf
  const content = marked ? bytes.subarray(3) : bytes
  if (content[0] === tags.sequence) return [derIn(file, content)]
  const text = latin1Of(content)
  const start = text.trimStart()[0]
  if (start === '{' || start === '[') {
    const found = jsonIn(file, bufferOf(content).toString('utf8'))
    if (found !== undefined) return found
  }
  return pemIn(file, text)
}

/** A path that was not read, and why. */
export function unread(place: string, message: string): LeftOut {
  return { kind: 'left-out', place, code: 'adoption/unread', message }
}

function unrelated(place: string): LeftOut {
  return {
    kind: 'left-out',
    place,
    code: 'adoption/unrelated',
    message: 'it holds no certificate, key or request',
  }
}

function pemIn(file: string, text: string): readonly Material[] {
  const { blocks, damaged } = scanPem(text)
  const materials: Material[] = []
  if (blocks.length > mostBlocks) {
    return [malformed(file, `it holds ${blocks.length} PEM blocks, more than ${mostBlocks}`)]
  }
  for (const [index, block] of blocks.entries()) {
    const place = blocks.length > 1 ? `${file} (${index + 1} of ${blocks.length})` : file
    const found = blockIn(place, block.label, text.slice(block.start, block.end), block.der)
    if (found !== undefined) materials.push(found)
  }
  if (damaged > 0) materials.push(malformed(file, damageOf(text)))
  return materials.length === 0 && blocks.length === 0 ? [unrelated(file)] : materials
}

/** Where the first damaged block is. */
function damageOf(text: string): string {
  try {
    pemBlocks(text)
  } catch (error) {
    if (isNomadPkiError(error, 'ERR_PEM_MALFORMED')) return error.message
    throw error
  }
  return 'a PEM block is damaged'
}

function blockIn(place: string, label: string, pem: string, der: Uint8Array): Material | undefined {
  switch (label) {
    case 'CERTIFICATE':
    case 'X509 CERTIFICATE':
      return certificateIn(place, der)
    case 'CERTIFICATE REQUEST':
    case 'NEW CERTIFICATE REQUEST':
      return requestIn(place, der)
    // OpenSSL puts parameters before a key, and tools add parameters of their own.
    case 'EC PARAMETERS':
    case 'DH PARAMETERS':
    case 'PUBLIC KEY':
      return undefined
    case 'X509 CRL':
      return listIn(place, der)
    case 'TRUSTED CERTIFICATE':
      return unused(place, 'it is a certificate in the form of OpenSSL alone', {
        hint: 'convert a copy of it: openssl x509 -in FILE -out COPY',
      })
    case 'PKCS7':
      return unused(place, 'it is a PKCS#7 file', {
        hint: 'convert a copy of it: openssl pkcs7 -print_certs -in FILE -out COPY',
      })
    default:
      return label.endsWith('PRIVATE KEY')
        ? keyIn(place, pem)
        : unused(place, `a PEM block of type ${printableLabel(label)} is not supported`)
  }
}

/** The label of a stranger's block, short and without control characters. */
function printableLabel(label: string): string {
  return JSON.stringify(label.slice(0, 40))
}

function derIn(place: string, der: Uint8Array): Material {
  if (isPkcs12(der)) {
    return { kind: 'locked', place, form: 'pkcs12', input: der }
  }
  // What it is follows from which reader takes it; a key is tried first, its errors are the clearest.
  const key = keyIn(place, der)
  if (key.kind !== 'left-out') return key
  const certificate = certificateIn(place, der)
  if (certificate.kind === 'certificate') return certificate
  const request = requestIn(place, der)
  if (request.kind === 'request') return request
  if (key.code === 'adoption/key') return key
  const list = listIn(place, der)
  if (list.kind === 'list') return list
  const told = certificate.kind === 'left-out' ? certificate.message : ''
  return { ...unrelated(place), code: 'adoption/malformed', message: `binary, and ${told}` }
}

/** PFX (RFC 7292 §4): version 3, then the content of a PKCS#7 type. */
function isPkcs12(der: Uint8Array): boolean {
  try {
    const pfx = new DerReader(der).enter(tags.sequence, 'the file')
    return (
      pfx.smallInteger('the version') === 3 &&
      pfx.enter(tags.sequence, 'the content').oid('the type').startsWith('1.2.840.113549.1.7.')
    )
  } catch (error) {
    if (isNomadPkiError(error)) return false
    throw error
  }
}

function certificateIn(place: string, der: Uint8Array): Material {
  try {
    return { kind: 'certificate', place, certificate: parseCertificate(der) }
  } catch (error) {
    return malformed(place, messageOf(error))
  }
}

function listIn(place: string, der: Uint8Array): Material {
  try {
    return { kind: 'list', place, der, list: parseCrl(der) }
  } catch (error) {
    return unused(place, `it is a revocation list that cannot be read: ${messageOf(error)}`)
  }
}

function requestIn(place: string, der: Uint8Array): Material {
  try {
    return { kind: 'request', place, publicKey: parseRequest(der).publicKey }
  } catch (error) {
    return malformed(place, messageOf(error))
  }
}

function keyIn(place: string, input: string | Uint8Array): Material {
  try {
    return { kind: 'key', place, key: readFoundKey(input) }
  } catch (error) {
    if (isNomadPkiError(error, 'ERR_KEY_ENCRYPTED')) {
      return { kind: 'locked', place, form: 'key', input }
    }
    if (isNomadPkiError(error, 'ERR_KEY_ALGORITHM')) {
      return {
        kind: 'left-out',
        place,
        code: 'adoption/key',
        message: error.message,
        hint: error.hint,
      }
    }
    return malformed(place, messageOf(error))
  }
}

/** Texts in JSON that hold PEM: `cert`, `key` and `csr` of cfssl, `data.certificate` of Vault. */
function jsonIn(file: string, text: string): readonly Material[] | undefined {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  const materials: Material[] = []
  let seen = 0
  const look = (one: unknown, path: string, depth: number): void => {
    if (typeof one === 'string') {
      seen += 1
      // Vault lists several certificates in `ca_chain`; JSON has its line breaks escaped.
      if (seen <= jsonTexts && one.includes('-----BEGIN ')) {
        materials.push(...pemIn(`${file}: ${path}`, one))
      }
    } else if (typeof one === 'object' && one !== null && depth < jsonDepth) {
      for (const [key, inner] of Object.entries(one)) {
        look(inner, path === '' ? key : `${path}.${key}`, depth + 1)
      }
    }
  }
  look(value, '', 0)
  if (materials.length > 0) return materials
  const keys = typeof value === 'object' && value !== null ? Object.keys(value) : []
  if (keys.includes('signing')) return [unused(file, 'it is a configuration of cfssl')]
  if (keys.includes('names') || keys.includes('hosts') || keys.includes('CN')) {
    return [unused(file, 'it describes a request for cfssl, and is not a certificate')]
  }
  return [unrelated(file)]
}

/** What is under a passphrase that nobody gave, or that cannot be opened. */
export function stillLocked({ place, form }: Locked, why?: string): LeftOut {
  const what =
    form === 'key' ? 'the private key is encrypted' : 'it is a PKCS#12 file with a password'
  return {
    kind: 'left-out',
    place,
    code: 'adoption/encrypted',
    message: why === undefined ? what : `${what}, ${why}`,
    hint: 'put its passphrase into a file (umask 077), and adopt again: --passphrase-file FILE; on a terminal you are asked for it',
  }
}

/** What is damaged, or cannot be what it says. */
export function malformed(place: string, message: string): LeftOut {
  return { kind: 'left-out', place, code: 'adoption/malformed', message }
}

function unused(place: string, message: string, more: { readonly hint?: string } = {}): LeftOut {
  return { kind: 'left-out', place, code: 'adoption/unused', message, ...more }
}

function messageOf(error: unknown): string {
  if (error instanceof NomadPkiError) return error.message
  throw error
}
