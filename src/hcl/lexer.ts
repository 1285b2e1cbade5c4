/**
 * The tokens of HCL 1 (`github.com/hashicorp/hcl` v1.0.1-nomad-1), as ranges.
 *
 * Three things are HCL 1's own: newlines mean nothing; `${` in a string opens an interpolation in
 * which quotes and newlines are free until the braces balance; and HashiCorp's parser turns CRLF
 * into LF before it looks, so a CR directly before an LF is not there at all.
 *
 * @module
 */

import { Fault } from './fault.js'
import type { Range } from './tree.js'

/** Kinds of tokens; the marks stand for themselves. */
export type TokenKind =
  | 'end'
  | 'word'
  | 'bool'
  | 'number'
  | 'float'
  | 'string'
  | 'heredoc'
  | '{'
  | '}'
  | '['
  | ']'
  | ','
  | '='
  | '+'
  | '-'
  | '.'

/** A token. */
export interface Token extends Range {
  readonly kind: TokenKind
}

const letter = /^\p{L}$/u
const letterOrDigit = /^[\p{L}\p{Nd}]$/u

const newline = 0x0a
const carriageReturn = 0x0d

function isDecimal(code: number): boolean {
  return code >= 0x30 && code <= 0x39
}

function isHexadecimal(code: number): boolean {
  return isDecimal(code) || (code >= 0x41 && code <= 0x46) || (code >= 0x61 && code <= 0x66)
}

function isAsciiLetter(code: number): boolean {
  return (code >= 0x61 && code <= 0x7a) || (code >= 0x41 && code <= 0x5a) || code === 0x5f
}

/** The length in UTF-16 units of the letter (or digit, if those count) at an offset, or 0. */
function wordUnits(text: string, at: number, digits: boolean): number {
  const code = text.charCodeAt(at)
  if (code < 0x80) return isAsciiLetter(code) || (digits && isDecimal(code)) ? 1 : 0
  const point = text.codePointAt(at)
  if (point === undefined) return 0
  const character = String.fromCodePoint(point)
  return (digits ? letterOrDigit : letter).test(character) ? character.length : 0
}

/**
 * Reads tokens one after the other.
 *
 * @param text The whole text, free of NUL and U+E123.
 * @param comments Receives the range of every comment that is passed.
 * @returns A function that gives the next token; after the last one it gives `end` for ever. It
 *   throws a {@link Fault}.
 */
export function lexer(text: string, comments: Range[]): () => Token {
  let at = 0

  return function next(): Token {
    for (;;) {
      const code = text.charCodeAt(at)
      if (code === 0x20 || code === 0x09 || code === newline || code === carriageReturn) {
        at += 1
      } else if (code === 0x23 || code === 0x2f) {
        const start = at
        at = commentEnd(text, at)
        comments.push({ start, end: at })
      } else break
    }
    const start = at
    if (at >= text.length) return { kind: 'end', start, end: start }
    const kind = scan(start)
    return { kind, start, end: at }
  }

  function scan(start: number): TokenKind {
    const code = text.charCodeAt(start)
    const units = wordUnits(text, start, false)
    if (units > 0) {
      at = wordEnd(text, start + units)
      const length = at - start
      const isBool =
        (length === 4 && text.startsWith('true', start)) ||
        (length === 5 && text.startsWith('false', start))
      return isBool ? 'bool' : 'word'
    }
    if (isDecimal(code)) return number(start)
    switch (code) {
      case 0x22:
        at = stringEnd(text, start)
        return 'string'
      case 0x3c:
        at = heredocEnd(text, start)
        return 'heredoc'
      case 0x2d:
        if (isDecimal(text.charCodeAt(start + 1))) return number(start + 1)
        at = start + 1
        return '-'
      case 0x2e:
        if (!isDecimal(text.charCodeAt(start + 1))) {
          at = start + 1
          return '.'
        }
        at = decimalsEnd(text, start + 1)
        // HCL 1 takes the "e" into the number, and then cannot decode it.
        if (isExponent(text.charCodeAt(at))) throw emptyExponent(at)
        return 'float'
      default:
    }
    const mark = text[start]!
    if (!'{}[],=+'.includes(mark)) throw illegalCharacter(text, start)
    at = start + 1
    return mark as TokenKind
  }

  function number(first: number): TokenKind {
    at = first + 1
    const zero = text.charCodeAt(first) === 0x30
    if (zero && (text[at] === 'x' || text[at] === 'X')) {
      const digits = at + 1
      at = digits
      while (isHexadecimal(text.charCodeAt(at))) at += 1
      if (at === digits) {
        throw new Fault('hcl/number', first, 'a hexadecimal number without digits')
      }
      return 'number'
    }
    at = decimalsEnd(text, at)
    const integerEnd = at
    if (text[at] === '.') at = decimalsEnd(text, at + 1)
    if (isExponent(text.charCodeAt(at))) {
      at += 1
      if (text[at] === '-' || text[at] === '+') at += 1
      const digits = at
      at = decimalsEnd(text, at)
      // HCL 1 would swallow the next character here, whatever it is.
      if (at === digits) throw emptyExponent(digits)
      return 'float'
    }
    if (at > integerEnd) return 'float'
    if (zero && /[89]/.test(text.slice(first, at))) {
      throw new Fault('hcl/number', first, `${text.slice(first, at)} is not an octal number`, {
        hint: 'a number that starts with 0 is octal in HCL 1; quote it if the zero belongs to it',
      })
    }
    return 'number'
  }
}

