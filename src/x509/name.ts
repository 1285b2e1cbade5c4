/**
 * Distinguished names: their encoding, and reading them as Go (and so Nomad) reads them.
 *
 * @module
 */

import { latin1Of, sameBytes } from '../bytes.js'
import { DerReader, fail } from '../der/read.js'
import { asciiString, isPrintable, sequence, setOf, tags, utf8String } from '../der/write.js'
import { NomadPkiError } from '../errors.js'
import { attributeTypes, encodedOid } from './oids.js'

/** One attribute of a name. */
export interface NameAttribute {
  /** Dotted: `2.5.4.3`. */
  readonly oid: string
  /** `CN`, `O`, `OU`, `C`, `L`, `ST`, `STREET`, `postalCode`, `serialNumber`, …, or the OID. */
  readonly type: string
  /** The text, decoded. */
  readonly value: string
  /** The tag of its string type: 12 UTF8String, 19 PrintableString, 22 IA5String, 20 T61String, 30 BMPString, … */
  readonly tag: number
  /** Which RelativeDistinguishedName it stands in, from 0. */
  readonly rdn: number
}

/** A distinguished name. */
export interface Name {
  /** The Name, DER: compare and copy these bytes, never a re-encoding. */
  readonly der: Uint8Array
  /** In the order of the encoding. */
  readonly attributes: readonly NameAttribute[]
}

/** The attributes that a subject of ours can have. */
export interface SubjectAttributes {
  /** CN */
  readonly commonName: string
  /** Two letters. */
  readonly country?: string | undefined
  /** O */
  readonly organization?: string | undefined
  /** OU */
  readonly organizationalUnit?: string | undefined
  /** L */
  readonly locality?: string | undefined
  /** ST */
  readonly province?: string | undefined
  /** STREET */
  readonly streetAddress?: string | undefined
  /** postalCode */
  readonly postalCode?: string | undefined
}

/** In the order in which they are written, with the upper bounds of RFC 5280 §A.1 in characters. */
const subjectOrder = [
  ['country', '2.5.4.6', 2],
  ['postalCode', '2.5.4.17', 40],
  ['province', '2.5.4.8', 128],
  ['locality', '2.5.4.7', 128],
  ['streetAddress', '2.5.4.9', 128],
  ['organization', '2.5.4.10', 64],
  ['organizationalUnit', '2.5.4.11', 64],
  ['commonName', '2.5.4.3', 64],
] as const

/** The attributes of a subject, in the order in which they are written. */
export const subjectKeys: readonly (keyof SubjectAttributes)[] = subjectOrder.map(([name]) => name)

/**
 * Why an attribute cannot stand in a subject.
 *
 * @param attribute Which.
 * @param value What was given.
 * @returns A clause without the attribute's name, lower case; `undefined` if it can.
 */
export function attributeFault(
  attribute: keyof SubjectAttributes,
  value: string,
): string | undefined {
  const bound = subjectOrder.find(([name]) => name === attribute)![2]
  const length = Array.from(value).length
  if (value.trim() === '') return 'is empty'
  if (attribute === 'country') {
    return /^[A-Z]{2}$/.test(value) ? undefined : 'is not two capital letters (ISO 3166)'
  }
  if (length > bound) return `has ${length} characters, more than ${bound}`
  // Control characters in a name can't be told apart on a terminal, and a NUL has fooled readers.
  // eslint-disable-next-line no-control-regex
  if (/[\u0000-\u001f\u007f-\u009f]/.test(value)) return 'holds a control character'
  if (/\p{Surrogate}/u.test(value)) return 'is not well-formed Unicode'
  return undefined
}

/**
 * Whether a name says what a subject of ours says: as RFC 5280 §7.1 compares values, without case,
 * insignificant space and string type. The order of attributes, a second value of one kind, and kinds
 * that a subject of ours cannot have are passed over: a spec cannot say them.
 *
 * Chains are another matter: there Go compares bytes.
 *
 * @param name A name that a user wrote.
 * @param subject What is wanted.
 */
export function nameSays(name: Name, subject: SubjectAttributes): boolean {
  return subjectOrder.every(([key, oid]) => {
    const wanted = subject[key]
    const found = name.attributes.filter((attribute) => attribute.oid === oid)
    if (wanted === undefined) return found.length === 0
    return found.some(({ value }) => preparedText(value) === preparedText(wanted))
  })
}

/** RFC 4518 §2 for caseIgnoreMatch: mapped, normalised, and with single inner spaces. */
function preparedText(value: string): string {
  return (
    value
      // Soft hyphens, joiners, variation selectors and controls of direction are mapped to nothing (§2.2).
      .replace(/[\p{Default_Ignorable_Code_Point}]/gu, '')
      // Upper case first: `ß` and `SS` are the same (RFC 3454 §B.2).
      .toUpperCase()
      .toLowerCase()
      .normalize('NFKC')
      .replace(/\s+/g, ' ')
      .trim()
  )
}

/**
 * Writes a Name: one attribute per RDN, country first and common name last. PrintableString where
 * it can hold the value, else UTF8String: Go refuses a PrintableString with `_` or `@` in it. The
 * country is always a PrintableString (RFC 5280 §A.1).
 *
 * @throws {NomadPkiError} `ERR_NAME_INVALID`
 */
