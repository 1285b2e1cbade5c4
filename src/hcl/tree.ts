/**
 * The tree of a configuration: nothing but ranges into the original text, so that an edit is a
 * splice and everything else stays where it was. HCL 1 and JSON share it.
 *
 * @module
 */

/** From `start` up to `end`: UTF-16 offsets into the text of the document. */
export interface Range {
  readonly start: number
  readonly end: number
}

/** What a literal is written as; `null` occurs in JSON only, `heredoc` in HCL only. */
export type LiteralKind = 'bool' | 'number' | 'float' | 'string' | 'heredoc' | 'null'

/** A value without parts. A heredoc's range includes the newline behind its closing word. */
export interface Literal extends Range {
  readonly type: 'literal'
  readonly kind: LiteralKind
}

/** `[ … ]` */
export interface List extends Range {
  readonly type: 'list'
  readonly items: readonly Value[]
}

/** `{ … }`; the range includes the braces, except for the root of an HCL text. */
export interface ObjectValue extends Range {
  readonly type: 'object'
  readonly items: readonly Item[]
}

/** Any value. */
export type Value = Literal | List | ObjectValue

/** A key or a block's label, as written and as meant. */
export interface Key extends Range {
  /** Without quotes and escapes. */
  readonly name: string
  readonly quoted: boolean
}

/** `key = value`, `key label { … }` or, in JSON, `"key": value`. */
export interface Item extends Range {
  /** At least one; more than one for a block with labels. */
  readonly keys: readonly Key[]
  /** Where `=` or `:` stands; absent for `key { … }`. */
  readonly assign?: number | undefined
  readonly value: Value
}

/** A whole text. */
export interface Document {
  /** Decided as HashiCorp's decoder does: by the first character that is not space. */
  readonly syntax: 'hcl' | 'json'
  readonly text: string
  readonly root: ObjectValue
  /** In order of appearance; a line comment without its newline. */
  readonly comments: readonly Range[]
}
