/**
 * JSON text to the same tree, through `jsonc-parser`: trailing commas are allowed, because
 * HashiCorp's JSON reader allows them; comments are not. What valid JSON that reader cannot decode,
 * or at which it silently loses its place, is refused here.
 *
 * @module
 */

import { type Node, type ParseError, parseTree, printParseErrorCode } from 'jsonc-parser'
import { Fault } from './fault.js'
import { depthLimit } from './read-hcl.js'
import type { Document, Item, List, Literal, ObjectValue, Value } from './tree.js'

/**
 * Reads JSON.
 *
 * @param text Starts, after space, with `{`; free of NUL.
 * @throws {Fault} At the first thing that is wrong.
 */
export function readJson(text: string): Document {
  refuseDepth(text)
  const errors: ParseError[] = []
  const tree = parseTree(text, errors, { allowTrailingComma: true, disallowComments: true })
  // A raw tab in a string is fine for HashiCorp's reader.
  const error = errors.find(({ error: code }) => printParseErrorCode(code) !== 'InvalidCharacter')
  if (error !== undefined)
    throw new Fault('hcl/json', error.offset, sentence(error), { hint: hint(text, error) })
  if (tree?.type !== 'object') throw new Fault('hcl/json', 0, 'the text is not a JSON object')
  const root = object(text, tree)
  return { syntax: 'json', text, root, comments: [] }
}

function sentence({ error }: ParseError): string {
  const name = printParseErrorCode(error)
  if (name === 'EndOfFileExpected') return 'something follows the JSON object'
  if (name === 'InvalidCommentToken') return 'JSON has no comments'
  const words = name.replace(/([A-Z])/g, ' $1').trim()
  return `not valid JSON: ${words.toLowerCase()}`
}

function hint(text: string, { error, offset }: ParseError): string {
  if (printParseErrorCode(error) === 'EndOfFileExpected') return 'Nomad would ignore it silently'
  return text.startsWith('{{') || /^(?:\{\{|\{%|<%)/.test(text.slice(offset, offset + 2))
    ? 'is this an unrendered template?'
    : 'a text whose first character is "{" is read as JSON, whatever its name'
}

/** `parseTree` recurses; so the depth is counted before. */
function refuseDepth(text: string): void {
  let depth = 0
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at)
    if (code === 0x22) {
      for (at += 1; at < text.length; at += 1) {
        const inside = text.charCodeAt(at)
        if (inside === 0x5c) at += 1
        else if (inside === 0x22 || inside === 0x0a) break
      }
    } else if (code === 0x7b || code === 0x5b) {
      depth += 1
      if (depth > depthLimit) {
        throw new Fault('hcl/too-deep', at, `nested more than ${depthLimit} levels deep`)
      }
    } else if (code === 0x7d || code === 0x5d) depth -= 1
  }
}

function object(text: string, node: Node): ObjectValue {
  const items: Item[] = []
  for (const property of node.children ?? []) {
    const [key, held] = property.children ?? []
    if (key === undefined || held === undefined) {
      throw new Fault('hcl/json', property.offset, 'a key without a value')
    }
    checkEscapes(text, key)
    const start = key.offset
    const value = convert(text, held)
    items.push({
      start,
      end: value.end,
      keys: [{ start, end: start + key.length, name: key.value as string, quoted: true }],
      assign: property.colonOffset,
      value,
    })
  }
  return { type: 'object', start: node.offset, end: node.offset + node.length, items }
}

function convert(text: string, node: Node): Value {
  switch (node.type) {
    case 'object':
      return object(text, node)
    case 'array':
      return list(text, node)
    default:
      return literal(text, node)
  }
}

function list(text: string, node: Node): List {
  const items = (node.children ?? []).map((child) => {
    // json/parser/parser.go listType passes over an inner "[" and then ends at the inner "]".
    if (child.type === 'array') {
      throw new Fault('hcl/json-nested-list', child.offset, 'a list inside a list', {
        hint: 'HCL 1 ends the outer list at the inner "]" and loses what follows; write this file in HCL',
      })
    }
    if (child.type === 'null') {
      throw new Fault('hcl/json', child.offset, 'null inside a list', { hint: 'leave it out' })
    }
    return convert(text, child)
  })
  return { type: 'list', start: node.offset, end: node.offset + node.length, items }
}

function literal(text: string, node: Node): Literal {
  const start = node.offset
  const end = start + node.length
  const base = { type: 'literal', start, end } as const
  switch (node.type) {
    case 'boolean':
      return { ...base, kind: 'bool' }
    case 'number':
      return { ...base, kind: /[.eE]/.test(text.slice(start, end)) ? 'float' : 'number' }
    case 'string':
      checkEscapes(text, node)
      return { ...base, kind: 'string' }
    case 'null':
      return { ...base, kind: 'null' }
    default:
      throw new Fault('hcl/json', start, 'not a JSON value')
  }
}

/**
 * Go's `strconv.Unquote` knows no `\/` and takes no surrogates, single or in pairs. Escapes that
 * JSON does not know are looked for again, because `jsonc-parser` reports one fault per string, and a
 * raw tab behind a wrong escape hides it.
 */
function checkEscapes(text: string, node: Node): void {
  const raw = text.slice(node.offset, node.offset + node.length)
  if (!raw.includes('\\')) return
  for (const match of raw.matchAll(/\\(?:(u[0-9a-fA-F]{4})|(.))/gs)) {
    const [, unicode, single] = match
    const at = node.offset + match.index
    if (single === '/') {
      throw new Fault('hcl/json-escape', at, 'the escape "\\/" stops Nomad', {
        expected: 'a plain "/"',
      })
    }
    if (single !== undefined && !'"\\bfnrt'.includes(single)) {
      throw new Fault('hcl/json', at, 'not valid JSON: invalid escape character')
    }
    if (unicode !== undefined && /^u[dD][89a-fA-F]/.test(unicode)) {
      throw new Fault('hcl/json-escape', at, 'a surrogate escape stops Nomad', {
        expected: 'the character itself',
      })
    }
  }
}