export function encodeName(attributes: SubjectAttributes): Uint8Array {
  const parts: Uint8Array[] = []
  for (const [name, oid] of subjectOrder) {
    const value = attributes[name]
    if (value === undefined) continue
    const fault = attributeFault(name, value)
    if (fault !== undefined) {
      throw new NomadPkiError('ERR_NAME_INVALID', `${name} ${JSON.stringify(value)} ${fault}`)
    }
    const text = isPrintable(value) ? asciiString(tags.printableString, value) : utf8String(value)
    parts.push(setOf(sequence(encodedOid(oid), text)))
  }
  return sequence(...parts)
}

/**
 * Reads a distinguished name from DER: issuers and subjects. RFC 5280 §4.1.2.4
 *
 * @param der DER, whole.
 * @param what What is read, for messages.
 * @throws {NomadPkiError} `ERR_DER_MALFORMED`
 */
export function parseName(der: Uint8Array, what: string): Name {
  const before = recent.find((name) => sameBytes(name.der, der))
  if (before !== undefined) return before
  const name = readName(Uint8Array.from(der), what)
  recent.unshift(name)
  if (recent.length > mostRecent) recent.pop()
  return name
}

/**
 * The names read last. Ten thousand leaves have two issuers and four subjects; remembered, they cost
 * neither time nor memory. The bytes are copies, so that no file stays in memory with them.
 */
const recent: Name[] = []
const mostRecent = 8

function readName(der: Uint8Array, what: string): Name {
  const attributes: NameAttribute[] = []
  const reader = new DerReader(der)
  const rdns = reader.enter(tags.sequence, what)
  reader.finish(what)
  for (let rdn = 0; !rdns.done(); rdn += 1) {
    const set = rdns.enter(tags.set, what)
    if (set.done()) fail(`${what} has an empty part`)
    while (!set.done()) {
      const pair = set.enter(tags.sequence, what)
      const oid = pair.oid(what)
      const tag = pair.peek()
      if (tag === -1) fail(`${what} has an attribute without a value`)
      const value = decodeString(tag, pair.content(tag, what), what)
      pair.finish(what)
      attributes.push({ oid, type: attributeTypes.get(oid) ?? oid, value, tag, rdn })
    }
  }
  return { der, attributes }
}

/**
 * All common names, in order. Nomad takes the last one for the certificate's, in whatever RDN and
 * string type it stands (crypto/x509/pkix FillFromRDNSequence overwrites).
 */
export function commonNames(name: Name): readonly string[] {
  return name.attributes.filter(({ oid }) => oid === '2.5.4.3').map(({ value }) => value)
}

/**
 * A name for people, in the manner of RFC 4514 but in the order of the encoding reversed, as that
 * says: the most specific first, `CN=server.global.nomad,O=Acme`.
 */
export function formatName(name: Name): string {
  const rdns: string[] = []
  for (const { type, value, rdn } of name.attributes) {
    const text = `${type}=${escape(value)}`
    rdns[rdn] = rdns[rdn] === undefined ? text : `${rdns[rdn]}+${text}`
  }
  return rdns.reverse().join(',')
}

/** What a terminal would obey or hide, bidirectional controls among it. */
// eslint-disable-next-line no-control-regex
const hidden = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g

function escape(value: string): string {
  return value
    .replace(/[\\,+"<>;]/g, '\\$&')
    .replace(/^[ #]| $/g, '\\$&')
    .replace(hidden, (char) => Buffer.from(char, 'utf8').toString('hex').replace(/../g, '\\$&'))
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * Decodes a string of any of the types that Go knows (crypto/x509 parseASN1String); others stay as
 * `#` and hex. A value with characters that its type doesn't have is not refused here: lint says so.
 */
function decodeString(tag: number, bytes: Uint8Array, what: string): string {
  switch (tag) {
    case tags.utf8String: {
      const plain = latin1(bytes, true)
      if (plain !== undefined) return plain
      try {
        return utf8.decode(bytes)
      } catch {
        return fail(`${what} holds a UTF8String that is not UTF-8`)
      }
    }
    case tags.printableString:
    case tags.ia5String:
    case tags.numericString:
    case tags.t61String:
      return latin1(bytes, false)!
    case tags.bmpString: {
      if (bytes.length % 2 !== 0) fail(`${what} holds a BMPString of an odd length`)
      // Go takes a terminating NUL off (parseASN1String), and so reads `server.global.nomad` there.
      const ended = bytes.length >= 2 && bytes.at(-1) === 0 && bytes.at(-2) === 0
      const end = ended ? bytes.length - 2 : bytes.length
      let text = ''
      for (let at = 0; at < end; at += 2) {
        text += String.fromCharCode(bytes[at]! * 256 + bytes[at + 1]!)
      }
      return text
    }
    default:
      return `#${Buffer.from(bytes).toString('hex')}`
  }
}

/** Octets as characters; with `ascii`, only if all are below 80. A loop, because these are short. */
function latin1(bytes: Uint8Array, ascii: boolean): string | undefined {
  if (bytes.length > 256) {
    if (ascii && bytes.some((byte) => byte > 127)) return undefined
    return latin1Of(bytes)
  }
  let text = ''
  for (const byte of bytes) {
    if (ascii && byte > 127) return undefined
    text += String.fromCharCode(byte)
  }
  return text
}
