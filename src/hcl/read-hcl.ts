/**
 * HCL 1 text to tree.
 *
 * ```
 * items  = { keys ( "=" value | "{" items "}" ) [ "," ] }
 * keys   = ( word | string ) { word | string }          only one before "="
 * value  = bool | number | string | heredoc | "{" items "}" | "[" list "]"
 * ```
 *
 * Deliberately stricter than HashiCorp's parser in one respect: where an error is followed by `}`
 * or the end of the text, theirs drops what it has read so far and goes on (`{ a = }}`).
 *
 * @module
 */

import { Fault } from './fault.js'
import { lexer, type Token } from './lexer.js'
import { keyName } from './literal.js'
import type { Document, Item, Key, List, ObjectValue, Range, Value } from './tree.js'

/** How deep blocks and lists may be nested: real configurations stay below ten. */
export const depthLimit = 200

/**
 * Reads HCL 1.
 *
 * @param text Free of NUL, U+E123, byte order mark and lone surrogates.
 * @throws {Fault} At the first thing that is wrong.
 */
export function readHcl(text: string): Document {
  const comments: Range[] = []
  const next = lexer(text, comments)
  let token = next()

  function advance(): Token {
    const passed = token
    token = next()
    return passed
  }

  function items(depth: number, open: number | undefined): Item[] {
    const found: Item[] = []
    for (;;) {
      if (token.kind === '}' && open !== undefined) return found
      if (token.kind === 'end') {
        if (open === undefined) return found
        throw new Fault('hcl/unclosed', open, 'the block is not closed', { expected: '"}"' })
      }
      found.push(item(depth))
      if (token.kind === ',') advance()
    }
  }

  function item(depth: number): Item {
    const keys: Key[] = []
    while (token.kind === 'word' || token.kind === 'string') {
      const { start, end, kind } = advance()
      keys.push({ start, end, name: keyName(text, start, end), quoted: kind === 'string' })
    }
    const first = keys[0]
    if (first === undefined) throw noKey(text, token)
    if (token.kind === '=') {
      if (keys.length > 1) {
        throw new Fault('hcl/syntax', token.start, 'a block with labels is not assigned', {
          hint: `remove the "=", or all keys but one before it`,
        })
      }
      const assign = advance().start
      const held = value(depth, first)
      return { start: first.start, end: held.end, keys, assign, value: held }
    }
    if (token.kind === '{') {
      const held = object(depth)
      return { start: first.start, end: held.end, keys, value: held }
    }
    throw noValue(text, keys, token)
  }

  function value(depth: number, key: Key): Value {
    switch (token.kind) {
      case 'bool':
      case 'number':
      case 'float':
      case 'string':
      case 'heredoc': {
        const { kind, start, end } = token
        advance()
        return { type: 'literal', kind, start, end }
      }
      case '{':
        return object(depth)
      case '[':
        return list(depth)
      case 'word':
        throw bareWord(text, token)
      case 'end':
      case '}':
        throw new Fault('hcl/no-value', key.start, `"${key.name}" has no value`, {
          hint: 'HCL 1 would drop it silently',
        })
      default:
        throw unexpected(text, token, 'a value')
    }
  }

  function object(depth: number): ObjectValue {
    const open = enter(depth)
    const inside = items(depth + 1, open)
    const { end } = advance()
    return { type: 'object', start: open, end, items: inside }
  }

  function list(depth: number): List {
    const open = enter(depth)
    const inside: Value[] = []
    let separated = true
    for (;;) {
      switch (token.kind) {
        case ']':
          return { type: 'list', start: open, end: advance().end, items: inside }
        case ',':
          advance()
          separated = true
          continue
        case 'end':
          throw new Fault('hcl/unclosed', open, 'the list is not closed', { expected: '"]"' })
        case 'word':
          throw bareWord(text, token)
        case 'bool':
        case 'number':
        case 'float':
        case 'string':
        case 'heredoc':
        case '{':
        case '[':
          break
        default:
          throw unexpected(text, token, separated ? 'a value or "]"' : '"," or "]"')
      }
      if (!separated) throw unexpected(text, token, '"," or "]"')
      if (token.kind === '[') inside.push(list(depth + 1))
      else if (token.kind === '{') {
        inside.push(object(depth + 1))
        separated = false
      } else {
        const { kind, start, end } = token
        advance()
        inside.push({ type: 'literal', kind, start, end })
        separated = false
      }
    }
  }

  function enter(depth: number): number {
    if (depth >= depthLimit) {
      throw new Fault('hcl/too-deep', token.start, `nested more than ${depthLimit} levels deep`)
    }
    return advance().start
  }

  const root: ObjectValue = {
    type: 'object',
    start: 0,
    end: text.length,
    items: items(0, undefined),
  }
  return { syntax: 'hcl', text, root, comments }
}

