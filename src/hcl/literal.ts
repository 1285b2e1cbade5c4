/**
 * What the literals of a document mean: HCL 1's unquoting, heredocs and numbers, and the three
 * conversions of HashiCorp's decoder (hcl/decoder.go: decodeBool, decodeInt, decodeString), which
 * look at the token's text more than at its kind.
 *
 * @module
 */

import type { Document, Literal } from './tree.js'

const simpleEscapes: Readonly<Record<string, string>> = {
  a: '\u0007',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
}

/** The name of a key: a word as it stands, a string unquoted. */
export function keyName(text: string, start: number, end: number): string {
  return text.charCodeAt(start) === 0x22 ? unquote(text, start, end) : text.slice(start, end)
}

/**
 * The value of a quoted HCL string that the lexer has accepted. What is inside `${ }` stays as it
 * is, escapes and all; a byte escape that is not UTF-8 becomes U+FFFD.
 */
function unquote(text: string, start: number, end: number): string {
  // CRLF becomes LF before HashiCorp's parser looks; in a string it can stand only inside `${ }`.
  const body = text.slice(start + 1, end - 1).replaceAll('\r\n', '\n')
  if (!body.includes('\\')) return body
  let out = ''
  // Runs of \x and \ooo are bytes that make characters together.
  let bytes: number[] = []
  const flush = (): void => {
    if (bytes.length > 0) out += decodeBytes(bytes)
    bytes = []
  }
  for (let at = 0; at < body.length;) {
    if (body[at] === '$' && body[at + 1] === '{') {
      const close = interpolationEnd(body, at)
      flush()
      out += body.slice(at, close)
      at = close
      continue
    }
    if (body[at] !== '\\') {
      flush()
      out += body[at]!
      at += 1
      continue
    }
    const escape = body[at + 1]!
    if (escape === 'x') {
      bytes.push(Number.parseInt(body.slice(at + 2, at + 4), 16))
      at += 4
    } else if (escape >= '0' && escape <= '7') {
      bytes.push(Number.parseInt(body.slice(at + 1, at + 4), 8))
      at += 4
    } else {
      flush()
      const length = escape === 'u' ? 4 : escape === 'U' ? 8 : 0
      out +=
        length === 0
          ? (simpleEscapes[escape] ?? escape)
          : character(Number.parseInt(body.slice(at + 2, at + 2 + length), 16))
      at += 2 + length
    }
  }
  flush()
  return out
}

function character(point: number): string {
  const surrogate = point >= 0xd800 && point <= 0xdfff
  return surrogate || point > 0x10ffff ? '\ufffd' : String.fromCodePoint(point)
}

const utf8 = new TextDecoder('utf-8', { ignoreBOM: true })

/** Not as arguments of a call: a run can have more of them than a call takes. */
function decodeBytes(bytes: readonly number[]): string {
  return utf8.decode(Uint8Array.from(bytes))
}

function interpolationEnd(body: string, start: number): number {
  let braces = 1
  let at = start + 2
  for (; at < body.length && braces > 0; at += 1) {
    if (body[at] === '{') braces += 1
    else if (body[at] === '}') braces -= 1
  }
  return at
}

/**
 * The value of a heredoc. Its last newline belongs to it. HashiCorp's reader cuts as many characters from
 * the end as the first line has, and so does this: an indented closing word of a plain `<<` leaves its
 * indentation behind.
 */
function heredocText(text: string, start: number, end: number): string {
  const raw = text.slice(start, end).replaceAll('\r\n', '\n')
  const first = raw.indexOf('\n')
  if (raw[2] !== '-') return raw.slice(first + 1, raw.length - first + 1)
  const lines = raw.slice(first + 1, raw.length - first + 2).split('\n')
  const prefix = lines.at(-1)!
  if (!lines.every((line) => line.startsWith(prefix))) {
    return trimBlanks(raw.slice(first + 1, raw.length - first + 1))
  }
  return [...lines.slice(0, -1).map((line) => line.slice(prefix.length)), ''].join('\n')
}

function trimBlanks(value: string): string {
  let end = value.length
  while (end > 0 && (value[end - 1] === ' ' || value[end - 1] === '\t')) end -= 1
  return value.slice(0, end)
}

