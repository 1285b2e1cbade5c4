/**
 * Edits to a document as splices: values are replaced token by token, attributes and blocks are
 * inserted in the layout of their neighbours, and nothing is ever printed anew.
 *
 * @module
 */

import type { Splice } from '../splice.js'
import { sameKey } from './fold.js'
import {
  alignmentOf,
  contentIndentation,
  indentationOf,
  indentationUnit,
  isBlank,
  lineStartOf,
  newlineOf,
  onOwnLine,
} from './layout.js'
import { asBoolean, asInteger, asString } from './literal.js'
import type { Document, Item, Literal, ObjectValue } from './tree.js'
import { type Scalar, writeLiteral } from './write-literal.js'

/** An attribute to be set. */
export interface Attribute {
  /** Its key. */
  readonly name: string
  /** What it is set to. */
  readonly value: Scalar
}

/**
 * Lists the items of an object that have one key and no label, in any case of letters.
 *
 * @param object An object of a document.
 * @param name The key.
 * @returns The items in the order of the text.
 */
export function itemsNamed(object: ObjectValue, name: string): Item[] {
  return object.items.filter(({ keys }) => sameKey(keys[0]!.name, name))
}

/**
 * Tells whether a literal already means a value, the way HashiCorp's decoder reads it into that type: `"true"`
 * and `1` mean `true`.
 *
 * @param document The document of the literal.
 * @param literal What stands there.
 * @param value What is wanted.
 * @returns Whether nothing has to change.
 */
export function means(document: Document, literal: Literal, value: Scalar): boolean {
  switch (typeof value) {
    case 'boolean':
      return asBoolean(document, literal) === value
    case 'number':
      return asInteger(document, literal) === BigInt(value)
    default:
      return asString(document, literal) === value
  }
}

/**
 * Sets attributes of an object: a literal that already means the value is left alone, another one
 * is replaced, and what is missing is added behind the last item, in the order given.
 *
 * @param document The document.
 * @param object An object of the document.
 * @param attributes Names that the object holds at most once, and there as a literal; values that
 * can be written (see `unwritable`).
 *
 * @returns Splices for the document's text, none of which overlap; empty if nothing has to change.
 */
export function setAttributes(
  document: Document,
  object: ObjectValue,
  attributes: readonly Attribute[],
): Splice[] {
  const splices: Splice[] = []
  const missing: Attribute[] = []
  for (const attribute of attributes) {
    const literal = itemsNamed(object, attribute.name)[0]?.value
    if (literal === undefined) missing.push(attribute)
    else if (literal.type === 'literal' && !means(document, literal, attribute.value)) {
      splices.push(replaceLiteral(document, literal, attribute.value))
    }
  }
  if (missing.length > 0) {
    splices.push(
      document.syntax === 'json'
        ? insertProperties(document, object, missing.map(property))
        : insertAttributes(document, object, missing),
    )
  }
  return splices
}

/**
 * Replaces a value and nothing else; a heredoc's last newline is put back.
 *
 * @param document The document of the literal.
 * @param literal What is replaced.
 * @param value What stands there afterwards.
 * @returns One splice for the document's text.
 */
export function replaceLiteral({ text }: Document, literal: Literal, value: Scalar): Splice {
  const { start, end, kind } = literal
  const tail = kind !== 'heredoc' ? '' : text[end - 2] === '\r' ? '\r\n' : '\n'
  return { start, end, text: writeLiteral(value) + tail }
}

/**
 * Removes an item; in HCL together with its line, if nothing else stands on it.
 *
 * @param document The document.
 * @param object The object that holds it.
 * @param item The item.
 * @returns One splice for the document's text.
 */
export function removeItem(document: Document, object: ObjectValue, item: Item): Splice {
  const { text, syntax } = document
  let { start, end } = item
  const commaAt = nextMark(document, end)
  if (commaAt !== undefined) end = commaAt + 1
  else if (syntax === 'json') {
    const before = object.items[object.items.indexOf(item) - 1]
    if (before !== undefined) return { start: before.end, end, text: '' }
  }
  const lineStart = lineStartOf(text, start)
  if (isBlank(text, lineStart, start)) {
    const lineEnd = text.indexOf('\n', end)
    if (item.value.type === 'literal' && item.value.kind === 'heredoc' && end === item.end) {
      start = lineStart
    } else if (lineEnd !== -1 && isBlank(text, end, lineEnd)) {
      start = lineStart
      end = lineEnd + 1
    }
  }
  return { start, end, text: '' }
}

/**
 * Adds a top-level block (in JSON: a property that holds an object) at the end of the document.
 *
 * @param document The document.
 * @param key The block's key.
 * @param attributes What it holds.
 * @returns One splice for the document's text.
 */
