/**
 * Reads DER, strictly: definite lengths in their shortest form, integers without padding, booleans
 * 00 or FF (X.690 §10.1, §11.1, §8.3.2). Nothing is copied, and nothing recurses: the caller's code
 * has the shape of the type it reads, so hostile nesting goes nowhere.
 *
 * @module
 */

import { bufferOf } from '../bytes.js'
import { NomadPkiError } from '../errors.js'
import { objectIdentifier, tags } from './write.js'

/** A cursor over the elements in a range of bytes. */
export class DerReader {
  readonly bytes: Buffer
  /** Where the next element begins. */
  position: number
  readonly end: number

  constructor(bytes: Uint8Array, start = 0, end: number = bytes.length) {
    this.bytes = bufferOf(bytes)
    this.position = start
    this.end = end
  }

  /** The identifier octet of the next element, or -1 at the end. */
  peek(): number {
    return this.position < this.end ? this.bytes[this.position]! : -1
  }

  /** Whether everything is read. */
  done(): boolean {
    return this.position >= this.end
  }

  /** Takes the next element, which must have the tag, and goes into its content. */
  enter(tag: number, what: string): DerReader {
    const start = this.#content(tag, what)
    return new DerReader(this.bytes, start, this.position)
  }

  /** The content of the next element, which must have the tag: a view. */
  content(tag: number, what: string): Uint8Array {
    const start = this.#content(tag, what)
    return this.bytes.subarray(start, this.position)
  }

  /** The whole next element, of any tag: a view. */
  whole(what: string): Uint8Array {
    const start = this.position
    this.#content(-1, what)
    return this.bytes.subarray(start, this.position)
  }

  /** Says that nothing may follow. */
  finish(what: string): void {
    if (this.position < this.end) fail(`extra bytes follow the end of ${what}`)
  }

  /** An OBJECT IDENTIFIER in dotted form. */
  oid(what: string): string {
    const start = this.#content(tags.oid, what)
    const packed = this.bytes.toString('latin1', start, this.position)
    return usualOids.get(packed) ?? decodeOid(packed, what)
  }

  /** The content of the next element, which must have the tag, as one character for each octet. */
  latin1(tag: number, what: string): string {
    const start = this.#content(tag, what)
    return this.bytes.toString('latin1', start, this.position)
  }

  /** The content octets of an INTEGER: two's complement, not padded. */
  integer(what: string): Uint8Array {
    const bytes = this.content(tags.integer, what)
    if (bytes.length === 0) fail(`${what} is an integer without octets`)
    if (bytes.length > 1) {
      const padding = bytes[0]! === 0 ? bytes[1]! < 0x80 : bytes[0] === 0xff && bytes[1]! >= 0x80
      if (padding) fail(`${what} is an integer with needless octets`)
    }
    return bytes
  }

  /** An INTEGER that must be small and not negative. */
  smallInteger(what: string): number {
    const bytes = this.integer(what)
    if (bytes[0]! >= 0x80) fail(`${what} is negative`)
    if (bytes.length > 5) fail(`${what} is too large`)
    let value = 0
    for (const byte of bytes) value = value * 256 + byte
    return value
  }

  /** A BOOLEAN */
  boolean(what: string): boolean {
    const bytes = this.content(tags.boolean, what)
    if (bytes.length !== 1 || (bytes[0] !== 0 && bytes[0] !== 0xff)) {
      fail(`${what} is a boolean of neither 00 nor FF`)
    }
    return bytes[0] === 0xff
  }

  /** The octets of a BIT STRING without unused bits: a view. */
  octetsOfBits(what: string): Uint8Array {
    const bytes = this.content(tags.bitString, what)
    if (bytes.length === 0 || bytes[0] !== 0) fail(`${what} is not a bit string of whole octets`)
    return bytes.subarray(1)
  }

  /** The numbers of the bits that are set in a BIT STRING of at most 32 bits. */
  namedBits(what: string): readonly number[] {
    const bytes = this.content(tags.bitString, what)
    const unused = bytes[0]
    const last = bytes.length - 1
    if (unused === undefined || unused > 7 || last > 4 || (last === 0 && unused > 0)) {
      return fail(`${what} is not a bit string`)
    }
    if (last > 0 && (bytes[last]! & ((1 << unused) - 1)) !== 0) {
      fail(`${what} has unused bits that are set`)
    }
    const bits: number[] = []
    for (let bit = 0; bit < last * 8; bit += 1) {
      if ((bytes[1 + (bit >> 3)]! & (0x80 >> (bit & 7))) !== 0) bits.push(bit)
    }
    return bits
  }