/**
 * Gives the text of a literal exactly as it is written, with quotes.
 *
 * @param document The document of the literal.
 * @param literal What stands there.
 * @returns A part of the document's text.
 */
export function rawText(document: Document, literal: Literal): string {
  return document.text.slice(literal.start, literal.end)
}

/**
 * Reads a literal where a string is wanted: numbers and booleans are taken as they are written, and
 * JSON's `null` is the empty string.
 *
 * @param document The document of the literal.
 * @param literal What stands there.
 * @returns The string, without quotes and escapes.
 */
export function asString(document: Document, literal: Literal): string {
  const { text, syntax } = document
  switch (literal.kind) {
    case 'null':
      return ''
    case 'heredoc':
      return heredocText(text, literal.start, literal.end)
    case 'string':
      return syntax === 'json'
        ? jsonString(rawText(document, literal))
        : unquote(text, literal.start, literal.end)
    default:
      return rawText(document, literal)
  }
}

function jsonString(raw: string): string {
  // A raw control character other than the end of a line is fine for Go and not for JSON.parse.
  const escaped = raw.replace(
    /\p{Cc}/gu,
    (control) => `\\u${control.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
  return JSON.parse(escaped) as string
}

/**
 * Reads a literal where a boolean is wanted.
 *
 * @param document The document of the literal.
 * @param literal What stands there.
 * @returns `undefined` if HCL 1 refuses it: only `true`, `false`, `1` and `0` count, quoted or not,
 * in any case, and without escapes.
 *
 * @see https://github.com/hashicorp/hcl/blob/v1.0.1-nomad-1/decoder.go (decodeBool)
 */
export function asBoolean(document: Document, literal: Literal): boolean | undefined {
  if (literal.kind === 'heredoc' || literal.kind === 'float' || literal.kind === 'null') {
    return undefined
  }
  switch (rawText(document, literal).replaceAll('"', '').toLowerCase()) {
    case 'true':
    case '1':
      return true
    case 'false':
    case '0':
      return false
    default:
      return undefined
  }
}

const integer =
  /^[+-]?(?:0[xX](?:_?[0-9A-Fa-f])+|0[bB](?:_?[01])+|0[oO]?(?:_?[0-7])+|0|[1-9](?:_?[0-9])*)$/

/**
 * Reads a literal where an integer is wanted: Go's `ParseInt(text, 0, 64)`, so `"4646"`, `0x1226` and the
 * octal `0755` count.
 *
 * @param document The document of the literal.
 * @param literal What stands there.
 * @returns `undefined` if HCL 1 refuses it.
 * @see https://pkg.go.dev/strconv#ParseInt
 */
export function asInteger(document: Document, literal: Literal): bigint | undefined {
  if (literal.kind !== 'number' && literal.kind !== 'string') return undefined
  return parseGoInteger(asString(document, literal))
}

/** Go's `strconv.ParseInt(text, 0, 64)`. */
function parseGoInteger(text: string): bigint | undefined {
  if (!integer.test(text)) return undefined
  const negative = text.startsWith('-')
  let digits = text.replace(/^[+-]/, '').replaceAll('_', '').toLowerCase()
  if (/^0[0-7]+$/.test(digits)) digits = `0o${digits.slice(1)}`
  // No integer of 64 bits is longer, and BigInt is not linear.
  if (digits.length > 70) {
    digits = digits.replace(/^(0[xbo])0+/, '$10')
    if (digits.length > 70) return undefined
  }
  const value = negative ? -BigInt(digits) : BigInt(digits)
  return value >= -(2n ** 63n) && value < 2n ** 63n ? value : undefined
}

/**
 * Reads a literal where a floating-point number is wanted.
 *
 * @param document The document of the literal.
 * @param literal What stands there.
 * @returns `undefined` if HCL 1 refuses it.
 */
export function asFloat(document: Document, literal: Literal): number | undefined {
  if (literal.kind !== 'number' && literal.kind !== 'float') return undefined
  const value = Number(rawText(document, literal))
  return Number.isFinite(value) ? value : undefined
}