function isExponent(code: number): boolean {
  return code === 0x65 || code === 0x45
}

function emptyExponent(at: number): Fault {
  return new Fault('hcl/number', at, 'the exponent of a number has no digits')
}

function decimalsEnd(text: string, from: number): number {
  let at = from
  while (isDecimal(text.charCodeAt(at))) at += 1
  return at
}

function wordEnd(text: string, from: number): number {
  let at = from
  for (;;) {
    const code = text.charCodeAt(at)
    if (code === 0x2d || code === 0x2e) at += 1
    else {
      const units = wordUnits(text, at, true)
      if (units === 0) return at
      at += units
    }
  }
}

function commentEnd(text: string, start: number): number {
  if (text.startsWith('/*', start)) {
    const close = text.indexOf('*/', start + 2)
    if (close === -1) throw new Fault('hcl/comment', start, 'the comment is not closed')
    return close + 2
  }
  if (text[start] === '/' && text[start + 1] !== '/') {
    throw new Fault('hcl/comment', start, 'a single "/"', {
      expected: '"//" or "/*" for a comment, or quotes around a path',
    })
  }
  const line = text.indexOf('\n', start)
  if (line === -1) return text.length
  return text.charCodeAt(line - 1) === carriageReturn ? line - 1 : line
}

function stringEnd(text: string, start: number): number {
  let braces = 0
  for (let at = start + 1; ; at += 1) {
    const code = text.charCodeAt(at)
    if (code === 0x22 && braces === 0) return at + 1
    if ((code === newline && braces === 0) || at >= text.length) {
      throw new Fault('hcl/string', start, 'the string is not closed', {
        hint:
          braces > 0
            ? 'after "${" quotes and newlines are free until the braces balance'
            : 'a newline in a string is written \\n',
      })
    }
    if (code === 0x24 && braces === 0 && text.charCodeAt(at + 1) === 0x7b) {
      braces = 1
      at += 1
    } else if (braces > 0) {
      if (code === 0x7b) braces += 1
      else if (code === 0x7d) braces -= 1
      else if (code === 0xfffd) {
        throw new Fault('hcl/character', at, 'U+FFFD inside "${ }" cannot be decoded')
      }
    }
    if (code === 0x5c) at = escapeEnd(text, at, braces > 0) - 1
  }
}

const plainEscapes = 'abfnrtv\\"'