export function appendBlock(
  document: Document,
  key: string,
  attributes: readonly Attribute[],
): Splice {
  const { text, syntax, root } = document
  const newline = newlineOf(text)
  if (syntax === 'json') {
    const unit = indentationUnit(document)
    const multiline = root.items.length === 0 || onOwnLine(document, root, root.items.at(-1)!)
    const indent = contentIndentation(document, root)
    const inside = attributes.map(({ name, value }) => `${quoted(name)}: ${writeLiteral(value)}`)
    const held = multiline
      ? ['{', inside.map((line) => indent + unit + line).join(`,${newline}`), `${indent}}`].join(
          newline,
        )
      : `{${inside.join(', ')}}`
    return insertProperties(document, root, [{ key, text: held }])
  }
  const block = blockText(key, attributes, indentationUnit(document), newline)
  const end = text.length
  if (text === '') return { start: 0, end, text: block + newline }
  // A file without a final newline stays one.
  const complete = text.endsWith('\n')
  const blankLine = /(?:^|\n)[ \t\r]*\n$/.test(text.slice(-200)) ? '' : newline
  const lead = complete ? blankLine : newline + newline
  return { start: end, end, text: lead + block + (complete ? newline : '') }
}

/** A block on its own, its `=` aligned as HashiCorp's formatter does; no newline at its end. */
function blockText(
  key: string,
  attributes: readonly Attribute[],
  indent: string,
  newline: string,
): string {
  const lines = attributeLines(attributes, indent, longest(attributes) + 1)
  return [`${key} {`, ...lines, '}'].join(newline)
}

function longest(attributes: readonly Attribute[]): number {
  return Math.max(0, ...attributes.map(({ name }) => name.length))
}

function attributeLines(attributes: readonly Attribute[], indent: string, width: number): string[] {
  return attributes.map(
    ({ name, value }) => `${indent}${`${name} `.padEnd(width)}= ${writeLiteral(value)}`,
  )
}

function insertAttributes(
  document: Document,
  object: ObjectValue,
  attributes: readonly Attribute[],
): Splice {
  const { text } = document
  const newline = newlineOf(text)
  const indent = contentIndentation(document, object)
  const aligned = object.items.length === 0 ? 0 : alignmentOf(document, object)
  const width = aligned === undefined ? 0 : Math.max(aligned, longest(attributes) + 1)
  const lines = attributeLines(attributes, indent, width).join(newline)
  const close = object.end - 1
  const lineStart = lineStartOf(text, close)
  if (lineStart > object.start && isBlank(text, lineStart, close)) {
    return { start: lineStart, end: lineStart, text: lines + newline }
  }
  const tail = newline + indentationOf(text, object.start)
  return { start: close, end: close, text: newline + lines + tail }
}

interface Property {
  readonly key: string
  readonly text: string
}

function property({ name, value }: Attribute): Property {
  return { key: name, text: writeLiteral(value) }
}

function quoted(name: string): string {
  return writeLiteral(name)
}

function insertProperties(
  document: Document,
  object: ObjectValue,
  properties: readonly Property[],
): Splice {
  const { text } = document
  const newline = newlineOf(text)
  const last = object.items.at(-1)
  const indent = contentIndentation(document, object)
  if (last === undefined) {
    const at = object.start + 1
    const written = properties.map(({ key, text: held }) => `${quoted(key)}: ${held}`)
    const inside = text.slice(at, object.end - 1)
    if (
      object !== document.root &&
      !text.slice(document.root.start, document.root.end).includes('\n')
    ) {
      return { start: at, end: at, text: written.join(', ') }
    }
    const lines = newline + written.map((line) => indent + line).join(`,${newline}`)
    const tail = inside.includes('\n') ? '' : newline + indentationOf(text, object.start)
    return { start: at, end: at, text: lines + tail }
  }
  const gap = text.slice(last.keys[0]!.end, last.value.start)
  const colon = gap.includes('\n') ? ': ' : gap
  const written = properties.map(({ key, text: held }) => quoted(key) + colon + held)
  const before = object.items.at(-2)
  const lead = text.slice(before === undefined ? object.start + 1 : before.end, last.start)
  const separator = onOwnLine(document, object, last)
    ? newline + indent
    : lead.includes('\n')
      ? ' '
      : lead.replace(',', '')
  const commaAt = nextMark(document, last.end)
  const at = commaAt === undefined ? last.end : commaAt + 1
  const first = commaAt === undefined ? ',' : ''
  return { start: at, end: at, text: first + separator + written.join(`,${separator}`) }
}

/** Where the comma behind an item stands, if one does; comments may lie between. */
function nextMark({ text, comments }: Document, from: number): number | undefined {
  let at = from
  for (;;) {
    while (at < text.length && ' \t\r\n'.includes(text[at]!)) at += 1
    const comment = text[at] === '#' || text[at] === '/' ? commentAt(comments, at) : undefined
    if (comment === undefined) return text[at] === ',' ? at : undefined
    at = comment
  }
}

function commentAt(comments: Document['comments'], start: number): number | undefined {
  let low = 0
  let high = comments.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (comments[middle]!.start < start) low = middle + 1
    else high = middle
  }
  return comments[low]?.start === start ? comments[low]!.end : undefined
}
