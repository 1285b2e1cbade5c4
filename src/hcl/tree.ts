/**
 * The tree of a configuration: nothing but ranges into the original text, so that an edit is a
 * splice and everything else stays where it was. HCL 1 and JSON share it.
 *
 * @module
 */

/** From `start` up to `end`: UTF-16 offsets into the text of the document. */
export interface Range {
  /** The first character. */
  readonly start: number
  /** Behind the last character. */
  readonly end: number
}

/** What a literal is written as; `null` occurs in JSON only, `heredoc` in HCL only. */
export type LiteralKind = 'bool' | 'number' | 'float' | 'string' | 'heredoc' | 'null'

/** A value without parts. A heredoc's range includes the newline behind its closing word. */
export interface Literal extends Range {
  /** What tells the kinds of values apart. */
  readonly type: 'literal'
  /** How it is written. */
  readonly kind: LiteralKind
}

/** `[ … ]` */
export interface List extends Range {
  /** What tells the kinds of values apart. */
  readonly type: 'list'
  /** In the order of the text. */
  readonly items: readonly Value[]
}

/** `{ … }`; the range includes the braces, except for the root of an HCL text. */
export interface ObjectValue extends Range {
  /** What tells the kinds of values apart. */
  readonly type: 'object'
  /** In the order of the text. */
  readonly items: readonly Item[]
}

/** Any value. */
export type Value = Literal | List | ObjectValue

/** A key or a block's label, as written and as meant. */
export interface Key extends Range {
  /** Without quotes and escapes. */
  readonly name: string
  /** Whether it is written in quotes. */
  readonly quoted: boolean
}

/** `key = value`, `key label { … }` or, in JSON, `"key": value`. */
export interface Item extends Range {
  /** At least one; more than one for a block with labels. */
  readonly keys: readonly Key[]
  /** Where `=` or `:` stands; absent for `key { … }`. */
  readonly assign?: number | undefined
  /** What stands behind the keys. */
  readonly value: Value
}

/** A whole text. */
export interface Document {
  /** Decided as HashiCorp's decoder does: by the first character that is not space. */
  readonly syntax: 'hcl' | 'json'
  /** The source; every range counts in it. */
  readonly text: string
  /** What stands at the top; its range is the whole text of an HCL file. */
  readonly root: ObjectValue
  /** In order of appearance; a line comment without its newline. */
  readonly comments: readonly Range[]
}
