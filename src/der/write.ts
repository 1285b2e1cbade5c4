/**
 * Writes DER, inside out: every function returns whole elements, and what is written once can be
 * kept and used again. X.690 §10 and §11 (lengths, SET OF, strings), RFC 5280 for what certificates
 * add to it. It knows no certificate.
 *
 * @module
 */

import { NomadPkiError } from '../errors.js'

/** The tags that certificates and keys use. */
export const tags = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  enumerated: 0x0a,
  utf8String: 0x0c,
  numericString: 0x12,
  printableString: 0x13,
  t61String: 0x14,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  universalString: 0x1c,
  bmpString: 0x1e,
  sequence: 0x30,
  set: 0x31,
} as const

/**
 * An element of any tag around parts that are written one after another.
 *
 * @param tag The identifier octet; tag numbers above 30 don't occur.
 * @param parts The content.
 */
export function element(tag: number, ...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0
  for (const part of parts) length += part.length
  const header = length < 0x80 ? 2 : length < 0x100 ? 3 : length < 0x10000 ? 4 : 5
  const out = Buffer.allocUnsafe(header + length)
  out[0] = tag
  if (header === 2) out[1] = length
  else {
    out[1] = 0x80 + header - 2
    let rest = length
    for (let at = header - 1; at > 1; at -= 1) {
      out[at] = rest & 0xff
      rest >>>= 8
    }
  }
  let at = header
  for (const part of parts) {
    out.set(part, at)
    at += part.length
  }
  return out
}

/** SEQUENCE */
export function sequence(...parts: readonly Uint8Array[]): Uint8Array {
  return element(tags.sequence, ...parts)
}

/** SET OF: its elements in ascending order of their encodings (X.690 §11.6). */
export function setOf(...parts: readonly Uint8Array[]): Uint8Array {
  if (parts.length < 2) return element(tags.set, ...parts)
  return element(tags.set, ...[...parts].sort((a, b) => Buffer.compare(a, b)))
}

/** `[number] EXPLICIT`, or an implicitly tagged constructed type. */
export function context(number: number, ...parts: readonly Uint8Array[]): Uint8Array {
  return element(0xa0 + number, ...parts)
}

/** `[number] IMPLICIT` around the content of a primitive type. */
export function contextPrimitive(number: number, content: Uint8Array): Uint8Array {
  return element(0x80 + number, content)
}

const yes = Uint8Array.of(tags.boolean, 1, 0xff)
const no = Uint8Array.of(tags.boolean, 1, 0)

/** BOOLEAN */
export function boolean(value: boolean): Uint8Array {
  return value ? yes : no
}

/**
 * INTEGER, never negative.
 *
 * @param magnitude Big-endian; leading zeros don't matter. Or a number below 2^31.
 */
export function integer(magnitude: Uint8Array | number): Uint8Array {
  const bytes =
    typeof magnitude === 'number'
      ? Uint8Array.of(magnitude >>> 24, magnitude >>> 16, magnitude >>> 8, magnitude)
      : magnitude
  let start = 0
  while (start < bytes.length - 1 && bytes[start] === 0) start += 1
  const body = bytes.subarray(start)
  if (body.length === 0) return Uint8Array.of(tags.integer, 1, 0)
  return body[0]! >= 0x80 ? element(tags.integer, zero, body) : element(tags.integer, body)
}

const zero = Uint8Array.of(0)

/** NULL */
export const nullValue: Uint8Array = Uint8Array.of(tags.null, 0)

/** BIT STRING of whole octets. */
export function bitString(bytes: Uint8Array): Uint8Array {
  return element(tags.bitString, zero, bytes)
}

/**
 * BIT STRING of named bits: no trailing zero bits (X.690 §11.2.2).
 *
 * @param bits The numbers of the bits that are set; bit 0 is the first.
 */
