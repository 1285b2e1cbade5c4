/**
 * The extensions of RFC 5280 §4.2.1 that Nomad's certificates have: written, and read.
 *
 * @module
 */

import { bufferOf } from '../bytes.js'
import { DerReader, fail } from '../der/read.js'
import {
  boolean,
  context,
  contextPrimitive,
  element,
  integer,
  namedBits,
  octetString,
  sequence,
  tags,
} from '../der/write.js'
import type {
  BasicConstraints,
  Extension,
  ExtensionFields,
  GeneralName,
  KeyUsage,
  NameConstraints,
} from './extension.js'
import { encodeGeneralName, readGeneralName } from './general-name.js'
import { encodedOid, extensionOids, keyUsages, purposes } from './oids.js'

const purposeOids = new Map([...purposes].map(([oid, name]) => [name, oid]))

/** basicConstraints, critical as RFC 5280 §4.2.1.9 demands of authorities. */
export function basicConstraints({ ca, pathLength }: BasicConstraints): Extension {
  const parts = ca ? [boolean(true)] : []
  if (pathLength !== undefined) parts.push(integer(pathLength))
  return { oid: extensionOids.basicConstraints, critical: true, value: sequence(...parts) }
}

/** keyUsage, critical as §4.2.1.3 recommends. */
export function keyUsage(usages: readonly KeyUsage[]): Extension {
  const value = namedBits(usages.map((usage) => keyUsages.indexOf(usage)))
  return { oid: extensionOids.keyUsage, critical: true, value }
}

/** extendedKeyUsage, by the names of `purposes` or OIDs. */
export function extendedKeyUsage(usages: readonly string[]): Extension {
  const value = sequence(...usages.map((usage) => encodedOid(purposeOids.get(usage) ?? usage)))
  return { oid: extensionOids.extendedKeyUsage, critical: false, value }
}

/**
 * Makes the extension with the names of a certificate. RFC 5280 §4.2.1.6
 *
 * @throws {NomadPkiError} `ERR_NAME_INVALID`
 */
export function subjectAltName(names: readonly GeneralName[]): Extension {
  const value = sequence(...names.map(encodeGeneralName))
  return { oid: extensionOids.subjectAltName, critical: false, value }
}

/**
 * nameConstraints, critical as §4.2.1.10 demands.
 *
 * @throws {NomadPkiError} `ERR_NAME_INVALID`
 */
export function nameConstraints({ permitted, excluded }: NameConstraints): Extension {
  const subtrees = (names: readonly GeneralName[]): readonly Uint8Array[] =>
    names.map((name) => sequence(encodeGeneralName(name)))
  const parts: Uint8Array[] = []
  if (permitted.length > 0) parts.push(context(0, ...subtrees(permitted)))
  if (excluded.length > 0) parts.push(context(1, ...subtrees(excluded)))
  return { oid: extensionOids.nameConstraints, critical: true, value: sequence(...parts) }
}

/**
 * Makes the extension with the identifier of the certificate's own key. RFC 5280 §4.2.1.2
 *
 * @param identifier Hex.
 */
export function subjectKeyIdentifier(identifier: string): Extension {
  const value = octetString(Buffer.from(identifier, 'hex'))
  return { oid: extensionOids.subjectKeyIdentifier, critical: false, value }
}

/** authorityKeyIdentifier with the key's identifier alone, from hex. */
export function authorityKeyIdentifier(identifier: string): Extension {
  const value = sequence(contextPrimitive(0, Buffer.from(identifier, 'hex')))
  return { oid: extensionOids.authorityKeyIdentifier, critical: false, value }
}

/** Extension ::= SEQUENCE, where a false `critical` is left out as DER demands of defaults. */
export function encodeExtension(extension: Extension): Uint8Array {
  const before = written.get(extension)
  if (before !== undefined) return before
  const { oid, critical, value } = extension
  const content = element(tags.octetString, value)
  return critical
    ? sequence(encodedOid(oid), boolean(true), content)
    : sequence(encodedOid(oid), content)
}

