/**
 * JSON from another machine, read so that every value knows its place: strictly (RFC 8259), without
 * repeated keys, and only as deep and as long as what is expected. Several documents may stand one
 * after another, as `cat` leaves them.
 *
 * @module
 */

/** A value and where it begins. */
export type JsonNode =
  | {
      readonly kind: 'object'
      readonly at: number
      readonly members: ReadonlyMap<string, JsonNode>
    }
  | { readonly kind: 'array'; readonly at: number; readonly items: readonly JsonNode[] }
  | {
      readonly kind: 'value'
      readonly at: number
      readonly value: string | number | boolean | null
    }

/** What stopped the reader. */
export interface JsonFault {
  /** UTF-16 offset. */
  readonly at: number
  /** One sentence: lower case, no full stop. */
  readonly message: string
}

/** How deep values may be nested. */
const depthLimit = 16

/** More values than the evidence of ten thousand agents has: a value takes about a hundred bytes. */
const valueLimit = 1_000_000

/** Longer than any text of evidence, UTF-16 units. */
const textLimit = 16_384

/**
 * Reads one JSON document after the other from a text, with the place of each value.
 *
 * @param text Anything.
 * @returns The documents up to the first fault; a text of white space alone is a fault.
 */
export function readJsonText(text: string): {
  readonly documents: readonly JsonNode[]
  readonly fault?: JsonFault | undefined
} {
  const reader = new Reader(text)
  const documents: JsonNode[] = []
  try {
    reader.space()
    do documents.push(reader.value(0))
    while (!reader.atEnd())
  } catch (error) {
    if (!(error instanceof Stop)) throw error
    return { documents, fault: { at: error.at, message: error.message } }
  }
  return { documents }
}

class Stop extends Error {
  readonly at: number

  constructor(at: number, message: string) {
    super(message)
    this.at = at
  }
}

const space = /[\t\n\r ]*/y
// RFC 8259 §6 and §7: no leading zeros, no raw control characters.
const number = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y
// eslint-disable-next-line no-control-regex
const plain = /[^"\\\u0000-\u001f]{1,1024}/y
const escape = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y
const word = /true|false|null/y
const words: Readonly<Record<string, boolean | null>> = { true: true, false: false, null: null }

class Reader {
  readonly #text: string
  #at = 0
  #values = 0

  constructor(text: string) {
    this.#text = text
  }

  atEnd(): boolean {
    return this.#at >= this.#text.length
  }

  space(): void {
    this.#take(space)
  }

  /** Reads a value and the space behind it. */
  value(depth: number): JsonNode {
    const at = this.#at
    const node = this.#value(at, depth)
    this.space()
    return node
  }

  #value(at: number, depth: number): JsonNode {
    this.#values += 1
    if (this.#values > valueLimit) throw new Stop(at, `it holds more than ${valueLimit} values`)
    if (depth > depthLimit) throw new Stop(at, `values are nested deeper than ${depthLimit}`)
    switch (this.#text[at]) {
      case '{':
        return { kind: 'object', at, members: this.#members(depth) }
      case '[':
        return { kind: 'array', at, items: this.#items(depth) }
      case '"':
        return { kind: 'value', at, value: this.#string() }
      case undefined:
        throw new Stop(
          at,
          this.#text.trim() === '' ? 'there is nothing in it' : 'it ends in the middle',
        )
      default: {
        const known = this.#take(word)
        if (known !== undefined) return { kind: 'value', at, value: words[known]! }
        const digits = this.#take(number)
        if (digits === undefined) throw new Stop(at, 'this is not JSON')
        return { kind: 'value', at, value: Number(digits) }
      }
    }
  }

  #members(depth: number): ReadonlyMap<string, JsonNode> {
    const members = new Map<string, JsonNode>()
    this.#list('}', () => {
      const at = this.#at
      const key = this.#string()
      if (members.has(key)) throw new Stop(at, `the key ${shown(key)} stands twice in one object`)
      this.space()
      this.#expect(':')
      members.set(key, this.value(depth + 1))
    })
    return members
  }

  #items(depth: number): readonly JsonNode[] {
    const items: JsonNode[] = []
    this.#list(']', () => items.push(this.value(depth + 1)))
    return items
  }

  #list(end: '}' | ']', one: () => void): void {
    this.#at += 1
    this.space()
    if (this.#text[this.#at] === end) {
      this.#at += 1
      return
    }
    for (;;) {
      one()
      if (this.#text[this.#at] === end) {
        this.#at += 1
        return
      }
      this.#expect(',')
    }
  }

  #string(): string {
    const at = this.#at
    const raw = this.#quoted()
    if (raw === undefined) {
      const long = this.#at - at > textLimit
      this.#at = at
      throw new Stop(
        at,
        long
          ? `this text is longer than ${textLimit} characters`
          : this.#text[at] === '"'
            ? 'this text has no end, or holds what JSON escapes'
            : this.#missing('a text in double quotes'),
      )
    }
    return raw.includes('\\') ? (JSON.parse(raw) as string) : raw.slice(1, -1)
  }

  /** A text with its quotes; piece by piece, because one pattern for all of it needs a stack as long. */
  #quoted(): string | undefined {
    const at = this.#at
    if (this.#text[at] !== '"') return undefined
    this.#at += 1
    while (this.#at - at <= textLimit) {
      if (this.#text[this.#at] === '"') {
        this.#at += 1
        return this.#text.slice(at, this.#at)
      }
      if (this.#take(plain) === undefined && this.#take(escape) === undefined) return undefined
    }
    return undefined
  }

  #expect(sign: string): void {
    if (this.#text[this.#at] !== sign) throw new Stop(this.#at, this.#missing(`"${sign}"`))
    this.#at += 1
    this.space()
  }

  #missing(what: string): string {
    return this.atEnd() ? 'it ends in the middle' : `${what} belongs here`
  }

  #take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at
    const found = pattern.exec(this.#text)?.[0]
    if (found !== undefined) this.#at += found.length
    return found
  }
}

/** A text of unknown length and origin, to stand in a message. */
export function shown(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text)
}