export function namedBits(bits: readonly number[]): Uint8Array {
  const last = Math.max(-1, ...bits)
  const bytes = new Uint8Array(1 + Math.ceil((last + 1) / 8))
  bytes[0] = last === -1 ? 0 : 7 - (last % 8)
  for (const bit of bits) bytes[1 + (bit >> 3)]! |= 0x80 >> (bit & 7)
  return element(tags.bitString, bytes)
}

/** OCTET STRING */
export function octetString(...parts: readonly Uint8Array[]): Uint8Array {
  return element(tags.octetString, ...parts)
}

/**
 * OBJECT IDENTIFIER
 *
 * @param dotted Such as `2.5.29.17`; arcs below 2^53.
 * @throws {TypeError} if the text is none.
 */
export function objectIdentifier(dotted: string): Uint8Array {
  const arcs = dotted.split('.').map((arc) => (/^(0|[1-9][0-9]{0,15})$/.test(arc) ? +arc : NaN))
  const [first = NaN, second = NaN, ...rest] = arcs
  if (
    !(first <= 2) ||
    !(second < (first === 2 ? 2 ** 52 : 40)) ||
    !rest.every(Number.isSafeInteger)
  ) {
    throw new TypeError(`not an object identifier: ${JSON.stringify(dotted)}`)
  }
  const bytes: number[] = []
  for (const arc of [first * 40 + second, ...rest]) {
    const septets = [arc % 128]
    for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128)) {
      septets.unshift(0x80 + (left % 128))
    }
    bytes.push(...septets)
  }
  return element(tags.oid, Uint8Array.from(bytes))
}

/** UTF8String. Lone surrogates become U+FFFD; check before. */
export function utf8String(text: string): Uint8Array {
  return element(tags.utf8String, Buffer.from(text, 'utf8'))
}

/** A string type whose characters are ASCII: the caller has checked which. */
export function asciiString(tag: number, text: string): Uint8Array {
  if (text.length >= 0x80) return element(tag, Buffer.from(text, 'latin1'))
  const out = Buffer.allocUnsafe(2 + text.length)
  out[0] = tag
  out[1] = text.length
  out.write(text, 2, 'latin1')
  return out
}

/** Whether PrintableString can hold the text (X.680 §41.4). */
export function isPrintable(text: string): boolean {
  return /^[A-Za-z0-9 '()+,\-./:=?]*$/.test(text)
}

/**
 * A moment: UTCTime through 2049, GeneralizedTime from 2050 on (RFC 5280 §4.1.2.5). Whole seconds;
 * milliseconds are dropped.
 *
 * @param at Epoch milliseconds, from 1950 through 9999.
 * @throws {NomadPkiError} `ERR_NAME_INVALID` outside of these.
 */
export function time(at: number): Uint8Array {
  // A Date beyond its own range has no year, and NaN fails the comparison.
  const date = new Date(at)
  const year = date.getUTCFullYear()
  if (!(year >= 1950 && year <= 9999)) {
    throw new NomadPkiError('ERR_NAME_INVALID', 'a certificate can only say 1950 through 9999', {
      hint: 'choose a shorter lifetime',
    })
  }
  const long = year >= 2050
  const out = Buffer.allocUnsafe(long ? 17 : 15)
  out[0] = long ? tags.generalizedTime : tags.utcTime
  out[1] = out.length - 2
  let position = 2
  if (long) position = two(out, position, Math.floor(year / 100))
  position = two(out, position, year % 100)
  position = two(out, position, date.getUTCMonth() + 1)
  position = two(out, position, date.getUTCDate())
  position = two(out, position, date.getUTCHours())
  position = two(out, position, date.getUTCMinutes())
  position = two(out, position, date.getUTCSeconds())
  out[position] = 0x5a
  return out
}

function two(out: Uint8Array, at: number, value: number): number {
  out[at] = 0x30 + Math.floor(value / 10)
  out[at + 1] = 0x30 + (value % 10)
  return at + 2
}
