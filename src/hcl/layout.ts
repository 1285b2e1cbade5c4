/**
 * How a text is laid out around a place: what an insertion has to look like to go unnoticed.
 *
 * @module
 */

import type { Document, Item, ObjectValue } from './tree.js'

/** The text's own kind of newline, by its first one. */
export function newlineOf(text: string): string {
  const first = text.indexOf('\n')
  return first > 0 && text[first - 1] === '\r' ? '\r\n' : '\n'
}

/** Where the line of an offset starts. */
export function lineStartOf(text: string, offset: number): number {
  return offset === 0 ? 0 : text.lastIndexOf('\n', offset - 1) + 1
}

/** Whether there is nothing but blanks between two offsets. */
export function isBlank(text: string, start: number, end: number): boolean {
  for (let at = start; at < end; at += 1) {
    const code = text.charCodeAt(at)
    if (code !== 0x20 && code !== 0x09 && code !== 0x0d) return false
  }
  return true
}

/** The blanks at the start of an offset's line. */
export function indentationOf(text: string, offset: number): string {
  const start = lineStartOf(text, offset)
  let end = start
  while (text[end] === ' ' || text[end] === '\t') end += 1
  return text.slice(start, end)
}

/** Whether an item is the first thing on its line, and not on the line of the opening brace. */
export function onOwnLine({ text }: Document, object: ObjectValue, item: Item): boolean {
  // Back over the blanks alone: a line may be a megabyte long and hold every item of the text.
  let start = item.start
  while (start > 0 && isBlank(text, start - 1, start)) start -= 1
  if (start > 0 && text[start - 1] !== '\n') return false
  return start > object.start || start === 0
}

/** The indentation of an object's content, as its last item on a line of its own has it. */
export function contentIndentation(document: Document, object: ObjectValue): string {
  const { text } = document
  for (let at = object.items.length - 1; at >= 0; at -= 1) {
    const item = object.items[at]!
    if (onOwnLine(document, object, item)) return indentationOf(text, item.start)
  }
  return indentationOf(text, object.start) + indentationUnit(document)
}

/** One level of indentation: what the first item of the root's first block has, else two spaces. */
export function indentationUnit(document: Document): string {
  const { text, root, syntax } = document
  if (syntax === 'json') {
    const first = root.items[0]
    if (first !== undefined && onOwnLine(document, root, first)) {
      return indentationOf(text, first.start) || '  '
    }
    return '  '
  }
  for (const { value } of root.items) {
    if (value.type !== 'object') continue
    for (const item of value.items) {
      if (onOwnLine(document, value, item)) {
        return indentationOf(text, item.start).startsWith('\t') ? '\t' : '  '
      }
    }
  }
  return '  '
}

/**
 * The column, counted from the start of the key, at which an object's items have their `=`;
 * `undefined` unless several keys of different lengths agree on it.
 */
export function alignmentOf(document: Document, object: ObjectValue): number | undefined {
  let width: number | undefined
  const lengths = new Set<number>()
  for (const item of object.items) {
    const [key] = item.keys
    if (key === undefined || item.assign === undefined || !onOwnLine(document, object, item))
      continue
    const here = item.assign - item.start
    if (width !== undefined && width !== here) return undefined
    width = here
    lengths.add(key.end - key.start)
  }
  return lengths.size > 1 ? width : undefined
}