/** Only of extensions that are announced with {@link writtenOnce}: most others stand in one certificate. */
const written = new WeakMap<Extension, Uint8Array>()

/** Writes an extension now that will stand in many certificates, and gives it back. */
export function writtenOnce(extension: Extension): Extension {
  written.set(extension, encodeExtension(extension))
  return extension
}

/**
 * Reads the extensions that are known here; all others stay bytes.
 *
 * @throws {NomadPkiError} `ERR_DER_MALFORMED`
 */
export function readExtensions(extensions: readonly Extension[]): ExtensionFields {
  const fields: { -readonly [field in keyof ExtensionFields]: ExtensionFields[field] } = {
    basicConstraints: undefined,
    keyUsage: undefined,
    extendedKeyUsage: undefined,
    subjectAltName: undefined,
    nameConstraints: undefined,
    subjectKeyIdentifier: undefined,
    authorityKeyIdentifier: undefined,
  }
  for (const extension of extensions) {
    const { oid, value } = extension
    switch (oid) {
      case extensionOids.basicConstraints:
        fields.basicConstraints = readOnce(extension, readBasicConstraints)
        break
      case extensionOids.keyUsage:
        fields.keyUsage = readOnce(extension, readKeyUsage)
        break
      case extensionOids.extendedKeyUsage:
        fields.extendedKeyUsage = readOnce(extension, readExtendedKeyUsage)
        break
      case extensionOids.subjectAltName:
        fields.subjectAltName = readOnce(extension, readSubjectAltName)
        break
      case extensionOids.nameConstraints:
        fields.nameConstraints = readNameConstraints(value)
        break
      case extensionOids.subjectKeyIdentifier:
        fields.subjectKeyIdentifier = readSubjectKeyIdentifier(value)
        break
      case extensionOids.authorityKeyIdentifier:
        fields.authorityKeyIdentifier = readOnce(extension, readAuthorityKeyIdentifier)
        break
      default:
    }
  }
  return fields
}

/**
 * Reads a list of extensions.
 *
 * @param around Stands before the list, with nothing behind it.
 * @throws {NomadPkiError} `ERR_DER_MALFORMED`, also where one stands twice (RFC 5280 §4.2).
 */
export function readExtensionList(around: DerReader): readonly Extension[] {
  const list = around.enter(tags.sequence, 'extensions')
  around.finish('extensions')
  const extensions: Extension[] = []
  // Looking through a few is cheaper than a set; through thousands, in a hostile request, it is not.
  let seen: Set<string> | undefined
  while (!list.done()) {
    const extension = readExtension(list)
    const { oid } = extension
    if (seen?.has(oid) ?? extensions.some((other) => other.oid === oid)) {
      fail(`the extension ${oid} stands twice`)
    }
    extensions.push(extension)
    if (extensions.length === 16) seen = new Set(extensions.map((one) => one.oid))
    else seen?.add(oid)
  }
  return extensions
}

/**
 * The extensions that are the same in most certificates, by OID, as they stood last. Ten thousand
 * leaves then share them, in time and in memory; the bytes are copies.
 */
const usual = new Map<string, Usual>()
const alike: ReadonlySet<string> = new Set([
  extensionOids.basicConstraints,
  extensionOids.keyUsage,
  extensionOids.extendedKeyUsage,
  // Clients of a region have the same names, unless the spec gives them more.
  extensionOids.subjectAltName,
  extensionOids.authorityKeyIdentifier,
])

interface Usual {
  readonly whole: Buffer
  readonly extension: Extension
  read?: { readonly said: unknown }
}