/** Checks the escape that starts at the backslash; inside `${ }` it is copied, never decoded. */
function escapeEnd(text: string, start: number, verbatim: boolean): number {
  const letterAt = text[start + 1] ?? ''
  if (letterAt !== '' && plainEscapes.includes(letterAt)) return start + 2
  const [digits, from, pattern] =
    letterAt === 'x'
      ? ([2, 2, /^[0-9A-Fa-f]{2}$/] as const)
      : letterAt === 'u'
        ? ([4, 2, /^[0-9A-Fa-f]{4}$/] as const)
        : letterAt === 'U'
          ? ([8, 2, /^[0-9A-Fa-f]{8}$/] as const)
          : ([3, 1, /^[0-7]{3}$/] as const)
  const end = start + from + digits
  const body = text.slice(start + from, end)
  if (!pattern.test(body)) {
    throw new Fault(
      'hcl/string',
      start,
      `the escape ${JSON.stringify(`\\${letterAt}`)} is not valid`,
      {
        expected: '\\a \\b \\f \\n \\r \\t \\v \\\\ \\" \\ooo \\xHH \\uHHHH or \\UHHHHHHHH',
        hint: 'a backslash itself is written \\\\',
      },
    )
  }
  if (!verbatim) {
    const value = Number.parseInt(body, letterAt === 'x' || digits > 3 ? 16 : 8)
    // As int32 the upper half is negative and passes for U+FFFD in HCL 1.
    const beyond =
      digits === 8 ? value > 0x10ffff && value < 0x80000000 : digits === 3 && value > 255
    if (beyond)
      throw new Fault(
        'hcl/string',
        start,
        `the escape \\${text.slice(start + 1, end)} is out of range`,
      )
  }
  return end
}

function heredocEnd(text: string, start: number): number {
  if (text[start + 1] !== '<') {
    throw new Fault('hcl/heredoc', start, 'a single "<"', { expected: '"<<" and a word' })
  }
  const indented = text[start + 2] === '-'
  const wordStart = start + (indented ? 3 : 2)
  let at = wordStart
  for (let units = wordUnits(text, at, true); units > 0; units = wordUnits(text, at, true))
    at += units
  const bare = text.slice(wordStart, at)
  let returns = 0
  while (text.charCodeAt(at) === carriageReturn) {
    returns += 1
    at += 1
  }
  if (at >= text.length) throw unclosed(start, bare)
  if (text.charCodeAt(at) !== newline || returns > 2) {
    throw new Fault('hcl/heredoc', start, 'the heredoc does not start with a word alone', {
      expected: 'letters and digits, then the end of the line',
    })
  }
  // The CR of a CRLF is not there; one more becomes part of the word.
  const extra = returns === 2
  if (bare === '' && !extra)
    throw new Fault('hcl/heredoc', start, 'the heredoc has no closing word')
  const least = bare.length + (extra ? 1 : 0) + (indented ? 1 : 0)
  for (let line = at + 1; ;) {
    const lineEnd = text.indexOf('\n', line)
    if (lineEnd === -1) throw unclosed(start, bare)
    const end =
      text.charCodeAt(lineEnd - 1) === carriageReturn && lineEnd > line ? lineEnd - 1 : lineEnd
    // HCL 1 compares lengths first and counts the "-": an unindented word does not close "<<-".
    if (end - line >= least && closes(text, line, end, bare, extra)) return lineEnd + 1
    line = lineEnd + 1
  }
}

function closes(
  text: string,
  start: number,
  end: number,
  word: string,
  needsReturn: boolean,
): boolean {
  let last = end
  while (last > start && text.charCodeAt(last - 1) === carriageReturn) last -= 1
  if (needsReturn && last === end) return false
  if (!text.startsWith(word, last - word.length) || last - word.length < start) return false
  for (let at = start; at < last - word.length; at += 1) {
    const code = text.charCodeAt(at)
    // [[:space:]] of RE2: tab, LF, VT, FF, CR, space.
    if (code !== 0x20 && (code < 0x09 || code > 0x0d)) return false
  }
  return true
}

function unclosed(start: number, word: string): Fault {
  return new Fault('hcl/heredoc', start, 'the heredoc is not closed', {
    expected: `a line with ${word === '' ? 'the word' : word} alone, and a newline behind it`,
    hint: 'in HCL 1 the closing word of "<<-" must be indented, and nothing may follow it on its line',
  })
}

function illegalCharacter(text: string, at: number): Fault {
  const point = text.codePointAt(at)!
  const shown =
    point > 0x20 && point < 0x7f
      ? `"${String.fromCodePoint(point)}"`
      : `U+${point.toString(16).toUpperCase().padStart(4, '0')}`
  const template = /^(?:<%|%|@@|\$|`)/.test(text.slice(at, at + 2))
  return new Fault('hcl/character', at, `the character ${shown} has no meaning here`, {
    hint: template ? 'is this an unrendered template?' : undefined,
  })
}