  /** UTCTime or GeneralizedTime as RFC 5280 §4.1.2.5 allows them: to the second, in `Z`. Epoch milliseconds. */
  time(what: string): number {
    const tag = this.peek()
    if (tag !== tags.utcTime && tag !== tags.generalizedTime) fail(`${what} is not a time`)
    const { bytes } = this
    const long = tag === tags.generalizedTime
    const start = this.#content(tag, what)
    const from = start + (long ? 4 : 2)
    if (this.position !== from + 11 || bytes[from + 10] !== 0x5a) {
      fail(`${what} is not written to the second in Z`)
    }
    let year = pair(bytes, start, what)
    if (long) year = year * 100 + pair(bytes, start + 2, what)
    else year += year < 50 ? 2000 : 1900
    const month = pair(bytes, from, what)
    const day = pair(bytes, from + 2, what)
    const hour = pair(bytes, from + 4, what)
    const minute = pair(bytes, from + 6, what)
    const second = pair(bytes, from + 8, what)
    if (month < 1 || month > 12 || day < 1 || hour > 23 || minute > 59 || second > 59) {
      fail(`${what} is not a date`)
    }
    const days = monthDays[month - 1]! - (month === 2 && !isLeap(year) ? 1 : 0)
    if (day > days) fail(`${what} is not a date`)
    // Date.UTC takes the years 0 to 99 for 1900 to 1999.
    const midnight =
      year < 100 ? new Date(0).setUTCFullYear(year, month - 1, day) : Date.UTC(year, month - 1, day)
    return midnight + (hour * 3600 + minute * 60 + second) * 1000
  }

  /** Passes the header of the next element and moves behind it; returns where its content begins. */
  #content(tag: number, what: string): number {
    const { bytes, end } = this
    const at = this.position
    if (at + 2 > end) return fail(`${what} is missing or cut short`)
    const found = bytes[at]!
    if (tag !== -1 && found !== tag) {
      fail(`${what} has the tag ${hex(found)} where ${hex(tag)} belongs`)
    }
    if ((found & 0x1f) === 0x1f) fail(`${what} has a tag of several octets`)
    const first = bytes[at + 1]!
    let start = at + 2
    let length = first
    if (first >= 0x80) {
      const count = first - 0x80
      if (count === 0) fail(`${what} has an indefinite length`)
      if (count > 4 || start + count > end) fail(`${what} is cut short`)
      length = 0
      for (let index = 0; index < count; index += 1) length = length * 256 + bytes[start + index]!
      if (length < 0x80 || length < 2 ** (8 * (count - 1))) {
        fail(`${what} has a length with needless octets`)
      }
      start += count
    }
    if (length > end - start) fail(`${what} is cut short`)
    this.position = start + length
    return start
  }
}

/** By their content octets, a character each: what certificates have is not decoded every time. */
const usualOids: ReadonlyMap<string, string> = new Map(
  [
    ...['2.5.4.3', '2.5.4.6', '2.5.4.10', '2.5.4.11'],
    ...['2.5.29.14', '2.5.29.15', '2.5.29.17', '2.5.29.19', '2.5.29.30', '2.5.29.35', '2.5.29.37'],
    ...['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2'],
    ...['1.2.840.10045.2.1', '1.2.840.10045.3.1.7', '1.2.840.10045.4.3.2', '1.2.840.113549.1.1.11'],
  ].map((oid) => [Buffer.from(objectIdentifier(oid).subarray(2)).toString('latin1'), oid]),
)

/** Reads the content octets of an OBJECT IDENTIFIER, a character each. */
function decodeOid(packed: string, what: string): string {
  const { length } = packed
  if (length === 0 || packed.charCodeAt(length - 1) >= 0x80) fail(`${what} is not an identifier`)
  if (length > 64) fail(`${what} is an identifier of ${length} octets`)
  let text = ''
  let arc = 0
  let fresh = true
  for (let at = 0; at < length; at += 1) {
    const octet = packed.charCodeAt(at)
    if (fresh && octet === 0x80) fail(`${what} is an identifier with needless octets`)
    arc = arc * 128 + (octet & 0x7f)
    fresh = octet < 0x80
    if (arc > Number.MAX_SAFE_INTEGER) fail(`${what} is an identifier with a number too large`)
    if (!fresh) continue
    if (text === '') {
      const first = arc < 40 ? 0 : arc < 80 ? 1 : 2
      text = `${first}.${arc - first * 40}`
    } else text += `.${arc}`
    arc = 0
  }
  return text
}

/** Ends the reading. */
export function fail(message: string): never {
  throw new NomadPkiError('ERR_DER_MALFORMED', message)
}

const monthDays = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]

function isLeap(year: number): boolean {
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)
}

function pair(digits: Uint8Array, at: number, what: string): number {
  const high = digits[at]! - 0x30
  const low = digits[at + 1]! - 0x30
  if (high < 0 || high > 9 || low < 0 || low > 9) fail(`${what} is not a date`)
  return high * 10 + low
}

function hex(byte: number): string {
  return byte.toString(16).padStart(2, '0')
}