function readExtension(list: DerReader): Extension {
  const { bytes, position: start } = list
  const reader = list.enter(tags.sequence, 'an extension')
  const oid = reader.oid('an extension')
  const before = usual.get(oid)
  if (before?.whole.compare(bytes, start, list.position) === 0) return before.extension
  // DER forbids to write out FALSE here, and every validator takes it.
  const critical = reader.peek() === tags.boolean ? reader.boolean('critical') : false
  const value = reader.content(tags.octetString, 'an extension')
  reader.finish('an extension')
  if (!alike.has(oid)) return { oid, critical, value }
  const whole = Buffer.from(bytes.subarray(start, list.position))
  const extension = { oid, critical, value: whole.subarray(whole.length - value.length) }
  usual.set(oid, { whole, extension })
  return extension
}

function readOnce<Said>(extension: Extension, read: (value: Uint8Array) => Said): Said {
  const before = usual.get(extension.oid)
  if (before?.extension !== extension) return read(extension.value)
  before.read ??= { said: read(extension.value) }
  return before.read.said as Said
}

function only(value: Uint8Array, what: string): DerReader {
  const reader = new DerReader(value)
  const inside = reader.enter(tags.sequence, what)
  reader.finish(what)
  return inside
}

function readBasicConstraints(value: Uint8Array): BasicConstraints {
  const what = 'basicConstraints'
  const reader = only(value, what)
  const ca = reader.peek() === tags.boolean ? reader.boolean(what) : false
  const pathLength =
    reader.peek() === tags.integer ? reader.smallInteger('the path length') : undefined
  reader.finish(what)
  return pathLength === undefined ? { ca } : { ca, pathLength }
}

function readKeyUsage(value: Uint8Array): readonly KeyUsage[] {
  const reader = new DerReader(value)
  const bits = reader.namedBits('keyUsage')
  reader.finish('keyUsage')
  return bits.flatMap((bit) => keyUsages[bit] ?? [])
}

function readExtendedKeyUsage(value: Uint8Array): readonly string[] {
  const what = 'extendedKeyUsage'
  const reader = only(value, what)
  if (reader.done()) fail(`${what} is empty`)
  const usages: string[] = []
  while (!reader.done()) {
    const oid = reader.oid(what)
    usages.push(purposes.get(oid) ?? oid)
  }
  return usages
}

function readSubjectAltName(value: Uint8Array): readonly GeneralName[] {
  const what = 'subjectAltName'
  const reader = only(value, what)
  const names: GeneralName[] = []
  while (!reader.done()) names.push(readGeneralName(reader, false, what))
  return names
}

function readNameConstraints(value: Uint8Array): NameConstraints {
  const what = 'nameConstraints'
  const reader = only(value, what)
  if (reader.done()) fail(`${what} is empty`)
  const subtrees = (tag: number): readonly GeneralName[] => {
    const names: GeneralName[] = []
    if (reader.peek() !== tag) return names
    const list = reader.enter(tag, what)
    while (!list.done()) {
      const subtree = list.enter(tags.sequence, what)
      names.push(readGeneralName(subtree, true, what))
      // minimum and maximum are not used with any name form (RFC 5280 §4.2.1.10).
      subtree.finish(what)
    }
    return names
  }
  const permitted = subtrees(0xa0)
  const excluded = subtrees(0xa1)
  reader.finish(what)
  return { permitted, excluded }
}

function readSubjectKeyIdentifier(value: Uint8Array): string {
  const reader = new DerReader(value)
  const identifier = reader.content(tags.octetString, 'subjectKeyIdentifier')
  reader.finish('subjectKeyIdentifier')
  return hexOf(identifier)
}

function readAuthorityKeyIdentifier(value: Uint8Array): string | undefined {
  const what = 'authorityKeyIdentifier'
  const reader = only(value, what)
  const identifier = reader.peek() === 0x80 ? hexOf(reader.content(0x80, what)) : undefined
  for (const tag of [0xa1, 0x82]) if (reader.peek() === tag) reader.content(tag, what)
  reader.finish(what)
  return identifier
}

/**
 * Writes octets in lower-case hex, as identifiers and serial numbers have it.
 */
export function hexOf(bytes: Uint8Array): string {
  const view = bufferOf(bytes)
  return view.toString('hex')
}