function shown(text: string, token: Token): string {
  if (token.kind === 'end') return 'the end of the text'
  // Never the content of a string: it may be a secret.
  if (token.kind === 'string' || token.kind === 'heredoc') return `a ${token.kind}`
  const word = text.slice(token.start, Math.min(token.end, token.start + 40))
  return `"${word}"`
}

function unexpected(text: string, token: Token, expected: string): Fault {
  return new Fault('hcl/syntax', token.start, `${shown(text, token)} where it cannot stand`, {
    expected,
    hint: templateHint(text, token.start),
  })
}

function noKey(text: string, token: Token): Fault {
  if (token.kind === 'end') return new Fault('hcl/syntax', token.start, 'the text ends too soon')
  if (token.kind === '}') {
    return new Fault('hcl/syntax', token.start, 'this "}" closes nothing', { expected: 'a key' })
  }
  return unexpected(text, token, 'a key')
}

function noValue(text: string, keys: readonly Key[], token: Token): Fault {
  const [{ start, end }] = keys as [Key, ...Key[]]
  const number = /[\d.]{1,40}$/.exec(text.slice(Math.max(0, start - 40), start))?.[0]
  if (number !== undefined) {
    const whole = number + text.slice(start, Math.min(end, start + 40))
    const at = start - number.length
    const known = /^[\d.]+(?:ns|us|ms|s|m|h|d|w|[kmgt]?i?b|%)$/i.test(whole)
    const what = known ? `"${whole}"` : 'a number with letters behind it'
    return new Fault('hcl/bare-word', at, `${what} is neither a number nor a string`, {
      hint: 'put it in quotes',
    })
  }
  const last = keys.at(-1)!
  // After `encrypt` without its "=" the text in quotes is the secret.
  const named = keys.filter(({ quoted }, at) => at === 0 || !quoted).map(({ name }) => name)
  const names = named.length > 4 ? `${named.slice(0, 4).join(' ')} …` : named.join(' ')
  if (token.kind === 'end' || token.kind === '}') {
    return new Fault('hcl/no-value', keys[0]!.start, `"${names}" has no value`, {
      expected: '"=" or "{"',
      hint: keys.length > 1 && last.quoted ? `is "=" missing after "${names}"?` : undefined,
    })
  }
  const bare = keys.length > 1 && !last.quoted
  return new Fault('hcl/syntax', token.start, `${shown(text, token)} after "${names}"`, {
    expected: '"=" or "{"',
    hint: bare ? undefined : templateHint(text, token.start),
  })
}

const knownWord =
  /^(?:true|false|yes|no|on|off|null|nil|none|undefined|(?:var|local|data|path|each|count|self|module)\.[\w.]*)$/i

function bareWord(text: string, token: Token): Fault {
  const word = text.slice(token.start, Math.min(token.end, token.start + 40))
  const lower = word.toLowerCase()
  const hint =
    lower === 'true' || lower === 'false'
      ? `write ${lower}`
      : lower === 'null'
        ? 'leave the key out: HCL 1 has no null'
        : text[token.end] === '('
          ? 'Nomad agents read HCL 1, which has no functions: write the value itself'
          : /^(?:var|local|data|path|each|count|self|module)\./.test(word)
            ? 'Nomad agents read HCL 1, which has no variables: write the value itself'
            : /^[A-Z0-9_]+$/.test(word)
              ? 'is this an unrendered template?'
              : 'put it in quotes'
  // A secret may have lost its quotes: only words that cannot be a secret are shown.
  const known = knownWord.test(word) || text[token.end] === '('
  const what = known ? `the word "${word}"` : 'a word without quotes'
  return new Fault('hcl/bare-word', token.start, `${what} is not a value`, {
    expected: 'a quoted string, a number, true, false, "{" or "["',
    hint,
  })
}

function templateHint(text: string, at: number): string | undefined {
  return /^(?:\{\{|\{%|\[\[|<%)/.test(text.slice(at, at + 2))
    ? 'is this an unrendered template?'
    : undefined
}
